//! The data key of one recording, track and epoch: ratchet and commitment.

use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::{EpochNo, Hash32, RecordingId, TenantId, TrackNo};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a commitment covers before the ids.
const COMMIT: &[u8] = b"commit";

/// What the next ratchet step is derived under.
const RATCHET: &[u8] = b"ratchet";

/// HMAC pads a short key with zeros to the hash's block.
const BLOCK: usize = 64;

/// Thirty-two secret bytes. No `Clone`, no `Display`; wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

impl DataKey {
    /// A fresh key from `rng`.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// The key with these bytes: for whoever has unwrapped one, to check its commitment and to
    /// follow its ratchet.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of the next ratchet step. Drop this one: who has only the next cannot come back.
    #[must_use]
    pub fn ratchet(&self) -> Self {
        Self(self.mac(&[RATCHET]))
    }

    /// GCM does not commit to its key; this does. Of step 0, it stands in the manifest.
    pub fn commitment(
        &self,
        tenant: TenantId,
        recording: RecordingId,
        track: TrackNo,
        epoch: EpochNo,
    ) -> Hash32 {
        Hash32(self.mac(&[
            COMMIT,
            tenant.as_bytes(),
            recording.as_bytes(),
            &track.to_be_bytes(),
            &epoch.to_be_bytes(),
        ]))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn mac(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut block = Zeroizing::new([0; BLOCK]);
        for (to, from) in block.iter_mut().zip(&self.0) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        for piece in pieces {
            mac.update(piece);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}
