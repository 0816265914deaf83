//! Parts: small immutable pieces of a track, each a complete ciphertext of Tink's
//! AES256-GCM-HKDF streaming AEAD.
//!
//! ```text
//! 0x28 ‖ salt[32] ‖ nonce prefix[7] ‖ segment…          every segment: ciphertext ‖ tag[16]
//! part key = HKDF-SHA256(ikm = data key, salt, info = associated data)
//! nonce    = nonce prefix ‖ segment number (u32, big endian) ‖ 1 for the last segment, else 0
//! ```

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut as _};
use bytes::Bytes;
use hkdf::Hkdf;
use proto::{EpochNo, Hash32, RecordingId, TenantId, TrackNo};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{DataKey, SealError};

/// Ciphertext bytes of a segment; the first one's count includes the header.
pub const SEGMENT: usize = 65_536;
/// Length byte, salt and nonce prefix.
pub const HEADER: usize = 1 + SALT + PREFIX;
/// The most plaintext that one part may hold.
pub const PLAINTEXT_MAX: usize = 4 << 20;

const SALT: usize = 32;
const PREFIX: usize = 7;
const TAG: usize = 16;
/// First bytes of the associated data.
const DOMAIN: &[u8] = b"vestibule part v1\n";

/// Whether a part holds something or closes its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Plaintext of the track.
    Data,
    /// Nothing: the track ends here, by intent.
    End,
}

impl PartKind {
    /// As associated data and spool write it.
    pub fn number(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::End => 1,
        }
    }

    /// Reads [`PartKind::number`].
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Data),
            1 => Some(Self::End),
            _ => None,
        }
    }
}

/// Where a part belongs: bound into it as associated data, so that no part can be moved, dropped,
/// swapped or replayed unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartHeader {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The track within it.
    pub track: TrackNo,
    /// The epoch within the track.
    pub epoch: EpochNo,
    /// Ratchet steps since the epoch began; 0 for chat.
    pub step: u32,
    /// Counted from 1 over the whole track.
    pub seq: u64,
    /// Data or end.
    pub kind: PartKind,
    /// SHA-256 of the track's previous part; zeros for its first.
    pub prev: Hash32,
}

impl PartHeader {
    /// Bytes of [`PartHeader::fields`].
    pub const FIELDS: usize = 16 + 16 + 4 + 4 + 4 + 8 + 1 + 32;

    /// The fields in their fixed layout: tenant 16, recording 16, track u32, epoch u32, step u32,
    /// seq u64, kind u8, prev 32; numbers big endian.
    pub fn fields(&self) -> [u8; Self::FIELDS] {
        let mut out = [0; Self::FIELDS];
        let pieces: [&[u8]; 8] = [
            self.tenant.as_bytes(),
            self.recording.as_bytes(),
            &self.track.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &self.step.to_be_bytes(),
            &self.seq.to_be_bytes(),
            &[self.kind.number()],
            &self.prev.0,
        ];
        for (to, from) in out.iter_mut().zip(pieces.into_iter().flatten()) {
            *to = *from;
        }
        out
    }

    /// Reads [`PartHeader::fields`]; `None` if the kind is unknown.
    pub fn from_fields(fields: &[u8; Self::FIELDS]) -> Option<Self> {
        let (tenant, rest) = fields.split_first_chunk::<16>()?;
        let (recording, rest) = rest.split_first_chunk::<16>()?;
        let (track, rest) = rest.split_first_chunk::<4>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (step, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let ([kind], rest) = rest.split_first_chunk::<1>()?;
        let (prev, _) = rest.split_first_chunk::<32>()?;
        Some(Self {
            tenant: TenantId::from_bytes(*tenant),
            recording: RecordingId::from_bytes(*recording),
            track: TrackNo::from_be_bytes(*track),
            epoch: EpochNo::from_be_bytes(*epoch),
            step: u32::from_be_bytes(*step),
            seq: u64::from_be_bytes(*seq),
            kind: PartKind::from_number(*kind)?,
            prev: Hash32(*prev),
        })
    }

    /// `vestibule part v1\n` followed by [`PartHeader::fields`].
    pub fn associated_data(&self) -> Vec<u8> {
        [DOMAIN, &self.fields()].concat()
    }
}

/// A sealed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it belongs.
    pub header: PartHeader,
    /// The Tink ciphertext.
    pub bytes: Bytes,
    /// SHA-256 of `bytes`.
    pub hash: Hash32,
}

impl Part {
    /// A part as it was read back: its hash is computed, nothing else is checked.
    pub fn new(header: PartHeader, bytes: Bytes) -> Self {
        let hash = Hash32::of(&bytes);
        Self {
            header,
            bytes,
            hash,
        }
    }
}

/// Seals `plaintext` as the part that `header` names.
pub fn seal(
    key: &DataKey,
    header: PartHeader,
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Part, SealError> {
    if plaintext.len() > PLAINTEXT_MAX {
        return Err(SealError::TooLarge);
    }
    let mut random = [0; SALT + PREFIX];
    rng.fill_bytes(&mut random);
    let bytes = stream(key.expose(), &header.associated_data(), random, plaintext)?;
    Ok(Part::new(header, bytes.into()))
}

/// Tink's streaming AEAD over a plaintext that is all there.
fn stream(
    key: &[u8; 32],
    associated_data: &[u8],
    random: [u8; SALT + PREFIX],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let (salt, prefix) = random.split_at(SALT);
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand(associated_data, derived.as_mut())
        .map_err(|_| SealError::TooLarge)?;
    let cipher = Aes256Gcm::new((&*derived).into());

    let tags = (1 + plaintext.len() / (SEGMENT - TAG)) * TAG + TAG;
    let mut out = Vec::with_capacity(HEADER + plaintext.len() + tags);
    out.extend_from_slice(&[0x28]);
    out.extend_from_slice(&random);

    let mut rest = plaintext;
    let mut number: u32 = 0;
    loop {
        let room = if number == 0 {
            SEGMENT - HEADER - TAG
        } else {
            SEGMENT - TAG
        };
        let (segment, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
        let last = after.is_empty();
        let start = out.len();
        out.extend_from_slice(segment);
        let nonce = nonce(prefix, number, last);
        let tag = cipher
            .encrypt_inout_detached(
                (&nonce).into(),
                &[],
                out.get_mut(start..).unwrap_or_default().into(),
            )
            .map_err(|_| SealError::TooLarge)?;
        out.extend_from_slice(&tag);
        if last {
            return Ok(out);
        }
        rest = after;
        number = number.checked_add(1).ok_or(SealError::TooLarge)?;
    }
}

fn nonce(prefix: &[u8], number: u32, last: bool) -> [u8; 12] {
    let mut out = [0; 12];
    let number = number.to_be_bytes();
    let pieces = prefix.iter().chain(&number);
    for (to, from) in out.iter_mut().zip(pieces.chain(&[u8::from(last)])) {
        *to = *from;
    }
    out
}
