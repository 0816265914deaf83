//! How far each tenant's log was signed: its newest checkpoint, in a file of the recorder's own key
//! folder. Rows that do not continue it are refused, whoever wrote them: rows alone cannot say how
//! long a log was.
//!
//! An entry's row is written first, then the head, then the checkpoint's row. A crash between them
//! leaves rows ahead of the head, by one entry at most; never a head ahead of the rows.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use proto::{Hash32, PublicKey, TenantId};
use seal::merkle::Accumulator;

use super::checkpoint::{Checkpoint, origin};
use crate::error::{Error, Result};

/// More rows than this without a checkpoint no crash leaves.
const AHEAD: u64 = 1;

/// The folder of all heads.
#[derive(Debug, Clone)]
pub struct Heads {
    folder: PathBuf,
    key: PublicKey,
}

impl Heads {
    /// The heads in `folder`, signed by `key`.
    pub fn new(folder: PathBuf, key: PublicKey) -> Self {
        Self { folder, key }
    }

    /// A tenant's head; `None` if nothing was signed here yet.
    pub fn read(&self, tenant: TenantId) -> Result<Option<Checkpoint>> {
        let path = self.path(tenant);
        match fs::read_to_string(&path) {
            Ok(note) => match Checkpoint::verify(&note, &origin(tenant), &self.key) {
                Ok(head) => Ok(Some(head)),
                Err(e) => Err(Error::file("the log's head", &path, e)),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::file("cannot read the log's head", &path, e)),
        }
    }

    /// Replaces a tenant's head: when this returns, a power failure leaves the new one.
    pub async fn write(&self, tenant: TenantId, note: String) -> Result<()> {
        let (folder, path) = (self.folder.clone(), self.path(tenant));
        tokio::task::spawn_blocking(move || {
            let failed = |e| Error::file("cannot write the log's head", &path, e);
            fs::create_dir_all(&folder).map_err(failed)?;
            let new = path.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)
                .map_err(failed)?;
            file.write_all(note.as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            fs::rename(&new, &path).map_err(failed)?;
            File::open(&folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)
        })
        .await
        .map_err(|_| Error::refused("the log's head was cut short: try again"))?
    }

    fn path(&self, tenant: TenantId) -> PathBuf {
        self.folder.join(format!("{tenant}.checkpoint"))
    }
}

/// What is compared: the rows' tree, and what was signed of it.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    /// In the key folder.
    pub(super) head: Option<Checkpoint>,
    /// In the rows.
    pub(super) signed: Option<Checkpoint>,
    /// How many leaves the rows have.
    pub(super) size: u64,
    /// The root of the rows' first leaves, as many as the head has.
    at_head: Option<Hash32>,
    /// As many as the checkpoint has.
    at_signed: Option<Hash32>,
}

impl Compared {
    /// Reads through `leaves`; gives the tree too.
    pub(super) fn new(
        leaves: impl IntoIterator<Item = Hash32>,
        head: Option<Checkpoint>,
        signed: Option<Checkpoint>,
    ) -> (Accumulator, Self) {
        let mut tree = Accumulator::default();
        let (mut at_head, mut at_signed) = (None, None);
        for leaf in leaves {
            tree.push(leaf);
            let here = |of: &Option<Checkpoint>| {
                let same = of.as_ref().is_some_and(|of| of.size == tree.size());
                same.then(|| tree.root())
            };
            at_head = at_head.or(here(&head));
            at_signed = at_signed.or(here(&signed));
        }
        let compared = Self {
            size: tree.size(),
            head,
            signed,
            at_head,
            at_signed,
        };
        (tree, compared)
    }

    /// The rows continue their own newest checkpoint.
    pub(super) fn is_signed(&self) -> bool {
        let signed = self.signed.as_ref();
        signed.is_some_and(|signed| self.at_signed == Some(signed.root))
    }

    /// And hold no more besides than a crash leaves, or a backup made at that moment, and `own` more
    /// that are known.
    pub(super) fn is_whole(&self, own: u64) -> bool {
        let signed = self.signed.as_ref().map_or(0, |signed| signed.size);
        self.is_signed() && self.size.saturating_sub(signed) <= AHEAD + own
    }

    /// Everything that was signed of this log covers so many entries.
    pub(super) fn covered(&self) -> u64 {
        let size = |of: &Option<Checkpoint>| of.as_ref().map_or(0, |of| of.size);
        size(&self.head).max(size(&self.signed))
    }

    /// Why the rows are not the log that was signed, if so.
    pub(super) fn refusal(&self) -> Option<String> {
        let adopt = "if they are from a backup, or this recorder's key folder is, see `recorder log adopt --help`; if not, somebody changed them";
        match &self.head {
            None if self.signed.is_some() || self.size > AHEAD => {
                return Some(format!(
                    "the rows hold a log of {} entries and this recorder's key folder knows nothing of it: {adopt}",
                    self.size
                ));
            }
            Some(head) if self.size < head.size => {
                return Some(format!(
                    "the rows hold {} entries and this recorder has signed {}: {adopt}",
                    self.size, head.size
                ));
            }
            Some(head) if self.at_head != Some(head.root) => {
                return Some(format!(
                    "the first {} entries are not the ones that this recorder has signed: {adopt}",
                    head.size
                ));
            }
            _ => {}
        }
        if let Some(signed) = &self.signed
            && !self.is_signed()
        {
            return Some(format!(
                "the tree of the first {} entries has another root than the signed checkpoint",
                signed.size
            ));
        }
        let ahead = self.size.saturating_sub(self.covered());
        (ahead > AHEAD).then(|| {
            format!(
                "nothing covers the last {ahead} entries: a crash leaves {AHEAD} at most, so somebody else wrote them"
            )
        })
    }
}
