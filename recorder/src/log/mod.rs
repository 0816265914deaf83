//! The transparency log: one RFC 6962 Merkle log per tenant, in the C2SP forms.
//!
//! One writer: all appends go through one lock, each in a task that holds it to the end: whoever asked
//! may leave meanwhile. An entry and the signed checkpoint that covers it are durable before
//! [`Log::append`] returns. What was signed once is known apart from the rows ([`head`]).

pub mod announced;
pub mod checkpoint;
pub mod event;
pub mod head;
pub mod note;
pub mod tiles;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use proto::{Hash32, Millis, PublicKey, RecordingId, TenantId};
use rand_core::CryptoRng;
use seal::merkle::{self, Accumulator};
use serde::{Deserialize, Serialize};
use store::{LogEntry, NewLogEntry, Tenant};

use crate::error::{Error, Result};
use checkpoint::{Checkpoint, origin};
pub use event::{LogEvent, What};
use head::{Compared, Heads};

/// Rows are read so many at a time.
const PAGE: u32 = 1000;

/// The writer of all tenants' logs; clones are the same writer.
#[derive(Clone)]
pub struct Log {
    signing: Arc<SigningKey>,
    heads: Heads,
    trees: Arc<tokio::sync::Mutex<HashMap<TenantId, Accumulator>>>,
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
    /// Signs with the recorder's key; `heads` is the folder of what it has signed.
    pub fn new(signing: SigningKey, heads: PathBuf) -> Self {
        let key = PublicKey(signing.verifying_key().to_bytes());
        Self {
            signing: Arc::new(signing),
            heads: Heads::new(heads, key),
            trees: Arc::default(),
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
        let entry = new_entry(event, rng);
        let (log, tenant) = (self.clone(), tenant.clone());
        let mut trees = Arc::clone(&self.trees).lock_owned().await;
        to_the_end(async move {
            let mut tree = match trees.remove(&tenant.id()) {
                Some(tree) => tree,
                None => log.load(&tenant, entry.at).await?,
            };
            let index = tenant.append_log(&entry).await?;
            if index == tree.size() {
                tree.push(entry.leaf);
                log.checkpoint(&tenant, &tree, entry.at).await?;
            } else {
                // It stood there before; or the rows are not what they were.
                tree = log.load(&tenant, entry.at).await?;
            }
            // Left out after any error above: the next append reads the tree anew.
            trees.insert(tenant.id(), tree);
            Ok(index)
        })
        .await
    }

    /// The tree as it is stored. A crash may have left an entry that no checkpoint covers; but what
    /// was signed once stands, or nothing more is signed.
    async fn load(&self, tenant: &Tenant, at: Millis) -> Result<Accumulator> {
        let signed = match tenant.newest_checkpoint().await? {
            None => None,
            Some(row) => Some(self.read_note(tenant, &row.note)?),
        };
        let head = self.heads.read(tenant.id())?;
        let (tree, compared) = Compared::new(leaves(tenant, None).await?, head, signed);
        if let Some(why) = compared.refusal() {
            return Err(Error::refused(format!(
                "nothing is added to the log, and nothing opened: {why}"
            )));
        }
        let size = |of: &Option<Checkpoint>| of.as_ref().map_or(0, |of| of.size);
        if size(&compared.head).min(size(&compared.signed)) < tree.size() {
            self.checkpoint(tenant, &tree, at).await?;
        }
        Ok(tree)
    }

    fn read_note(&self, tenant: &Tenant, note: &str) -> Result<Checkpoint> {
        let key = PublicKey(self.signing.verifying_key().to_bytes());
        Ok(Checkpoint::verify(note, &origin(tenant.id()), &key)?)
    }

    /// Takes the rows as the log from here on, though they do not continue what was signed: after a
    /// backup was restored. They must be whole in themselves, and of exactly the size that the
    /// caller names. Gives what was signed before, and what the rows' newest checkpoint was.
    ///
    /// The entry that says so is written first and the head over it: a crash in between leaves rows
    /// that are refused as before, and that can be adopted again.
    pub async fn adopt(
        &self,
        tenant: &Tenant,
        size: u64,
        at: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<(Option<Checkpoint>, Checkpoint)> {
        let mut trees = Arc::clone(&self.trees).lock_owned().await;
        let row = tenant.newest_checkpoint().await?;
        let row = row.ok_or_else(|| {
            Error::refused("the rows hold no checkpoint: nothing shows that this log was signed")
        })?;
        let signed = self.read_note(tenant, &row.note)?;
        // A head that cannot be read is replaced too: that may be why this is done.
        let head = self.heads.read(tenant.id()).unwrap_or_default();
        let leaves = leaves(tenant, None).await?;
        let (mut tree, compared) = Compared::new(leaves, head.clone(), Some(signed.clone()));
        if compared.refusal().is_none() {
            return Err(Error::refused(
                "the log continues what this recorder has signed: there is nothing to adopt",
            ));
        }
        let what = What::LogAdopted {
            entries: signed.size,
            root: signed.root,
            signed: head.as_ref().map(|head| head.size),
            signed_root: head.as_ref().map(|head| head.root),
        };
        // What was cut short has left its entry.
        let last = tenant.log_entries(tree.size().saturating_sub(1), 1).await?;
        let said = last.last().is_some_and(|last| says(last, &what));
        if !compared.is_whole(u64::from(said)) {
            return Err(Error::refused(
                "the rows are not what their own signed checkpoint says: restore a backup that is whole",
            ));
        }
        if size != compared.size {
            return Err(Error::refused(format!(
                "the rows hold {} entries, not {size}",
                compared.size
            )));
        }
        let id = proto::EventId::random(rng).to_string();
        let entry = (!said).then(|| new_entry(&LogEvent { id, at, what }, rng));
        let (log, tenant) = (self.clone(), tenant.clone());
        to_the_end(async move {
            trees.remove(&tenant.id());
            if let Some(entry) = entry {
                if tenant.append_log(&entry).await? != tree.size() {
                    return Err(Error::refused(
                        "somebody else writes into this log: nothing was adopted",
                    ));
                }
                tree.push(entry.leaf);
            }
            log.checkpoint(&tenant, &tree, at).await
        })
        .await?;
        Ok((head, signed))
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
        // First where rows do not reach: only then is it given to anybody.
        self.heads.write(tenant.id(), row.note.clone()).await?;
        Ok(tenant.put_checkpoint(&row).await?)
    }
}

/// Does `work` in a task of its own: a caller that is dropped stops it nowhere.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = tokio::spawn(work).await;
    done.map_err(|_| Error::refused("writing the log was cut short: try again"))?
}

/// The event as a row, with a fresh salt.
fn new_entry(event: &LogEvent, rng: &mut impl CryptoRng) -> NewLogEntry {
    // In whole seconds, as everywhere where a visitor's doing could be told by its time.
    let event = LogEvent {
        at: event.at.whole_seconds(),
        ..event.clone()
    };
    let sealed = event.seal(rng);
    NewLogEntry {
        id: event.id.clone(),
        kind: event.kind(),
        at: event.at,
        salt: sealed.salt,
        event: sealed.bytes,
        leaf: merkle::leaf(&sealed.entry.0),
        subjects: event.subjects(),
    }
}

/// The row is of exactly this, and its leaf too.
fn says(row: &LogEntry, what: &What) -> bool {
    let leaf = |(salt, event): &([u8; 32], Vec<u8>)| merkle::leaf(&event::entry(salt, event).0);
    row.event.as_ref().map(leaf) == Some(row.leaf)
        && read(row).is_some_and(|event| event.what == *what)
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

/// The entries about a case or a recording, in order. An erased one is about nothing any more.
pub async fn about(tenant: &Tenant, subject: impl core::fmt::Display) -> Result<Vec<LogEntry>> {
    // What a version wrote that did not say so: once.
    loop {
        let from = tenant.log_indexed().await?;
        let page = tenant.log_entries(from, PAGE).await?;
        if page.is_empty() {
            break;
        }
        let subjects = |entry| read(entry).map_or_else(Vec::new, |event| event.subjects());
        let said: Vec<_> = page.iter().map(|e| (e.index, subjects(e))).collect();
        tenant.index_log(&said).await?;
    }
    Ok(tenant.log_entries_about(&subject.to_string()).await?)
}

/// The entry that says with which root the client was made.
pub async fn beginning(tenant: &Tenant) -> Result<Option<LogEntry>> {
    let mut from = 0;
    loop {
        let page = tenant.log_entries(from, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        from = last.index.saturating_add(1);
        if let Some(found) = page.into_iter().find(|e| e.kind == "tenant_made") {
            return Ok(Some(found));
        }
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

impl Log {
    /// Recomputes a tenant's whole log against its newest checkpoint, and against what this recorder
    /// knows that it has signed.
    pub async fn verify(&self, tenant: &Tenant) -> Result<Checked> {
        let mut wrong = Vec::new();
        let (mut erased, mut leaves) = (0, Vec::new());
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
            leaves.push(entry.leaf);
        }
        let checkpoint = match tenant.newest_checkpoint().await? {
            None => None,
            Some(row) => match self.read_note(tenant, &row.note) {
                Ok(checkpoint) => Some(checkpoint),
                Err(e) => {
                    wrong.push(format!("the checkpoint of size {}: {e}", row.size));
                    None
                }
            },
        };
        let head = match self.heads.read(tenant.id()) {
            Ok(head) => head,
            Err(e) => {
                wrong.push(e.to_string());
                None
            }
        };
        let (tree, compared) = Compared::new(leaves, head, checkpoint);
        wrong.extend(compared.refusal());
        match &compared.signed {
            Some(_) if !compared.is_signed() => {}
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
            checkpoint: compared.signed,
            entries: tree.size(),
            erased,
            wrong,
        })
    }
}

/// Entries, each with its proof, and what they are proven against.
pub struct Proven {
    /// In the order that was asked for.
    pub entries: Vec<ProvenEntry>,
    /// The newest checkpoint, as a signed note.
    pub checkpoint: String,
    /// Every leaf hash of its tree: with them anyone sees that it continues an earlier one.
    pub leaves: Vec<Hash32>,
}

/// What the signed log says came into the vault as this recording: SHA-256 of its manifest.
pub async fn kept(
    tenant: &Tenant,
    recording: RecordingId,
    recorder: &PublicKey,
) -> Result<Option<Hash32>> {
    let mut entries = about(tenant, recording).await?;
    entries.retain(|entry| entry.kind == "recording_kept");
    if entries.is_empty() {
        return Ok(None);
    }
    let proven = prove(tenant, &entries).await?;
    let checkpoint = Checkpoint::verify(&proven.checkpoint, &origin(tenant.id()), recorder)?;
    let manifest = |entry: &ProvenEntry| match entry.verify(&checkpoint)?.what {
        What::RecordingKept {
            recording: of,
            manifest,
            ..
        } if of == recording => Some(manifest),
        _ => None,
    };
    Ok(proven.entries.iter().find_map(manifest))
}

/// Those of `entries` that a checkpoint covers, each with its proof, and that checkpoint.
pub async fn prove<'a>(
    tenant: &Tenant,
    entries: impl IntoIterator<Item = &'a LogEntry>,
) -> Result<Proven> {
    let row = tenant
        .newest_checkpoint()
        .await?
        .ok_or(Error::NotFound("checkpoint"))?;
    let leaves = leaves(tenant, Some(row.size)).await?;
    let mut out = Vec::new();
    for entry in entries {
        let Some((salt, bytes)) = &entry.event else {
            continue;
        };
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
    Ok(Proven {
        entries: out,
        checkpoint: row.note,
        leaves,
    })
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
