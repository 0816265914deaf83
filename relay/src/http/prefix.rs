//! What of an address counts, and under a key alone: nothing here writes an address down.
//!
//! Of an IPv6 address its /64 counts, which is one household or machine. Whoever has a wider network
//! has many of these: its /56 counts too, for four times as much, and its /48 for sixteen times.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Someone, under a key.
pub(super) type Hashed = [u8; 16];

/// Bytes of an IPv6 address, and how many times as much as one address they may have.
const SIX: [(usize, u32); 3] = [(8, 1), (7, 4), (6, 16)];

/// All that `address` counts as, the narrowest first, and how many times as much each may have.
pub(super) fn counted_as(key: &[u8; 32], address: IpAddr) -> Vec<(Hashed, u32)> {
    match address.to_canonical() {
        IpAddr::V4(four) => vec![(hashed(key, &[&four.octets()]), 1)],
        IpAddr::V6(six) => {
            let octets = six.octets();
            let prefix = |(bytes, times)| {
                let prefix = octets.get(..bytes).unwrap_or_default();
                (hashed(key, &[prefix]), times)
            };
            SIX.map(prefix).to_vec()
        }
    }
}

/// `who` at `address`: of an IPv6 one at its /64, or at its /56 if `wide`.
pub(super) fn somebody_at(key: &[u8; 32], who: &[u8], address: IpAddr, wide: bool) -> Hashed {
    match address.to_canonical() {
        IpAddr::V4(four) => hashed(key, &[&four.octets(), who]),
        IpAddr::V6(six) => {
            let bytes = if wide { 7 } else { 8 };
            let octets = six.octets();
            hashed(key, &[octets.get(..bytes).unwrap_or_default(), who])
        }
    }
}

/// `parts` under `key`; where one ends and the next begins counts.
pub(super) fn hashed(key: &[u8; 32], parts: &[&[u8]]) -> Hashed {
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    *digest.first_chunk().unwrap_or(&[0; 16])
}
