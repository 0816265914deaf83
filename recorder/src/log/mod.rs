//! The transparency log: one RFC 6962 Merkle log per tenant, in the C2SP forms.
//!
//! One writer: all appends go through one lock. An entry and the signed checkpoint that covers it
//! are durable before [`Log::append`] returns.

pub mod checkpoint;
pub mod event;
pub mod note;
pub mod tiles;

use std::collections::HashMap;

use ed25519_dalek::SigningKey;
use proto::{Hash32, Millis, PublicKey, TenantId};
use rand_core::CryptoRng;
use seal::merkle::{self, Accumulator};
use serde::{Deserialize, Serialize};
use store::{LogEntry, NewLogEntry, Tenant};

use crate::error::{Error, Result};
use checkpoint::{Checkpoint, origin};
pub use event::{LogEvent, What};

/// Rows are read so many at a time.
const PAGE: u32 = 1000;

/// The writer of all tenants' logs.
pub struct Log {
    signing: SigningKey,
    trees: tokio::sync::Mutex<HashMap<TenantId, Accumulator>>,
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Log(…)")
    }
}

/// An entry with the proof that it stands in the tree of a checkpoint: as a bundle carries it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenEntry {
    /// Place in the tree, counted from 0.
    pub index: u64,
    /// The salt (base64url).
    #[serde(with = "proto::bytes::base64")]
    pub salt: Vec<u8>,
    /// The event's exact bytes, as text.
    pub event: String,
    /// The audit path, nearest sibling first.
    pub proof: Vec<Hash32>,
}

impl Log {
    /// Signs with the recorder's key.
    pub fn new(signing: SigningKey) -> Self {
        Self {
            signing,
            trees: tokio::sync::Mutex::new(HashMap::new()),
        }
    }

    /// Appends an event, unless one with its id is there already. When this returns, the entry and
    /// a signed checkpoint over it are durable.
    pub async fn append(
        &self,
        tenant: &Tenant,
        event: &LogEvent,
        rng: &mut impl CryptoRng,
    ) -> Result<u64> {
        let sealed = event.seal(rng);
        let entry = NewLogEntry {
            id: event.id.clone(),
            kind: event.kind(),
            at: event.at,
            salt: sealed.salt,
            event: sealed.bytes,
            leaf: merkle::leaf(&sealed.entry.0),
        };
        let mut trees = self.trees.lock().await;
        let mut tree = match trees.remove(&tenant.id()) {
            Some(tree) => tree,
            None => self.load(tenant, event.at).await?,
        };
        let index = tenant.append_log(&entry).await?;
        if index == tree.size() {
            tree.push(entry.leaf);
            self.checkpoint(tenant, &tree, event.at).await?;
        } else {
            // It stood there before; or the rows are not what they were.
            tree = self.load(tenant, event.at).await?;
        }
        // Left out after any error above: the next append reads the tree anew.
        trees.insert(tenant.id(), tree);
        Ok(index)
    }

    /// The tree as it is stored. A crash may have left entries that no checkpoint covers; but what
    /// was signed once stands, or nothing more is signed.
    async fn load(&self, tenant: &Tenant, at: Millis) -> Result<Accumulator> {
        let signed = match tenant.newest_checkpoint().await? {
            None => None,
            Some(row) => {
                let key = PublicKey(self.signing.verifying_key().to_bytes());
                let name = origin(tenant.id());
                Some(Checkpoint::verify(&row.note, &name, &key)?)
            }
        };
        let covered = signed.as_ref().map_or(0, |signed| signed.size);
        let mut tree = Accumulator::default();
        let mut stands = covered == 0;
        for leaf in leaves(tenant, None).await? {
            tree.push(leaf);
            if tree.size() == covered {
                stands = signed
                    .as_ref()
                    .is_some_and(|signed| signed.root == tree.root());
            }
        }
        if !stands {
            return Err(Error::refused(format!(
                "the log is not what its signed checkpoint of {covered} entries says: nothing is added, and nothing opened, until its entries are restored"
            )));
        }
        if covered < tree.size() {
            self.checkpoint(tenant, &tree, at).await?;
        }
        Ok(tree)
    }

    async fn checkpoint(&self, tenant: &Tenant, tree: &Accumulator, at: Millis) -> Result<()> {
        let checkpoint = Checkpoint {
            origin: origin(tenant.id()),
            size: tree.size(),
            root: tree.root(),
        };
        let row = store::Checkpoint {
            size: checkpoint.size,
            note: checkpoint.sign(&self.signing),
            at,
        };
        Ok(tenant.put_checkpoint(&row).await?)
    }
}

/// The leaf hashes, all or the first `size`.
pub async fn leaves(tenant: &Tenant, size: Option<u64>) -> Result<Vec<Hash32>> {
    let mut all = Vec::new();
    loop {
        let page = tenant.log_leaves(all.len() as u64, PAGE).await?;
        let last = page.is_empty();
        all.extend(page);
        if let Some(size) = size.and_then(|size| usize::try_from(size).ok())
            && all.len() >= size
        {
            all.truncate(size);
            return Ok(all);
        }
        if last {
            return Ok(all);
        }
    }
}

/// All entries.
pub async fn entries(tenant: &Tenant) -> Result<Vec<LogEntry>> {
    let mut all = Vec::new();
    loop {
        let page = tenant.log_entries(all.len() as u64, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// What an entry says; `None` once it is erased, or if this version does not know it.
pub fn read(entry: &LogEntry) -> Option<LogEvent> {
    let (_, bytes) = entry.event.as_ref()?;
    serde_json::from_slice(bytes).ok()
}

/// What a check of a whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The newest checkpoint, if the log is not empty.
    pub checkpoint: Option<Checkpoint>,
    /// Entries that stand in the tree.
    pub entries: u64,
    /// Of these, entries whose event was erased.
    pub erased: u64,
    /// What is wrong.
    pub wrong: Vec<String>,
}

/// Recomputes a tenant's whole log against its newest checkpoint.
pub async fn verify(tenant: &Tenant, recorder: &PublicKey) -> Result<Checked> {
    let mut wrong = Vec::new();
    let mut tree = Accumulator::default();
    let (mut erased, mut roots) = (0, HashMap::new());
    for (entry, index) in entries(tenant).await?.iter().zip(0_u64..) {
        if entry.index != index {
            wrong.push(format!("entry {index} is missing"));
        }
        match &entry.event {
            Some((salt, event)) if merkle::leaf(&event::entry(salt, event).0) != entry.leaf => {
                wrong.push(format!("entry {index} was altered"));
            }
            Some(_) => {}
            None => erased += 1,
        }
        tree.push(entry.leaf);
        roots.insert(tree.size(), tree.root());
    }
    let checkpoint = match tenant.newest_checkpoint().await? {
        None => None,
        Some(row) => match Checkpoint::verify(&row.note, &origin(tenant.id()), recorder) {
            Ok(checkpoint) => Some(checkpoint),
            Err(e) => {
                wrong.push(format!("the checkpoint of size {}: {e}", row.size));
                None
            }
        },
    };
    match &checkpoint {
        Some(checkpoint) if roots.get(&checkpoint.size) != Some(&checkpoint.root) => {
            wrong.push(format!(
                "the tree of the first {} entries has another root than the signed checkpoint",
                checkpoint.size
            ));
        }
        Some(checkpoint) if checkpoint.size < tree.size() => wrong.push(format!(
            "no checkpoint covers the last {} entries",
            tree.size() - checkpoint.size
        )),
        None if tree.size() > 0 && wrong.is_empty() => {
            wrong.push("there are entries and no checkpoint".to_owned());
        }
        _ => {}
    }
    Ok(Checked {
        checkpoint,
        entries: tree.size(),
        erased,
        wrong,
    })
}

/// The entries that `wanted` picks, each with its proof, and the checkpoint that they are proven
/// against.
pub async fn prove(
    tenant: &Tenant,
    wanted: impl Fn(&LogEvent) -> bool,
) -> Result<(Vec<ProvenEntry>, String)> {
    let row = tenant
        .newest_checkpoint()
        .await?
        .ok_or(Error::NotFound("checkpoint"))?;
    let leaves = leaves(tenant, Some(row.size)).await?;
    let mut out = Vec::new();
    for entry in entries(tenant).await? {
        let Some((salt, bytes)) = &entry.event else {
            continue;
        };
        if !read(&entry).is_some_and(|event| wanted(&event)) {
            continue;
        }
        // An entry younger than the checkpoint is in a later bundle.
        if let Some(proof) = merkle::inclusion_proof(&leaves, entry.index) {
            out.push(ProvenEntry {
                index: entry.index,
                salt: salt.to_vec(),
                event: String::from_utf8_lossy(bytes).into_owned(),
                proof,
            });
        }
    }
    Ok((out, row.note))
}

impl ProvenEntry {
    /// The event, after checking that it stands in the checkpoint's tree.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Option<LogEvent> {
        let salt: &[u8; 32] = self.salt.as_slice().try_into().ok()?;
        let leaf = merkle::leaf(&event::entry(salt, self.event.as_bytes()).0);
        let proven = merkle::verify_inclusion(
            &leaf,
            self.index,
            checkpoint.size,
            &self.proof,
            &checkpoint.root,
        );
        proven
            .then(|| serde_json::from_str(&self.event).ok())
            .flatten()
    }
}
