//! Two people: a tenant's private sealing key exists only as Shamir shares over GF(256), any k of
//! n of which make it whole; each share is sealed to one officer's key. See docs/adr/0004.

use proto::{KeyId, PublicKey, StaffId, TenantId};
use rand_core::CryptoRng;
use vsss_rs::Gf256;
use zeroize::{Zeroize as _, Zeroizing};

use super::hpke::{self, PrivateKey};

/// The smallest k: nobody opens alone.
pub const THRESHOLD_MIN: u8 = 2;

/// What went wrong with shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// k is below two, or above n.
    #[error("the number of officers who open together must be at least 2 and at most all of them")]
    Threshold,
    /// A share does not open with this officer's key.
    #[error("the officer's share does not open: it was altered, or is another officer's")]
    Sealed,
    /// Too few shares, shares of different keys, or altered ones.
    #[error("the shares do not make this key: too few, altered, or of different keys")]
    Combine,
}

/// One officer's opened share. Wiped when dropped; shows nothing.
#[derive(Clone)]
pub struct Share(Zeroizing<Vec<u8>>);

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Share(…)")
    }
}

/// An officer among whom a key is shared.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// Who.
    pub officer: StaffId,
    /// X25519.
    pub public: PublicKey,
}

/// Splits `key` so that any `threshold` of `holders` make it whole; one sealed share each, in
/// the order of `holders`.
pub fn split(
    key: &PrivateKey,
    threshold: u8,
    holders: &[Holder],
    tenant: TenantId,
    key_id: KeyId,
    rng: &mut impl CryptoRng,
) -> Result<Vec<(StaffId, Vec<u8>)>, ShareError> {
    if threshold < THRESHOLD_MIN || usize::from(threshold) > holders.len() {
        return Err(ShareError::Threshold);
    }
    let mut shares = Gf256::split_bytes(
        usize::from(threshold),
        holders.len(),
        key.expose(),
        &mut *rng,
    )
    .map_err(|_| ShareError::Threshold)?;
    let sealed = holders
        .iter()
        .zip(&shares)
        .map(|(holder, share)| {
            let info = info(tenant, key_id, holder.officer);
            hpke::seal(&holder.public, &info, share, rng)
                .map(|sealed| (holder.officer, sealed))
                .map_err(|_| ShareError::Sealed)
        })
        .collect();
    shares.zeroize();
    sealed
}

/// Opens one officer's share.
pub fn unseal(
    sealed: &[u8],
    tenant: TenantId,
    key_id: KeyId,
    officer: StaffId,
    unlocked: &PrivateKey,
) -> Result<Share, ShareError> {
    hpke::open(unlocked, &info(tenant, key_id, officer), sealed)
        .map(Share)
        .map_err(|_| ShareError::Sealed)
}

/// The whole key, which is believed only if its public half is `public`.
pub fn combine(
    shares: &[Share],
    threshold: u8,
    public: &PublicKey,
) -> Result<PrivateKey, ShareError> {
    if shares.len() < usize::from(threshold.max(THRESHOLD_MIN)) {
        return Err(ShareError::Combine);
    }
    let mut bytes: Vec<Vec<u8>> = shares.iter().map(|share| share.0.to_vec()).collect();
    let whole = Gf256::combine_bytes(&bytes).map(Zeroizing::new);
    bytes.zeroize();
    let key = whole
        .ok()
        .and_then(|whole| PrivateKey::from_bytes(&whole))
        .ok_or(ShareError::Combine)?;
    match key.public() {
        Ok(found) if found == *public => Ok(key),
        _ => Err(ShareError::Combine),
    }
}

/// Binds a sealed share to its tenant, key and officer. Every piece has a fixed length.
fn info(tenant: TenantId, key: KeyId, officer: StaffId) -> Vec<u8> {
    let mut info = b"vestibule share v1\n".to_vec();
    info.extend_from_slice(tenant.as_bytes());
    info.extend_from_slice(key.as_bytes());
    info.extend_from_slice(officer.as_bytes());
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;
    use proptest::prelude::*;

    struct Parts {
        key: PrivateKey,
        tenant: TenantId,
        id: KeyId,
        officers: Vec<(StaffId, PrivateKey)>,
        sealed: Vec<(StaffId, Vec<u8>)>,
    }

    fn parts(k: u8, n: usize) -> Parts {
        let rng = &mut system();
        let officers: Vec<_> = (0..n)
            .map(|_| (StaffId::random(rng), PrivateKey::random(rng)))
            .collect();
        let holders: Vec<_> = officers
            .iter()
            .map(|(officer, key)| Holder {
                officer: *officer,
                public: key.public().unwrap(),
            })
            .collect();
        let (key, tenant, id) = (
            PrivateKey::random(rng),
            TenantId::random(rng),
            KeyId::random(rng),
        );
        let sealed = split(&key, k, &holders, tenant, id, rng).unwrap();
        Parts {
            key,
            tenant,
            id,
            officers,
            sealed,
        }
    }

    fn opened(p: &Parts, which: &[usize]) -> Vec<Share> {
        which
            .iter()
            .map(|&i| {
                let (officer, key) = &p.officers[i];
                unseal(&p.sealed[i].1, p.tenant, p.id, *officer, key).unwrap()
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_k_of_n_make_the_key_and_fewer_do_not(k in 2_u8..5, more in 0_usize..4, skip in 0_usize..4) {
            let n = usize::from(k) + more;
            let p = parts(k, n);
            let public = p.key.public().unwrap();
            let which: Vec<usize> = (0..n).cycle().skip(skip).take(usize::from(k)).collect();
            let whole = combine(&opened(&p, &which), k, &public).unwrap();
            prop_assert_eq!(whole.expose(), p.key.expose());
            prop_assert!(combine(&opened(&p, &which[1..]), k, &public).is_err());
            // Not even when the count is not asked about: the key that comes out is another one.
            if k > 2 {
                prop_assert!(combine(&opened(&p, &which[1..]), 2, &public).is_err());
            }
        }
    }

    #[test]
    fn one_person_is_never_enough() {
        let rng = &mut system();
        let key = PrivateKey::random(rng);
        let alone = Holder {
            officer: StaffId::random(rng),
            public: key.public().unwrap(),
        };
        let (tenant, id) = (TenantId::random(rng), KeyId::random(rng));
        assert_eq!(
            split(&key, 1, &[alone, alone], tenant, id, rng),
            Err(ShareError::Threshold)
        );
        assert_eq!(
            split(&key, 2, &[alone], tenant, id, rng),
            Err(ShareError::Threshold)
        );
    }

    #[test]
    fn the_same_share_twice_does_not_count_as_two() {
        let p = parts(2, 3);
        let public = p.key.public().unwrap();
        assert!(combine(&opened(&p, &[1, 1]), 2, &public).is_err());
    }

    #[test]
    fn a_share_is_bound_to_its_officer_and_key() {
        let p = parts(2, 2);
        let (officer, key) = &p.officers[0];
        let other_id = KeyId::random(&mut system());
        assert!(unseal(&p.sealed[0].1, p.tenant, other_id, *officer, key).is_err());
        assert!(unseal(&p.sealed[1].1, p.tenant, p.id, *officer, key).is_err());
    }
}
