//! How much one address may ask for, without writing an address down anywhere.
//!
//! An address counts as its HMAC (see [`super::prefix`]) under a key that lives in memory and is
//! thrown away every hour, with all that was counted under it.
//!
//! Sign-ins are counted by address, and by name, so that many addresses together cannot try one
//! name for ever. What strangers try must keep no agent out: an address that has signed in as a name
//! lately has an allowance of its own, and every other has a few tries at each name that the name's
//! count does not touch.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::{ErrorCode, Millis};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::prefix::{Hashed, counted_as, hashed, somebody_at};
use crate::config::Limits;

/// What is counted by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A notice or a page of the gate.
    Notice,
    /// A consent.
    Consent,
    /// A socket.
    Socket,
}

/// Who tries to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// From an address that has signed in as this name lately.
    Known,
    /// From any other.
    Strange,
}

/// Counts what is asked for.
#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    key: Zeroizing<[u8; 32]>,
    until: Millis,
    /// For each caller and kind: when, in microseconds, its allowance is full again.
    full_at_us: HashMap<(Hashed, Kind), i64>,
    /// Who has signed in under which name: both in one hash.
    known: HashSet<Hashed>,
    /// How often an address has tried a name.
    tries: HashMap<Hashed, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Address(Ask),
    /// A stranger's sign-in, by address.
    SignIn,
    /// A stranger's sign-in, by name.
    Name,
    /// A sign-in from where this name has signed in.
    Known,
}

/// One thing that is counted, and how much of it there is a minute.
type Claim = ((Hashed, Kind), u32);

const HOUR_MS: i64 = 3_600_000;
const MINUTE_US: i64 = 60_000_000;
/// So many times as much as one address may strangers together try one name.
const ADDRESSES: u32 = 6;
/// So many tries of an address at a name are nobody else's to use up, in an hour.
const OWN_TRIES: u32 = 3;
/// Callers that are counted at once; beyond it strangers wait.
const CALLERS: usize = 100_000;

impl Allowance {
    /// Nothing counted yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counted: Mutex::new(Counted {
                key: Zeroizing::new([0; 32]),
                until: Millis(i64::MIN),
                full_at_us: HashMap::new(),
                known: HashSet::new(),
                tries: HashMap::new(),
            }),
        }
    }

    /// Takes one `ask` of `address`.
    pub fn take_address(
        &self,
        ask: Ask,
        address: IpAddr,
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let per_minute = match ask {
            Ask::Notice => self.limits.notices_per_minute,
            Ask::Consent => self.limits.consents_per_minute,
            Ask::Socket => self.limits.sockets_per_minute,
        };
        let mut counted = self.counted(now, rng);
        let claims = of_address(&counted.key, address, Kind::Address(ask), per_minute);
        counted.take(&claims, now)
    }

    /// Takes one sign-in of `address` as `name`, before the password is looked at.
    pub fn sign_in(
        &self,
        name: &[u8],
        address: IpAddr,
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<Whence, ErrorCode> {
        let per_minute = self.limits.sign_ins_per_minute;
        let mut counted = self.counted(now, rng);
        let here = somebody_at(&counted.key, name, address, false);
        if counted.known.contains(&here) {
            counted.take(&[((here, Kind::Known), per_minute)], now)?;
            return Ok(Whence::Known);
        }
        let around = somebody_at(&counted.key, name, address, true);
        let tries = counted.tries.get(&around).copied().unwrap_or(0);
        let mut claims = of_address(&counted.key, address, Kind::SignIn, per_minute);
        let own = tries < OWN_TRIES && (tries > 0 || counted.tries.len() < CALLERS);
        if !own {
            let all = per_minute.saturating_mul(ADDRESSES);
            claims.push(((hashed(&counted.key, &[name]), Kind::Name), all));
        }
        counted.take(&claims, now)?;
        if own {
            counted.tries.insert(around, tries + 1);
        }
        Ok(Whence::Strange)
    }

    /// Somebody at `address` has signed in as `name`.
    pub fn signed_in(&self, name: &[u8], address: IpAddr, now: Millis, rng: &mut impl CryptoRng) {
        let mut counted = self.counted(now, rng);
        if counted.known.len() < CALLERS {
            let here = somebody_at(&counted.key, name, address, false);
            counted.known.insert(here);
        }
    }

    /// What was counted within the hour.
    fn counted(&self, now: Millis, rng: &mut impl CryptoRng) -> MutexGuard<'_, Counted> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= counted.until {
            rng.fill_bytes(counted.key.as_mut());
            counted.until = now.plus(HOUR_MS);
            counted.full_at_us.clear();
            counted.known.clear();
            counted.tries.clear();
        }
        counted
    }
}

impl Counted {
    /// Takes one of each, or of none.
    fn take(&mut self, claims: &[Claim], now: Millis) -> Result<(), ErrorCode> {
        let now_us = now.0.saturating_mul(1_000);
        let full_at_us = &mut self.full_at_us;
        // Those who are known are few, and wait for no stranger.
        let strange = claims.iter().any(|((_, kind), _)| *kind != Kind::Known);
        if strange && full_at_us.len() >= CALLERS {
            full_at_us.retain(|_, full_at| *full_at > now_us);
            let counted = |(caller, _): &Claim| full_at_us.contains_key(caller);
            if full_at_us.len() >= CALLERS && !claims.iter().all(counted) {
                return Err(ErrorCode::Overloaded);
            }
        }
        let after = |(caller, per_minute): &Claim| {
            let interval = MINUTE_US / i64::from((*per_minute).max(1));
            let full_at = full_at_us.get(caller).copied().unwrap_or(now_us);
            (*caller, full_at.max(now_us) + interval)
        };
        let after: Vec<_> = claims.iter().map(after).collect();
        if after
            .iter()
            .any(|(_, full_at)| full_at - now_us > MINUTE_US)
        {
            return Err(ErrorCode::RateLimited);
        }
        full_at_us.extend(after);
        Ok(())
    }
}

fn of_address(key: &[u8; 32], address: IpAddr, kind: Kind, per_minute: u32) -> Vec<Claim> {
    let counted = counted_as(key, address).into_iter();
    counted
        .map(|(caller, times)| ((caller, kind), per_minute.saturating_mul(times)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(5_000_000);
    const MIA: &[u8] = b"alpine\nmia";

    fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn limits() -> Limits {
        Limits {
            consents_per_minute: 3,
            sockets_per_minute: 3,
            sign_ins_per_minute: 10,
            ..Limits::default()
        }
    }

    #[test]
    fn an_address_has_its_allowance_and_a_neighbour_in_the_same_64_shares_it() {
        let allowance = Allowance::new(limits());
        let take = |address: &str, ask| {
            allowance.take_address(ask, address.parse().unwrap(), NOW, &mut rng())
        };
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"] {
            assert_eq!(take(host, Ask::Consent), Ok(()));
        }
        assert_eq!(
            take("2001:db8::3", Ask::Consent),
            Err(ErrorCode::RateLimited)
        );
        assert_eq!(take("2001:db8::3", Ask::Socket), Ok(()));
        assert_eq!(take("2001:db8:0:1::3", Ask::Consent), Ok(()));
        for _ in 0..3 {
            assert_eq!(take("192.0.2.1", Ask::Consent), Ok(()));
        }
        assert_eq!(
            take("::ffff:192.0.2.1", Ask::Consent),
            Err(ErrorCode::RateLimited)
        );
    }

    /// How many consents `networks` different /64s get together; `address` makes one of each.
    fn consents(networks: u16, address: impl Fn(u16) -> String) -> usize {
        let allowance = Allowance::new(limits());
        let take = |n: u16| {
            let address = address(n / 3).parse().unwrap();
            allowance.take_address(Ask::Consent, address, NOW, &mut rng())
        };
        (0..networks * 3).filter(|n| take(*n).is_ok()).count()
    }

    #[test]
    fn the_64s_of_one_56_have_four_allowances_together_and_those_of_one_48_sixteen() {
        assert_eq!(consents(256, |n| format!("2001:db8:0:{n:x}::1")), 4 * 3);
        assert_eq!(consents(256, |n| format!("2001:db8:0:{n:x}00::1")), 16 * 3);
        assert_eq!(consents(256, |n| format!("2001:db8:{n:x}::1")), 256 * 3);
    }

    #[test]
    fn after_an_hour_nothing_of_what_was_counted_is_left() {
        let allowance = Allowance::new(limits());
        let home = "192.0.2.1".parse().unwrap();
        allowance
            .take_address(Ask::Consent, home, NOW, &mut rng())
            .unwrap();
        allowance.sign_in(MIA, home, NOW, &mut rng()).unwrap();
        allowance.signed_in(MIA, home, NOW, &mut rng());
        let before = *allowance.counted.lock().unwrap().key;
        let later = NOW.plus(HOUR_MS);
        allowance
            .take_address(Ask::Socket, home, later, &mut rng())
            .unwrap();
        let counted = allowance.counted.lock().unwrap();
        assert_ne!(before, *counted.key);
        assert_eq!(counted.full_at_us.len(), 1);
        assert!(counted.known.is_empty() && counted.tries.is_empty());
    }

    /// Tries `name` from `addresses` strangers' addresses until each is refused; how many were not.
    fn besiege(allowance: &Allowance, name: &[u8], addresses: u8, now: Millis) -> usize {
        let mut tried = 0;
        for n in 0..addresses {
            let address = [203, 0, 113, n].into();
            while allowance.sign_in(name, address, now, &mut rng()).is_ok() {
                tried += 1;
            }
        }
        tried
    }

    #[test]
    fn strangers_who_use_up_a_name_keep_nobody_out_who_comes_from_elsewhere() {
        let allowance = Allowance::new(limits());
        let home = "192.0.2.7".parse().unwrap();
        let mut now = NOW;
        for _ in 0..5 {
            now = now.plus(1_000);
            besiege(&allowance, MIA, 200, now);
        }
        for _ in 0..OWN_TRIES {
            let tried = allowance.sign_in(MIA, home, now, &mut rng());
            assert_eq!(tried, Ok(Whence::Strange));
        }
        let refused = allowance.sign_in(MIA, home, now, &mut rng());
        assert_eq!(refused, Err(ErrorCode::RateLimited));
    }

    #[test]
    fn where_an_agent_has_signed_in_they_have_an_allowance_that_is_theirs_alone() {
        let allowance = Allowance::new(limits());
        let home = "192.0.2.7".parse().unwrap();
        allowance.sign_in(MIA, home, NOW, &mut rng()).unwrap();
        allowance.signed_in(MIA, home, NOW, &mut rng());
        besiege(&allowance, MIA, 200, NOW);
        // Even those who share the address, and try another name there.
        while allowance
            .sign_in(b"alpine\nben", home, NOW, &mut rng())
            .is_ok()
        {}
        let mut tries = 0;
        while let Ok(whence) = allowance.sign_in(MIA, home, NOW, &mut rng()) {
            assert_eq!(whence, Whence::Known);
            tries += 1;
        }
        assert_eq!(tries, 10);
        // It is this name's alone.
        let ben = allowance.sign_in(b"alpine\nben", home, NOW, &mut rng());
        assert_eq!(ben, Err(ErrorCode::RateLimited));
    }

    #[test]
    fn many_addresses_together_have_few_tries_at_a_name() {
        let allowance = Allowance::new(limits());
        // Three of each address, and what all may try together.
        assert_eq!(besiege(&allowance, MIA, 200, NOW), 200 * 3 + 60);
        let allowance = Allowance::new(limits());
        let mut tried = 0;
        for n in 0..=255 {
            let address = format!("2001:db8:0:{n:x}::1").parse().unwrap();
            while allowance.sign_in(MIA, address, NOW, &mut rng()).is_ok() {
                tried += 1;
            }
        }
        // One /56 has four addresses' tries, as ever.
        assert_eq!(tried, 40);
    }
}
