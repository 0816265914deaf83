//! HPKE (RFC 9180) in the one suite of the house: base mode, X25519, HKDF-SHA256, AES-256-GCM.
//! A sealed value is the encapsulated key (32 bytes) followed by the ciphertext.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, single_shot_open,
    single_shot_seal_with_rng,
};
use proto::PublicKey;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

type Kem = X25519HkdfSha256;

/// An X25519 private key. It has no `Display`, and its `Debug` shows nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

impl PrivateKey {
    /// A fresh key from `rng`.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for sealing them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, HpkeError> {
        let key = <Kem as hpke::Kem>::PrivateKey::from_bytes(&self.0).map_err(|_| HpkeError)?;
        let public = Kem::sk_to_pk(&key).to_bytes();
        Ok(PublicKey(public.into()))
    }
}

impl core::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// It does not open: another key, another `info`, or altered bytes. HPKE does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed key does not open: it was altered, or sealed for another key or purpose")]
pub struct HpkeError;

/// Seals `plaintext` to `to`, bound to `info`.
pub fn seal(
    to: &PublicKey,
    info: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, HpkeError> {
    let to = <Kem as hpke::Kem>::PublicKey::from_bytes(&to.0).map_err(|_| HpkeError)?;
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, Kem>(
        &OpModeS::Base,
        &to,
        info,
        plaintext,
        b"",
        rng,
    )
    .map_err(|_| HpkeError)?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens what [`seal`] (or any HPKE of this suite) made.
pub fn open(key: &PrivateKey, info: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    let (encapsulated, ciphertext) = sealed.split_first_chunk::<32>().ok_or(HpkeError)?;
    let key = <Kem as hpke::Kem>::PrivateKey::from_bytes(&key.0).map_err(|_| HpkeError)?;
    let encapsulated =
        <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| HpkeError)?;
    single_shot_open::<AesGcm256, HkdfSha256, Kem>(
        &OpModeR::Base,
        &key,
        &encapsulated,
        info,
        ciphertext,
        b"",
    )
    .map(Zeroizing::new)
    .map_err(|_| HpkeError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    #[test]
    fn what_is_sealed_opens_with_the_right_key_and_purpose_only() {
        let (mine, other) = (
            PrivateKey::random(&mut system()),
            PrivateKey::random(&mut system()),
        );
        let sealed = seal(&mine.public().unwrap(), b"share", b"secret", &mut system()).unwrap();
        assert_eq!(
            open(&mine, b"share", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_eq!(open(&mine, b"other", &sealed), Err(HpkeError));
        assert_eq!(open(&other, b"share", &sealed), Err(HpkeError));
        assert_eq!(open(&mine, b"share", &sealed[..31]), Err(HpkeError));
    }
}
