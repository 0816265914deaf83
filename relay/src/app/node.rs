//! This node's signing key, and the certificate that the recorder gave it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ed25519_dalek::SigningKey;
use proto::keys::NodeCertificate;
use proto::{Millis, PublicKey};
use rand_core::CryptoRng;
use store::Store;
use zeroize::Zeroizing;

use crate::config::NodeConfig;
use crate::room::facts::Node;

/// Reads the key at `path`: 32 bytes that nobody else may read.
pub(super) fn load_key(path: &Path) -> Result<SigningKey> {
    let shown = path.display();
    let file = File::open(path).with_context(|| {
        format!("[node] key: {shown} cannot be read; `relay node-key` makes it")
    })?;
    if file.metadata()?.mode() & 0o077 != 0 {
        bail!("[node] key: {shown} may be read by others; run `chmod 400 {shown}`");
    }
    let mut seed = Zeroizing::new(Vec::with_capacity(64));
    file.take(64).read_to_end(&mut seed)?;
    let seed: &[u8; 32] = seed.as_slice().try_into().ok().with_context(|| {
        format!(
            "[node] key: {shown} is not a key of 32 bytes; move it away and run `relay node-key`"
        )
    })?;
    Ok(SigningKey::from_bytes(seed))
}

/// Makes a key at `path`, where there is nothing yet.
pub fn make_key(path: &Path, rng: &mut impl CryptoRng) -> Result<SigningKey> {
    let shown = path.display();
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("[node] key: {} cannot be made", folder.display()))?;
    }
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(seed.as_mut());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)
        .with_context(|| format!("[node] key: {shown} cannot be written"))?;
    file.write_all(seed.as_ref())?;
    file.sync_all()?;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(SigningKey::from_bytes(&seed))
}

/// The key at `path`, which is made if it is missing.
pub fn load_or_make_key(path: &Path, rng: &mut impl CryptoRng) -> Result<SigningKey> {
    if path.try_exists().unwrap_or(false) {
        load_key(path)
    } else {
        make_key(path, rng)
    }
}

/// This node as the recorder has certified it.
pub(super) async fn certified(
    store: &Store,
    key: SigningKey,
    config: &NodeConfig,
    now: Millis,
) -> Result<Node> {
    let public = PublicKey(key.verifying_key().to_bytes());
    let run = format!("run `recorder node certify {public}`");
    let found = store.control().node_by_key(&public).await?;
    let Some(found) = found else {
        if store.control().recorder_key().await?.is_none() {
            bail!(
                "this node is not certified, and no recorder has set up the rows that [store] url names; correct it, or run `recorder init`, then {run}"
            );
        }
        bail!("this node is not certified; {run}");
    };
    let certificate = found
        .certificate
        .verify::<NodeCertificate>(&config.recorder_key)
        .with_context(|| {
            format!("this node's certificate is not signed by [node] recorder_key; check that key, or {run}")
        })?;
    if certificate.public_key != public || certificate.node != found.id {
        bail!("this node's certificate is about another node; {run}");
    }
    if now < certificate.not_before || now >= certificate.not_after {
        bail!("this node's certificate is not valid now; check the clock, or {run}");
    }
    Ok(Node {
        id: certificate.node,
        key,
    })
}
