//! Notices, addressed by the hash of their exact bytes.

use proto::{Hash32, Millis, SiteId};

use crate::{Result, Tenant};

/// A notice as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    /// SHA-256 of `bytes`.
    pub hash: Hash32,
    /// BCP 47.
    pub language: String,
    /// The tenant's own label.
    pub version: String,
    /// The exact JSON bytes.
    pub bytes: Vec<u8>,
    /// When it was first published.
    pub published: Millis,
}

impl Tenant {
    /// Publishes a notice (a [`proto::notice::Notice`] as JSON) on a site: from now on it is the
    /// current one in its language. Returns its address.
    pub async fn publish_notice(&self, site: SiteId, bytes: &[u8], at: Millis) -> Result<Hash32> {
        let _ = (site, bytes, at);
        todo!()
    }

    /// The notice with this hash, current or not.
    pub async fn notice(&self, hash: &Hash32) -> Result<Option<StoredNotice>> {
        let _ = hash;
        todo!()
    }
}
