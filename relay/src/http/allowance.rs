//! How much one address may ask for, without writing an address down anywhere.
//!
//! An address (an IPv6 one by its /64) counts as its HMAC under a key that lives in memory and is
//! thrown away every hour, with all that was counted under it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::{ErrorCode, Millis};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::Limits;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A notice or a page of the gate.
    Notice,
    /// A consent.
    Consent,
    /// A socket.
    Socket,
    /// A sign-in, by address.
    SignIn,
    /// A sign-in, by name.
    SignInName,
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
    full_at_us: HashMap<(Hashed, Ask), i64>,
}

const HOUR_MS: i64 = 3_600_000;
const MINUTE_US: i64 = 60_000_000;
/// So many addresses may try one name before it has to wait.
const ADDRESSES: u32 = 6;
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
        of_address(address, |who| self.take(ask, who, now, rng))
    }

    /// Takes one `ask` of whoever `who` is.
    pub fn take(
        &self,
        ask: Ask,
        who: &[u8],
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let interval = MINUTE_US / i64::from(per_minute(&self.limits, ask).max(1));
        let now_us = now.0.saturating_mul(1_000);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= counted.until {
            rng.fill_bytes(counted.key.as_mut());
            counted.until = now.plus(HOUR_MS);
            counted.full_at_us.clear();
        }
        let caller = (caller(&counted.key, who), ask);
        if counted.full_at_us.len() >= CALLERS && !counted.full_at_us.contains_key(&caller) {
            counted.full_at_us.retain(|_, full_at| *full_at > now_us);
            if counted.full_at_us.len() >= CALLERS {
                return Err(ErrorCode::Overloaded);
            }
        }
        let entry = counted.full_at_us.entry(caller).or_insert(now_us);
        let full_at = (*entry).max(now_us) + interval;
        if full_at - now_us > MINUTE_US {
            return Err(ErrorCode::RateLimited);
        }
        *entry = full_at;
        Ok(())
    }
}

fn per_minute(limits: &Limits, ask: Ask) -> u32 {
    match ask {
        Ask::Notice => limits.notices_per_minute,
        Ask::Consent => limits.consents_per_minute,
        Ask::Socket => limits.sockets_per_minute,
        Ask::SignIn => limits.sign_ins_per_minute,
        // More than one address may use up: a stranger alone cannot keep an agent out.
        Ask::SignInName => limits.sign_ins_per_minute.saturating_mul(ADDRESSES),
    }
}

/// Someone, under a key.
pub(super) type Hashed = [u8; 16];

/// An address under `key`.
pub(super) fn hashed(key: &[u8; 32], address: IpAddr) -> Hashed {
    of_address(address, |who| caller(key, who))
}

/// What of an address counts: of an IPv6 one its /64.
fn of_address<T>(address: IpAddr, then: impl FnOnce(&[u8]) -> T) -> T {
    match address.to_canonical() {
        IpAddr::V4(four) => then(&four.octets()),
        IpAddr::V6(six) => then(six.octets().first_chunk::<8>().unwrap_or(&[0; 8])),
    }
}

fn caller(key: &[u8; 32], who: &[u8]) -> Hashed {
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(who);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    *digest.first_chunk().unwrap_or(&[0; 16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn limits() -> Limits {
        Limits {
            consents_per_minute: 3,
            sockets_per_minute: 3,
            ..Limits::default()
        }
    }

    #[test]
    fn an_address_has_its_allowance_and_a_neighbour_in_the_same_64_shares_it() {
        let allowance = Allowance::new(limits());
        let now = Millis(5_000_000);
        let take = |address: &str, ask| {
            allowance.take_address(ask, address.parse().unwrap(), now, &mut rng())
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

    #[test]
    fn after_an_hour_nothing_of_what_was_counted_is_left() {
        let allowance = Allowance::new(limits());
        let now = Millis(5_000_000);
        let home = "192.0.2.1".parse().unwrap();
        allowance
            .take_address(Ask::Consent, home, now, &mut rng())
            .unwrap();
        let before = *allowance.counted.lock().unwrap().key;
        let later = now.plus(HOUR_MS);
        allowance
            .take_address(Ask::Socket, home, later, &mut rng())
            .unwrap();
        let counted = allowance.counted.lock().unwrap();
        assert_ne!(before, *counted.key);
        assert_eq!(counted.full_at_us.len(), 1);
    }

    #[test]
    fn one_address_alone_cannot_use_up_a_name() {
        let allowance = Allowance::new(limits());
        let now = Millis(5_000_000);
        let attempt = |address: &str| {
            let address = address.parse().unwrap();
            allowance.take_address(Ask::SignIn, address, now, &mut rng())?;
            allowance.take(Ask::SignInName, b"alpine\nmia", now, &mut rng())
        };
        while attempt("192.0.2.1").is_ok() {}
        assert_eq!(attempt("192.0.2.2"), Ok(()));
    }
}
