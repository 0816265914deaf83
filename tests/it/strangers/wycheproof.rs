//! Wycheproof's vectors through the crates that seal and open: AES-256-GCM, HKDF-SHA256, X25519.
//! The vectors are in `fixtures/seal/wycheproof`, reduced to the cases that are in use here.

use std::path::Path;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use proto::{KeyId, PublicKey, RecordingId, TenantId};
use recorder::entropy::system;
use recorder::keys::hpke::{PrivateKey, open};
use seal::{DataKey, Recipient, SealError, WrapInfo};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use sha2::Sha256;

struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        HEXLOWER
            .decode(text.as_bytes())
            .map(Self)
            .map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
struct File<T> {
    tests: Vec<T>,
}

fn vectors<T: DeserializeOwned>(name: &str, count: usize) -> Result<Vec<T>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/seal/wycheproof")
        .join(name);
    let file: File<T> = serde_json::from_slice(&std::fs::read(path)?)?;
    ensure!(file.tests.len() == count, "{name} is not whole");
    Ok(file.tests)
}

#[derive(Deserialize)]
struct Gcm {
    #[serde(rename = "tcId")]
    id: u32,
    result: String,
    key: Hex,
    iv: Hex,
    aad: Hex,
    msg: Hex,
    ct: Hex,
    tag: Hex,
}

#[test]
fn aes_256_gcm_seals_and_opens_what_it_should_and_nothing_else() -> Result<()> {
    for test in vectors::<Gcm>("aes-256-gcm.json", 66)? {
        let key: [u8; 32] = test.key.0.try_into().ok().context("a key of 32 bytes")?;
        let nonce: [u8; 12] = test.iv.0.try_into().ok().context("a nonce of 12 bytes")?;
        let (cipher, nonce) = (Aes256Gcm::new(&key.into()), Nonce::from(nonce));
        let sealed = [test.ct.0, test.tag.0].concat();
        let payload = |msg| Payload {
            msg,
            aad: &test.aad.0,
        };
        let opened = cipher.decrypt(&nonce, payload(&sealed));
        if test.result == "valid" {
            ensure!(opened == Ok(test.msg.0.clone()), "case {}", test.id);
            let made = cipher.encrypt(&nonce, payload(&test.msg.0));
            ensure!(made == Ok(sealed), "case {}", test.id);
        } else {
            ensure!(opened.is_err(), "case {}", test.id);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct HkdfCase {
    #[serde(rename = "tcId")]
    id: u32,
    result: String,
    ikm: Hex,
    salt: Hex,
    info: Hex,
    size: usize,
    okm: Hex,
}

#[test]
fn hkdf_sha256_derives_what_it_should_and_refuses_what_is_too_long() -> Result<()> {
    for test in vectors::<HkdfCase>("hkdf-sha256.json", 86)? {
        let mut out = vec![0; test.size];
        let done =
            Hkdf::<Sha256>::new(Some(&test.salt.0), &test.ikm.0).expand(&test.info.0, &mut out);
        ensure!(done.is_ok() == (test.result == "valid"), "case {}", test.id);
        ensure!(done.is_err() || out == test.okm.0, "case {}", test.id);
    }
    Ok(())
}

#[derive(Deserialize)]
struct X25519 {
    #[serde(rename = "tcId")]
    id: u32,
    public: Hex,
    private: Hex,
    shared: Hex,
    flags: Vec<String>,
}

impl X25519 {
    fn keys(&self) -> Result<([u8; 32], [u8; 32])> {
        let array = |hex: &Hex| hex.0.clone().try_into().ok().context("32 bytes");
        Ok((array(&self.private)?, array(&self.public)?))
    }
}

#[test]
fn x25519_agrees_on_what_it_should() -> Result<()> {
    for test in vectors::<X25519>("x25519.json", 518)? {
        let (private, public) = test.keys()?;
        let shared = x25519_dalek::x25519(private, public);
        ensure!(shared.to_vec() == test.shared.0, "case {}", test.id);
    }
    Ok(())
}

#[test]
fn no_key_is_wrapped_to_a_point_that_gives_everyone_the_same_secret() -> Result<()> {
    let info = WrapInfo {
        tenant: TenantId::random(&mut system()),
        recording: RecordingId::random(&mut system()),
        track: 1,
        epoch: 1,
        recipient: Recipient::Tenant {
            key: KeyId::random(&mut system()),
        },
    };
    let key = DataKey::random(&mut system());
    let mut refused = 0;
    for test in vectors::<X25519>("x25519.json", 518)? {
        let (private, public) = test.keys()?;
        let zero = test.flags.iter().any(|flag| flag == "ZeroSharedSecret");
        let wrapped = seal::wrap::wrap(&key, &info, &PublicKey(public), &mut system());
        if zero {
            ensure!(
                wrapped == Err(SealError::BadRecipientKey),
                "case {}",
                test.id
            );
            let private = PrivateKey::from_bytes(&private).context("a private key")?;
            let sealed = [public.as_slice(), &[0; 48]].concat();
            ensure!(open(&private, &info.info(), &sealed).is_err());
            refused += 1;
        } else {
            ensure!(wrapped.is_ok(), "case {}", test.id);
        }
    }
    ensure!(refused > 10, "only {refused} such points");
    Ok(())
}
