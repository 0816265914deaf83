//! How many connections each address has open, and each wider network that it is of. An address
//! counts as its HMAC (see [`super::prefix`]) under a key that lives in this process's memory, and no
//! longer than a connection of it is open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::prefix::{Hashed, counted_as};

/// Counts open connections by address.
#[derive(Debug)]
pub struct Crowd {
    key: Zeroizing<[u8; 32]>,
    most: usize,
    open: Mutex<HashMap<Hashed, usize>>,
}

/// One connection of an address, while it is held.
#[derive(Debug)]
pub struct Counted {
    crowd: Arc<Crowd>,
    whose: Vec<Hashed>,
}

impl Crowd {
    /// Nobody is there yet; an address may have `most` connections.
    pub fn new(most: usize, rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self {
            key,
            most,
            open: Mutex::default(),
        }
    }

    /// One more connection of `address`; `None` if it has enough.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let counted = counted_as(&self.key, address);
        let mut open = self.lock();
        let has_enough = |(whose, times): &(Hashed, u32)| {
            let most = self.most.saturating_mul(*times as usize);
            open.get(whose).is_some_and(|count| *count >= most)
        };
        if self.most == 0 || counted.iter().any(has_enough) {
            return None;
        }
        let whose: Vec<_> = counted.into_iter().map(|(whose, _)| whose).collect();
        for whose in &whose {
            *open.entry(*whose).or_default() += 1;
        }
        Some(Counted {
            crowd: Arc::clone(self),
            whose,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hashed, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        for whose in &self.whose {
            if let Some(count) = open.get_mut(whose) {
                *count -= 1;
                if *count == 0 {
                    open.remove(whose);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_nothing_is_kept_of_who_has_none() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let crowd = Arc::new(Crowd::new(2, &mut rng));
        let enter = |address: &str| crowd.enter(address.parse().unwrap());
        let first = enter("2001:db8::1");
        let second = enter("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::3").is_none());
        let other = enter("192.0.2.1");
        assert!(other.is_some());
        drop(first);
        assert!(enter("2001:db8::3").is_some());
        drop((second, other));
        assert!(crowd.lock().is_empty());
    }
    #[test]
    fn the_64s_of_one_56_have_four_addresses_connections_together() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let crowd = Arc::new(Crowd::new(2, &mut rng));
        let enter = |n: u16| crowd.enter(format!("2001:db8:0:{n:x}::1").parse().unwrap());
        let mut open: Vec<_> = (0..256).filter_map(enter).collect();
        assert_eq!(open.len(), 8);
        assert!(enter(0x0100).is_some(), "another /56");
        open.pop();
        assert!(enter(77).is_some());
        open.clear();
        assert!(crowd.lock().is_empty());
    }
}
