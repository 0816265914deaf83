//! An officer's key: X25519, its private half under the officer's passphrase.
//!
//! The form is PKCS#8 `EncryptedPrivateKeyInfo` (RFC 5958) with PBES2 (RFC 8018): scrypt
//! (RFC 7914, N = 2^17, r = 8, p = 1) and AES-256-CBC, the private key as RFC 8410 writes it.
//! CBC does not authenticate: what opens is believed only if its public half is the officer's.

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use proto::PublicKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::hpke::PrivateKey;
use super::passphrase::Passphrase;

const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

/// scrypt's cost: log2 of N. 128 MiB and about half a second for each guess.
const LOG_N: u8 = 17;

/// What went wrong with an officer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfficerKeyError {
    /// The passphrase is wrong, or the stored key was altered: the two cannot be told apart.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The stored key is not what it should be.
    #[error("the officer's stored key is damaged")]
    Damaged,
}

/// An officer's key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedKey {
    /// X25519: shares are sealed to it.
    pub public: PublicKey,
    /// The encrypted private half (DER).
    pub locked: Vec<u8>,
}

/// Makes an officer's key and locks it with `passphrase`.
pub fn generate(
    passphrase: &Passphrase,
    rng: &mut impl CryptoRng,
) -> Result<LockedKey, OfficerKeyError> {
    let key = PrivateKey::random(rng);
    let public = key.public().map_err(|_| OfficerKeyError::Damaged)?;
    let locked = lock(&key, passphrase, rng)?;
    Ok(LockedKey { public, locked })
}

/// Locks `key` with `passphrase`.
fn lock(
    key: &PrivateKey,
    passphrase: &Passphrase,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, OfficerKeyError> {
    let damaged = |_| OfficerKeyError::Damaged;
    // RFC 8410: the key is an OCTET STRING inside the OCTET STRING of PKCS#8.
    let mut inner = Zeroizing::new(vec![0x04, 32]);
    inner.extend_from_slice(key.expose());
    let algorithm = AlgorithmIdentifierRef {
        oid: X25519,
        parameters: None::<AnyRef<'_>>,
    };
    let private = OctetStringRef::new(&inner).map_err(damaged)?;
    let info = PrivateKeyInfoRef::new(algorithm, private);

    let (mut salt, mut iv) = ([0; 32], [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut iv);
    let cost = scrypt::Params::new(LOG_N, 8, 1).map_err(|_| OfficerKeyError::Damaged)?;
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv)
        .map_err(|_| OfficerKeyError::Damaged)?;
    let locked = info
        .encrypt_with_params(parameters, passphrase.expose())
        .map_err(|_| OfficerKeyError::Damaged)?;
    Ok(locked.as_bytes().to_vec())
}

impl LockedKey {
    /// The private key, if `passphrase` is right.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<PrivateKey, OfficerKeyError> {
        let encrypted = EncryptedPrivateKeyInfoRef::from_der(&self.locked)
            .map_err(|_| OfficerKeyError::Damaged)?;
        let document = encrypted
            .decrypt(passphrase.expose())
            .map_err(|_| OfficerKeyError::WrongPassphrase)?;
        let info = PrivateKeyInfoRef::from_der(document.as_bytes())
            .map_err(|_| OfficerKeyError::WrongPassphrase)?;
        let key = match info.private_key.as_bytes() {
            [0x04, 32, key @ ..] if info.algorithm.oid == X25519 => PrivateKey::from_bytes(key),
            _ => None,
        };
        let key = key.ok_or(OfficerKeyError::Damaged)?;
        match key.public() {
            Ok(public) if public == self.public => Ok(key),
            _ => Err(OfficerKeyError::Damaged),
        }
    }

    /// Whether the locked half is well formed, as far as can be seen without the passphrase.
    pub fn is_well_formed(&self) -> bool {
        EncryptedPrivateKeyInfoRef::from_der(&self.locked)
            .is_ok_and(|info| info.encoded_len().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    #[test]
    fn the_right_passphrase_unlocks_and_a_wrong_one_does_not() {
        let right = Passphrase::new("correct horse battery\n".into());
        let locked = generate(&right, &mut system()).unwrap();
        let key = locked.unlock(&right).unwrap();
        assert_eq!(key.public().unwrap(), locked.public);
        let wrong = Passphrase::new("correct horse batterx".into());
        assert!(locked.unlock(&wrong).is_err());
        assert!(
            !locked
                .locked
                .windows(32)
                .any(|window| window == key.expose().as_slice())
        );
    }

    #[test]
    fn an_altered_key_is_not_believed() {
        let passphrase = Passphrase::new("correct horse battery".into());
        let mut locked = generate(&passphrase, &mut system()).unwrap();
        let end = locked.locked.len() - 40;
        locked.locked[end] ^= 1;
        assert!(locked.unlock(&passphrase).is_err());
    }
}
