//! What can go wrong while sealing.

/// Why something could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The recipient's public key is not a usable X25519 point.
    #[error("the recipient's public key cannot be used")]
    BadRecipientKey,
    /// More plaintext than one part can hold.
    #[error("the part is too large")]
    TooLarge,
    /// The track has no data key: [`crate::TrackSealer::new_epoch`] was not called.
    #[error("the track has no data key yet")]
    NoEpoch,
    /// Only the key of ratchet step 0 is ever wrapped, and this track is past it.
    #[error("the first key of this epoch is gone")]
    KeyGone,
    /// An end part was made: nothing follows it.
    #[error("the track has ended")]
    Ended,
    /// A counter would wrap around.
    #[error("the track is full")]
    Exhausted,
}
