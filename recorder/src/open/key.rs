//! A data key on the reading side: its commitment and its ratchet, written a second time from
//! `docs/format.md` and not taken from the sealing crate, so that the two check each other.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::{EpochNo, Hash32, RecordingId, TenantId, TrackNo};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A step a minute for two years. An index that asks for more is not a recording's, and would have
/// whoever checks it count for hours.
const STEPS_MAX: u32 = 1 << 20;

/// The key of one epoch at some ratchet step. Wiped when dropped; shows nothing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct EpochKey {
    bytes: [u8; 32],
    step: u32,
}

impl core::fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EpochKey(…)")
    }
}

impl EpochKey {
    /// The key of step 0, as recipients unwrap it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.try_into().ok()?;
        Some(Self { bytes, step: 0 })
    }

    /// The key of step 0 as a bundle hands it out, in base64url; `None` once it has moved on.
    pub fn handed_out(&self) -> Option<Zeroizing<String>> {
        (self.step == 0).then(|| BASE64URL_NOPAD.encode(&self.bytes).into())
    }

    /// The key of step 0 from a bundle.
    pub fn from_bundle(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        Self::from_bytes(&bytes)
    }

    /// The key of `step`, which never lies behind: parts are opened in order.
    pub fn at_step(&mut self, step: u32) -> Option<&[u8; 32]> {
        if step > STEPS_MAX {
            return None;
        }
        while self.step < step {
            self.bytes = mac(&self.bytes, &[b"ratchet"])?;
            self.step += 1;
        }
        (self.step == step).then_some(&self.bytes)
    }

    /// What the manifest states of step 0: GCM does not commit to its key.
    pub fn commitment(
        &self,
        tenant: TenantId,
        recording: RecordingId,
        track: TrackNo,
        epoch: EpochNo,
    ) -> Option<Hash32> {
        mac(
            &self.bytes,
            &[
                b"commit",
                tenant.as_bytes(),
                recording.as_bytes(),
                &track.to_be_bytes(),
                &epoch.to_be_bytes(),
            ],
        )
        .map(Hash32)
    }
}

fn mac(key: &[u8; 32], pieces: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for piece in pieces {
        mac.update(piece);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_no_recording_reaches_is_not_counted_to() {
        let mut key = EpochKey::from_bytes(&[1; 32]).unwrap();
        assert!(key.at_step(STEPS_MAX + 1).is_none());
        assert_eq!(key.step, 0);
        assert!(key.at_step(1).is_some());
    }
}
