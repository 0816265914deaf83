//! Wraps: a data key sealed to a public key with HPKE (RFC 9180), base mode,
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A wrap is `enc[32] ‖ ciphertext`.
//!
//! A wrap that is kept is sealed once more to the recorder's intake key: destroying that key's
//! private half makes every copy of the wrap worthless, in backups too.

use hpke::{Deserializable as _, Serializable as _, aead::AesGcm256, kdf::HkdfSha256};
use hpke::{Kem, OpModeS, kem::X25519HkdfSha256};
use proto::keys::IntakeKey;
use proto::{EpochNo, KeyId, ParticipantId, PublicKey, RecordingId, TenantId, TrackNo};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{DataKey, SealError};

/// Bytes of a wrap: encapsulated key 32, key 32, tag 16.
pub const WRAP: usize = 80;
/// Bytes of a kept wrap: encapsulated key 32, wrap 80, tag 16.
pub const KEPT_WRAP: usize = 128;

/// KEM 0x0020, KDF 0x0001, AEAD 0x0002.
const SUITE: [u8; 6] = [0x00, 0x20, 0x00, 0x01, 0x00, 0x02];
const WRAP_DOMAIN: &[u8] = b"vestibule wrap v1\n";
const KEPT_DOMAIN: &[u8] = b"vestibule kept wrap v1\n";

/// Whose key a data key is wrapped to. The list is closed: an unknown kind does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recipient {
    /// A sealing key of the tenant. Kept.
    Tenant {
        /// Which one.
        key: KeyId,
    },
    /// Someone in the session, while it lives. In the spool only.
    Participant {
        /// Who.
        participant: ParticipantId,
    },
    /// A visitor's receipt key, where policy gives visitors their copy. Kept.
    Receipt {
        /// Whose.
        participant: ParticipantId,
    },
}

impl Recipient {
    /// Kind (1 tenant, 2 participant, 3 receipt) and the id's sixteen bytes.
    fn fields(self) -> (u8, [u8; 16]) {
        match self {
            Self::Tenant { key } => (1, *key.as_bytes()),
            Self::Participant { participant } => (2, *participant.as_bytes()),
            Self::Receipt { participant } => (3, *participant.as_bytes()),
        }
    }
}

/// What a wrap is for: bound into it as HPKE `info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WrapInfo {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// To whom.
    pub recipient: Recipient,
}

impl WrapInfo {
    /// HPKE `info` of a wrap: `vestibule wrap v1\n`, suite 6, tenant 16, recording 16, track u32,
    /// epoch u32, recipient kind u8, recipient id 16; numbers big endian. Every field has a fixed
    /// length.
    pub fn info(&self) -> Vec<u8> {
        let mut out = [WRAP_DOMAIN, &SUITE].concat();
        self.write_ids(&mut out);
        out
    }

    /// HPKE `info` of the outer seal of a kept wrap: `vestibule kept wrap v1\n`, suite 6, the intake
    /// key's generation u32, then as in [`WrapInfo::info`] from tenant on.
    pub fn kept_info(&self, generation: u32) -> Vec<u8> {
        let mut out = [KEPT_DOMAIN, &SUITE, &generation.to_be_bytes()].concat();
        self.write_ids(&mut out);
        out
    }

    fn write_ids(&self, out: &mut Vec<u8>) {
        let (kind, id) = self.recipient.fields();
        out.extend_from_slice(self.tenant.as_bytes());
        out.extend_from_slice(self.recording.as_bytes());
        out.extend_from_slice(&self.track.to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.push(kind);
        out.extend_from_slice(&id);
    }
}

/// Wraps `key` to the public key `to`: [`WRAP`] bytes.
pub fn wrap(
    key: &DataKey,
    info: &WrapInfo,
    to: &PublicKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    hpke_seal(to, &info.info(), key.expose(), rng)
}

/// Wraps `key` to `to`, and the wrap to the intake key: [`KEPT_WRAP`] bytes.
pub fn wrap_kept(
    key: &DataKey,
    info: &WrapInfo,
    to: &PublicKey,
    intake: &IntakeKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let inner = wrap(key, info, to, rng)?;
    keep(&inner, info, intake, rng)
}

/// The outer seal alone: for rewrapping a wrap to the intake key's next generation.
pub fn keep(
    wrap: &[u8],
    info: &WrapInfo,
    intake: &IntakeKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    hpke_seal(
        &intake.public_key,
        &info.kept_info(intake.generation),
        wrap,
        rng,
    )
}

/// HPKE single-shot seal with empty associated data: `enc ‖ ciphertext`.
fn hpke_seal(
    to: &PublicKey,
    info: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&to.0)
        .map_err(|_| SealError::BadRecipientKey)?;
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<
        AesGcm256,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &to, info, plaintext, &[], rng)
    .map_err(|_| SealError::BadRecipientKey)?;
    Ok([enc.to_bytes().as_slice(), &ciphertext].concat())
}
