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
        }
        // The address first: what it may not ask uses up nobody's name.
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(four)) => counted.one(b"4", &four.octets(), OF_ADDRESS, now)?,
            Some(IpAddr::V6(six)) => {
                let octets = six.octets();
                let network = octets.first_chunk::<8>().unwrap_or(&[0; 8]);
                counted.one(b"6", network, OF_ADDRESS, now)?;
            }
            None => {}
        }
        counted.one(b"n", name.as_bytes(), OF_NAME, now)
    }
}

impl Counted {
    fn one(&mut self, kind: &[u8], who: &[u8], a_minute: i64, now: Millis) -> Result<()> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_slice()).map_err(|_| Error::Crowded)?;
        mac.update(kind);
        mac.update(who);
        let who: [u8; 32] = mac.finalize().into_bytes().into();
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
    fn an_address_and_a_name_have_an_allowance_and_one_address_cannot_use_up_a_name() {
        let allowance = Allowance::default();
        let tries = |address: &str, name: &str, now| {
            let address = address.parse().ok();
            allowance.take(address, name, now, &mut system()).is_ok()
        };
        for n in 0..OF_ADDRESS {
            assert!(tries(&format!("2001:db8::{n}"), "alpine\nines", NOW));
        }
        assert!(!tries("2001:db8::ffff", "alpine\nomar", NOW));
        assert!(tries("192.0.2.1", "alpine\nines", NOW));
        let more = (2..100).filter(|n| tries(&format!("192.0.2.{n}"), "alpine\nines", NOW));
        assert_eq!(
            i64::try_from(more.count()).unwrap(),
            OF_NAME - OF_ADDRESS - 1
        );
        assert!(tries("192.0.2.1", "alpine\nnobody", NOW));
        assert!(tries("2001:db8::1", "alpine\nines", NOW.plus(MINUTE)));
    }

    #[test]
    fn after_an_hour_nothing_of_what_was_counted_is_left() {
        let allowance = Allowance::default();
        allowance.take(None, "a", NOW, &mut system()).unwrap();
        let before = *allowance.0.lock().unwrap().key;
        allowance
            .take(None, "b", NOW.plus(HOUR), &mut system())
            .unwrap();
        let counted = allowance.0.lock().unwrap();
        assert_ne!(before, *counted.key);
        assert_eq!(counted.full_at.len(), 1);
    }
}
