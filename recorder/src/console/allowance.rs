//! How often somebody may try to sign in, without writing down who or from where: a name or an
//! address counts as its HMAC under a key that lives in memory and is thrown away every hour, with
//! all that was counted under it. A name that is not there is counted like one that is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::Millis;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// So many attempts a minute from one address.
const OF_ADDRESS: i64 = 10;
/// So many at one name: more than one address may use up, so that a stranger alone cannot keep an
/// officer out.
const OF_NAME: i64 = 6 * OF_ADDRESS;
/// So many tries of an address at a name are nobody else's to use up, in an hour.
const OWN_TRIES: u32 = 3;
/// So many names and addresses are counted at once; beyond it strangers wait.
const COUNTED: usize = 50_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Counts attempts.
#[derive(Default)]
pub struct Allowance(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    key: Zeroizing<[u8; 32]>,
    until: Option<Millis>,
    /// When each has its whole allowance again, in milliseconds.
    full_at: HashMap<[u8; 32], i64>,
    /// How often an address has tried a name.
    tries: HashMap<[u8; 32], u32>,
}

impl core::fmt::Debug for Allowance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Allowance(…)")
    }
}

impl Allowance {
    /// Takes one attempt of `name` (as it was typed, with its client) from `address`.
    pub fn take(
        &self,
        address: Option<IpAddr>,
        name: &str,
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<()> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.until.is_none_or(|until| now >= until) {
            rng.fill_bytes(counted.key.as_mut());
            counted.until = Some(now.plus(HOUR));
            counted.full_at.clear();
            counted.tries.clear();
        }
        // The address first: what it may not ask uses up nobody's name.
        // A whole /48 of IPv6 is one stranger's: it has the tries of one.
        let around = match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(four)) => {
                counted.one(b"4", &four.octets(), OF_ADDRESS, now)?;
                Some((b"t4", four.octets().to_vec()))
            }
            Some(IpAddr::V6(six)) => {
                let octets = six.octets();
                let network = octets.first_chunk::<8>().unwrap_or(&[0; 8]);
                counted.one(b"6", network, OF_ADDRESS, now)?;
                Some((b"t6", octets.iter().take(6).copied().collect()))
            }
            None => None,
        };
        if let Some((kind, network)) = around
            && counted.own(kind, &[network.as_slice(), name.as_bytes()].concat())?
        {
            return Ok(());
        }
        counted.one(b"n", name.as_bytes(), OF_NAME, now)
    }
}

impl Counted {
    /// Takes one of the tries that are this address's own at a name, if one is left.
    fn own(&mut self, kind: &[u8], who: &[u8]) -> Result<bool> {
        let who = self.hashed(kind, who)?;
        let room = self.tries.len() < COUNTED;
        let tries = match self.tries.get_mut(&who) {
            Some(tries) => tries,
            None if room => self.tries.entry(who).or_insert(0),
            None => return Ok(false),
        };
        let left = *tries < OWN_TRIES;
        *tries += u32::from(left);
        Ok(left)
    }

    fn hashed(&self, kind: &[u8], who: &[u8]) -> Result<[u8; 32]> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_slice()).map_err(|_| Error::Crowded)?;
        mac.update(kind);
        mac.update(who);
        Ok(mac.finalize().into_bytes().into())
    }

    fn one(&mut self, kind: &[u8], who: &[u8], a_minute: i64, now: Millis) -> Result<()> {
        let who = self.hashed(kind, who)?;
        if self.full_at.len() >= COUNTED && !self.full_at.contains_key(&who) {
            self.full_at.retain(|_, full_at| *full_at > now.0);
            if self.full_at.len() >= COUNTED {
                return Err(Error::Crowded);
            }
        }
        let entry = self.full_at.entry(who).or_insert(now.0);
        let full_at = (*entry).max(now.0) + MINUTE / a_minute;
        if full_at - now.0 > MINUTE {
            return Err(Error::Crowded);
        }
        *entry = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    const NOW: Millis = Millis(5_000_000);

    #[test]
    fn an_address_has_an_allowance_whichever_names_it_tries() {
        let allowance = Allowance::default();
        let tries = |address: &str, name: &str, now| {
            let address = address.parse().ok();
            allowance.take(address, name, now, &mut system()).is_ok()
        };
        for n in 0..OF_ADDRESS {
            assert!(tries(&format!("2001:db8::{n}"), "alpine\nines", NOW));
        }
        assert!(!tries("2001:db8::ffff", "alpine\nomar", NOW));
        assert!(tries("192.0.2.1", "alpine\nnobody", NOW));
        assert!(tries("2001:db8::1", "alpine\nines", NOW.plus(MINUTE)));
    }

    /// Tries the name from each address until it is refused; how many were not.
    fn besiege(allowance: &Allowance, addresses: impl Iterator<Item = String>) -> i64 {
        let mut tried = 0;
        for address in addresses {
            let address = address.parse().ok();
            while allowance
                .take(address, "alpine\nines", NOW, &mut system())
                .is_ok()
            {
                tried += 1;
            }
        }
        tried
    }

    #[test]
    fn strangers_who_use_up_a_name_leave_every_other_address_its_own_few_tries() {
        let allowance = Allowance::default();
        let all = besiege(&allowance, (0..100).map(|n| format!("203.0.113.{n}")));
        assert_eq!(all, OF_NAME + 100 * i64::from(OWN_TRIES));
        for elsewhere in ["192.0.2.1", "2001:db8::1"] {
            let own = besiege(&allowance, std::iter::once(elsewhere.to_owned()));
            assert_eq!(own, i64::from(OWN_TRIES), "{elsewhere}");
        }
        // The networks of one /48 are one stranger's.
        let rest = (1..100).map(|n| format!("2001:db8:0:{n:x}::1"));
        assert_eq!(besiege(&allowance, rest), 0);
    }

    #[test]
    fn after_an_hour_nothing_of_what_was_counted_is_left() {
        let allowance = Allowance::default();
        let home = "192.0.2.1".parse().ok();
        allowance.take(home, "a", NOW, &mut system()).unwrap();
        let before = *allowance.0.lock().unwrap().key;
        allowance
            .take(None, "b", NOW.plus(HOUR), &mut system())
            .unwrap();
        let counted = allowance.0.lock().unwrap();
        assert_ne!(before, *counted.key);
        assert_eq!(counted.full_at.len(), 1);
        assert!(counted.tries.is_empty());
    }
}
