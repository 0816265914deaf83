//! The vault: sealed recordings at rest, in an object store. The recorder alone writes here.
//!
//! ```text
//! <tenant>/<recording>/manifest.dsse.json     signed by the node, countersigned by the recorder
//!                      placement.dsse.json    where the parts are, signed by the recorder
//!                      t0001-e0001-0001.parts        parts of one track and epoch, ≤ 8 MiB
//!                      t0001-e0001-0001.index.json   what stands where in it
//! ```
//!
//! Every name is generated. `placement.dsse.json` is written last: a recording without one is not
//! in the vault, and is written again from the spool.

pub mod pack;
pub mod placement;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use nix::unistd::{AccessFlags, access};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use proto::{RecordingId, TenantId};

/// The manifest's name in a recording's folder.
pub const MANIFEST: &str = "manifest.dsse.json";
/// The placement's name in a recording's folder.
pub const PLACEMENT: &str = "placement.dsse.json";

/// The vault failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder cannot be used.
    #[error("the vault {folder} cannot be used: {reason}")]
    Folder {
        /// Which.
        folder: String,
        /// Why not.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("the vault failed: {0}")]
    Io(String),
}

/// A handle on the vault; clones share it.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
}

impl Vault {
    /// Opens the vault in `folder`, which is made if it is missing. Everything written is synced,
    /// folders too, before a call returns.
    pub fn open(folder: &FilePath) -> Result<Self, VaultError> {
        let failed = |reason: String| VaultError::Folder {
            folder: folder.display().to_string(),
            reason: format!(
                "{reason}: correct `folder` under [vault], or let the recorder's user read and write there"
            ),
        };
        // Never for everyone; whether for the group, the umask says.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o770)
            .create(folder)
            .map_err(|e| failed(e.to_string()))?;
        access(
            folder,
            AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK,
        )
        .map_err(|e| failed(e.desc().to_owned()))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|e| failed(e.to_string()))?
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// Writes one file of a recording, whole or not at all.
    pub async fn put(
        &self,
        tenant: TenantId,
        recording: RecordingId,
        name: &str,
        bytes: Bytes,
    ) -> Result<(), VaultError> {
        self.store
            .put(&path(tenant, recording, name), bytes.into())
            .await
            .map(drop)
            .map_err(io)
    }

    /// Reads one file of a recording; `None` if it is not there.
    pub async fn read(
        &self,
        tenant: TenantId,
        recording: RecordingId,
        name: &str,
    ) -> Result<Option<Bytes>, VaultError> {
        match self.store.get(&path(tenant, recording, name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(io),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(other) => Err(io(other)),
        }
    }
}

fn path(tenant: TenantId, recording: RecordingId, name: &str) -> Path {
    Path::from_iter([tenant.to_string(), recording.to_string(), name.to_owned()])
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn io(error: object_store::Error) -> VaultError {
    VaultError::Io(error.to_string())
}
