//! Where a kept recording is read from: the vault, or a bundle's files.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proto::dsse::{Document, Envelope};
use proto::{RecordingId, TenantId};

use super::Finding;
use crate::vault::{Vault, VaultError};

/// Reads one recording's files by their generated names. Clones share them.
#[derive(Debug, Clone)]
pub enum Source {
    /// In the vault.
    Vault {
        /// The vault.
        vault: Vault,
        /// The tenant.
        tenant: TenantId,
        /// The recording.
        recording: RecordingId,
    },
    /// In memory, as a bundle brought them.
    Files(Arc<BTreeMap<String, Bytes>>),
}

impl Source {
    /// What a vault holds of a recording.
    pub fn vault(vault: &Vault, tenant: TenantId, recording: RecordingId) -> Self {
        Self::Vault {
            vault: vault.clone(),
            tenant,
            recording,
        }
    }

    /// One file; `None` if it is not there.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, VaultError> {
        match self {
            Self::Vault {
                vault,
                tenant,
                recording,
            } => vault.read(*tenant, *recording, name).await,
            Self::Files(files) => Ok(files.get(name).cloned()),
        }
    }

    /// A signed document, not yet verified.
    pub async fn envelope<D: Document>(
        &self,
        name: &str,
    ) -> Result<Result<(Envelope, D), Finding>, VaultError> {
        let Some(bytes) = self.read(name).await? else {
            return Ok(Err(Finding::file(name, "is not there")));
        };
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else {
            return Ok(Err(Finding::file(name, "is not a signed document")));
        };
        Ok(match envelope.payload_unverified() {
            Ok(document) => Ok((envelope, document)),
            Err(_) => Err(Finding::file(
                name,
                "its content is malformed, or of a kind that this version does not know",
            )),
        })
    }
}
