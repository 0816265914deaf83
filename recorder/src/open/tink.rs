//! Opens one part: Tink's AES256-GCM-HKDF streaming AEAD, as published, in one pass.
//!
//! ```text
//! 0x28 ‖ salt[32] ‖ nonce prefix[7] ‖ segments of 65,536 bytes, the first shorter by the header
//! part key = HKDF-SHA256(data key, salt, info = associated data)
//! nonce    = prefix ‖ segment number u32be ‖ 1 for the last segment, else 0
//! ```

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes before the first segment.
const HEADER: usize = 40;
/// Bytes of a ciphertext segment, its tag among them.
const SEGMENT: usize = 65_536;
/// Bytes of a GCM tag.
const TAG: usize = 16;

/// Why a part does not open. Nothing of a part that fails is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TinkError {
    /// Too short for a header and one tag.
    #[error("shorter than any sealed part")]
    TooShort,
    /// The first byte is not the header's length.
    #[error("not in the AES256-GCM-HKDF streaming form")]
    NotTink,
    /// A segment's tag does not fit its bytes, its place, its key or the associated data.
    #[error("segment {0} does not open: it was altered, cut, moved, or sealed under another key")]
    Segment(u32),
}

/// The plaintext of `sealed` under `key`, bound to `associated_data`.
pub fn open(
    key: &[u8; 32],
    associated_data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, TinkError> {
    let (header, segments) = sealed
        .split_first_chunk::<HEADER>()
        .ok_or(TinkError::TooShort)?;
    let [length, rest @ ..] = header;
    if usize::from(*length) != HEADER {
        return Err(TinkError::NotTink);
    }
    let (salt, prefix) = rest.split_at(32);
    let mut part_key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand(associated_data, part_key.as_mut_slice())
        .map_err(|_| TinkError::NotTink)?;
    let cipher = Aes256Gcm::new(&(*part_key).into());

    // Opened in place, in one piece of memory that is wiped: it never grows.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(segments.len()));
    let mut rest = segments;
    let mut number = 0_u32;
    loop {
        let room = if number == 0 {
            SEGMENT - HEADER
        } else {
            SEGMENT
        };
        let (segment, after) = rest.split_at(room.min(rest.len()));
        let last = after.is_empty();
        let (segment, tag) = segment
            .split_last_chunk::<TAG>()
            .ok_or(TinkError::TooShort)?;
        let nonce = nonce(prefix, number, last);
        let start = plaintext.len();
        plaintext.extend_from_slice(segment);
        let opened = plaintext.get_mut(start..).unwrap_or_default();
        cipher
            .decrypt_inout_detached(&nonce, &[], opened.into(), tag.into())
            .map_err(|_| TinkError::Segment(number))?;
        if last {
            return Ok(plaintext);
        }
        rest = after;
        number = number.checked_add(1).ok_or(TinkError::NotTink)?;
    }
}

fn nonce(prefix: &[u8], number: u32, last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(
        prefix
            .iter()
            .copied()
            .chain(number.to_be_bytes())
            .chain([u8::from(last)]),
    ) {
        *to = from;
    }
    nonce.into()
}
