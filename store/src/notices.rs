//! Notices, addressed by the hash of their exact bytes.

use proto::notice::Notice;
use proto::{Hash32, Millis, SiteId};

use crate::value::args;
use crate::{Result, StoreError, Tenant};

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
        let notice: Notice = serde_json::from_slice(bytes)
            .map_err(|_| StoreError::Refused("the notice is not a well-formed notice"))?;
        let hash = Hash32::of(bytes);
        let mut tx = self.tx("notices.publish").await?;
        tx.run(
            "INSERT INTO notices (hash, language, version, bytes, published)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING",
            args![
                hash,
                notice.language.clone(),
                notice.version,
                bytes.to_vec(),
                at
            ],
        )
        .await?;
        tx.run(
            "INSERT INTO site_notices (site, language, notice, since) VALUES ($1, $2, $3, $4)
             ON CONFLICT (site, language) DO UPDATE SET
                notice = excluded.notice, since = excluded.since",
            args![site, notice.language, hash, at],
        )
        .await?;
        tx.commit().await?;
        Ok(hash)
    }

    /// The notice with this hash, current or not.
    pub async fn notice(&self, hash: &Hash32) -> Result<Option<StoredNotice>> {
        let sql = "SELECT hash, language, version, bytes, published FROM notices WHERE hash = $1";
        let Some(mut row) = self.row("notices.one", sql, args![*hash]).await? else {
            return Ok(None);
        };
        Ok(Some(StoredNotice {
            hash: row.take()?,
            language: row.take()?,
            version: row.take()?,
            bytes: row.take()?,
            published: row.take()?,
        }))
    }
}
