//! From a kept wrap to a data key: the intake seal comes off first, then the tenant's.

use proto::Hash32;
use seal::WrapInfo;
use zeroize::Zeroizing;

use super::key::EpochKey;
use crate::keys::PrivateKey;
use crate::keys::hpke;
use crate::log::announced::Announced;

/// Why a wrap does not give its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// The outer seal does not open.
    #[error("the intake seal of the wrapped key does not open")]
    Intake,
    /// The inner one does not.
    #[error("the wrapped key does not open with the tenant's sealing key")]
    Tenant,
    /// The key is not the one that the manifest commits to.
    #[error("the key is not the one that the manifest commits to")]
    Commitment,
    /// What stands in the log is the opening of another recording.
    #[error("the opening that stands in the log is of another recording")]
    Announced,
}

/// Takes the intake seal off: what is left only the recipient can open.
pub fn intake(
    kept: &[u8],
    info: &WrapInfo,
    generation: u32,
    key: &PrivateKey,
) -> Result<Zeroizing<Vec<u8>>, UnwrapError> {
    hpke::open(key, &info.kept_info(generation), kept).map_err(|_| UnwrapError::Intake)
}

/// Opens the wrap that is left, and checks the key against the manifest's commitment: not before
/// the log holds the opening of this recording.
pub fn tenant(
    announced: &Announced,
    wrap: &[u8],
    info: &WrapInfo,
    key: &PrivateKey,
    commitment: &Hash32,
) -> Result<EpochKey, UnwrapError> {
    if announced.recording() != info.recording {
        return Err(UnwrapError::Announced);
    }
    let bytes = hpke::open(key, &info.info(), wrap).map_err(|_| UnwrapError::Tenant)?;
    let key = EpochKey::from_bytes(&bytes).ok_or(UnwrapError::Tenant)?;
    match key.commitment(info.tenant, info.recording, info.track, info.epoch) {
        Some(found) if found == *commitment => Ok(key),
        _ => Err(UnwrapError::Commitment),
    }
}
