//! The intake: follows each node's spool, brings ended recordings into the vault, and frees
//! segments that nothing needs any more.
//!
//! It keeps no notes of its own: after a restart it reads what the spool still holds and asks the
//! rows what is kept already. Everything that it does may be done again.

pub mod close;
pub mod gather;
pub mod keep;
pub mod rotate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proto::notice::Modality;
use proto::{Millis, NodeId, RecordingId};
use seal::spool::read::{self, Position};
use seal::spool::{Event, Record};
use store::{Recording, StoreError, Tenant};

use crate::Recorder;
use crate::error::{Error, Result};
use crate::inspect::Finding;
use crate::log::What;
use gather::{Gathered, Gathering};
use keep::Outcome;

/// So much of a segment is read at a time.
const CHUNK: usize = 8 << 20;
/// A refused recording is looked at again after so long: its node may have been certified since.
const RETRY: i64 = 30_000;

/// Follows all nodes' spools.
#[derive(Debug, Default)]
pub struct Intake {
    nodes: BTreeMap<PathBuf, Follower>,
}

/// What one pass did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Came into the vault, with what was found wrong.
    pub kept: Vec<(RecordingId, Vec<Finding>)>,
    /// Stays in the spool, and why.
    pub refused: Vec<(RecordingId, String)>,
    /// Freed segments.
    pub freed: Vec<(PathBuf, u64)>,
    /// Where a spool is not what was written.
    pub damage: Vec<String>,
    /// Still running.
    pub live: usize,
}

#[derive(Debug, Default)]
struct Follower {
    position: Position,
    gathering: Gathering,
    /// In the vault already: what of them is still in the spool does not matter.
    /// With the last segment that holds something of them.
    done: BTreeMap<RecordingId, u64>,
    /// What those that still run are listed with.
    listed: BTreeMap<RecordingId, Vec<Modality>>,
    refused: BTreeMap<RecordingId, Millis>,
}

impl Intake {
    /// Reads what is new in every spool, keeps what has ended, frees what is not needed.
    pub async fn pass(&mut self, recorder: &Recorder) -> Result<Pass> {
        let mut pass = Pass::default();
        for folder in node_folders(&recorder.config.spool())? {
            self.nodes
                .entry(folder.clone())
                .or_default()
                .pass(recorder, &folder, &mut pass)
                .await?;
        }
        Ok(pass)
    }

    /// Intake generations that something in a spool is still sealed to. Only after a [`Self::pass`].
    pub fn generations(&self) -> BTreeSet<u32> {
        self.nodes
            .values()
            .flat_map(|node| node.gathering.recordings.values())
            .flat_map(|gathered| gathered.epochs.iter().map(|e| e.intake_generation))
            .collect()
    }

    /// What the spools hold of a recording that is not in the vault.
    pub fn gathered(&self, id: RecordingId) -> Option<&Gathered> {
        self.nodes
            .values()
            .find_map(|node| node.gathering.recordings.get(&id))
    }

    /// Every recording that is not in the vault.
    pub fn waiting(&self) -> impl Iterator<Item = (&RecordingId, &Gathered)> {
        self.nodes
            .values()
            .flat_map(|node| &node.gathering.recordings)
    }

    /// A recording was brought into the vault by hand.
    pub fn kept_by_hand(&mut self, id: RecordingId) {
        for node in self.nodes.values_mut() {
            node.forget(id);
        }
    }
}

impl Follower {
    async fn pass(&mut self, recorder: &Recorder, folder: &Path, pass: &mut Pass) -> Result<()> {
        loop {
            let batch = read::read(folder, self.position, CHUNK)?;
            // What can fail comes first: a batch that is read again must not be gathered twice.
            for located in &batch.records {
                if let Record::Event(event) = &located.record {
                    relay_event(recorder, node_of(folder), event).await?;
                }
            }
            for located in batch.records {
                let known = located
                    .record
                    .recording()
                    .is_some_and(|id| self.done.contains_key(&id));
                if !known {
                    self.gathering.take(folder, located);
                }
            }
            for damage in &batch.damage {
                pass.damage.push(format!("{}: {damage}", folder.display()));
            }
            let further = batch.next != self.position;
            self.position = batch.next;
            if !further {
                break;
            }
        }
        self.settle(recorder, pass).await?;
        self.free(folder, pass)
    }

    /// Looks at every recording that is not kept.
    async fn settle(&mut self, recorder: &Recorder, pass: &mut Pass) -> Result<()> {
        let now = recorder.now();
        let ids: Vec<RecordingId> = self.gathering.recordings.keys().copied().collect();
        for id in ids {
            let Some(gathered) = self.gathering.recordings.get(&id) else {
                continue;
            };
            if self.refused.get(&id).is_some_and(|again| now < *again) {
                continue;
            }
            let tenant = match recorder.store.tenant(gathered.tenant).await {
                Ok(tenant) => tenant,
                Err(StoreError::NoSuchTenant) => {
                    let why = "its client is not known here".to_owned();
                    self.refuse(id, why, now, pass);
                    continue;
                }
                Err(other) => return Err(other.into()),
            };
            if is_kept(&tenant, id).await? {
                self.forget(id);
                continue;
            }
            let Some(end) = &gathered.end else {
                pass.live += 1;
                // Again when a call has brought something new into it.
                let holds = gathered.modalities();
                if self.listed.get(&id) != Some(&holds)
                    && list_as_open(&tenant, gathered, &holds).await?
                {
                    self.listed.insert(id, holds);
                }
                continue;
            };
            match keep::keep(recorder, &tenant, id, gathered, end).await {
                // One recording that cannot be kept just now does not hold up the others.
                Err(error) => self.refuse(id, error.to_string(), now, pass),
                Ok(Outcome::Kept(findings)) => {
                    pass.kept.push((id, findings));
                    self.forget(id);
                }
                Ok(Outcome::Refused(why)) => {
                    let what = What::RecordingRefused {
                        recording: id,
                        reason: why.clone(),
                    };
                    recorder
                        .log_as(&tenant, format!("refused-{id}"), what)
                        .await?;
                    self.refuse(id, format!("manifest: {why}"), now, pass);
                }
            }
        }
        Ok(())
    }

    /// It is in the vault: nothing of it is needed here.
    fn forget(&mut self, id: RecordingId) {
        if let Some(gathered) = self.gathering.recordings.remove(&id) {
            self.done.insert(id, gathered.last_segment);
        }
        self.listed.remove(&id);
        self.refused.remove(&id);
    }

    fn refuse(&mut self, id: RecordingId, why: String, now: Millis, pass: &mut Pass) {
        self.refused.insert(id, now.plus(RETRY));
        pass.refused.push((id, why));
    }

    /// Frees from the oldest segment on, up to the first that something needs.
    fn free(&mut self, folder: &Path, pass: &mut Pass) -> Result<()> {
        let keep_from = self
            .gathering
            .oldest_needed()
            .unwrap_or(u64::MAX)
            .min(self.position.segment);
        for number in segments(folder)? {
            if number >= keep_from {
                break;
            }
            read::free(folder, number)?;
            self.done.retain(|_, last| *last > number);
            pass.freed.push((folder.to_owned(), number));
        }
        Ok(())
    }
}

async fn is_kept(tenant: &Tenant, id: RecordingId) -> Result<bool> {
    let row = tenant.recording(id).await?;
    Ok(row.is_some_and(|row| row.manifest.is_some()))
}

/// A running recording is listed too, as open. `false`: not enough of it is there yet.
async fn list_as_open(tenant: &Tenant, gathered: &Gathered, holds: &[Modality]) -> Result<bool> {
    let (Some(begin), Some(epoch)) = (&gathered.begin, gathered.epochs.first()) else {
        return Ok(false);
    };
    let row = Recording {
        id: begin.recording,
        session: begin.session,
        site: begin.site,
        node: begin.node,
        notice: begin.notice,
        sealing_key: epoch.sealing_key,
        modalities: holds.to_vec(),
        started: begin.started,
        ended: None,
        ending: store::Ending::Open,
        bytes: 0,
        parts: 0,
        keep_min: None,
        keep_max: None,
        manifest: None,
    };
    tenant.put_recording(&row).await?;
    Ok(true)
}

/// A relay's own event goes into its tenant's log.
async fn relay_event(recorder: &Recorder, node: Option<NodeId>, event: &Event) -> Result<()> {
    let tenant = match recorder.store.tenant(event.tenant).await {
        Ok(tenant) => tenant,
        // A client that is gone has no log any more.
        Err(StoreError::NoSuchTenant) => return Ok(()),
        Err(other) => return Err(other.into()),
    };
    let what = What::Relay {
        node,
        event: serde_json::to_value(event)?,
    };
    recorder
        .log_as(&tenant, format!("relay-{}", event.id), what)
        .await?;
    Ok(())
}

/// Whether the spool can be read at all. One that is not there yet is empty.
pub fn readable(spool: &Path) -> Result<()> {
    for folder in node_folders(spool)? {
        segments(&folder)?;
    }
    Ok(())
}

/// The folders below the spool: one per node.
fn node_folders(spool: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: std::io::Error| unreadable(spool, &e);
    let entries = match std::fs::read_dir(spool) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn unreadable(folder: &Path, why: &std::io::Error) -> Error {
    let hint = format!(
        "{why}: correct `folder` under [spool], or let the recorder's user read and write there"
    );
    Error::file("cannot read the spool", folder, hint)
}

/// A node's folder is named for its id.
fn node_of(folder: &Path) -> Option<NodeId> {
    folder.file_name()?.to_str()?.parse().ok()
}

fn segments(folder: &Path) -> Result<Vec<u64>> {
    let failed = |e: std::io::Error| unreadable(folder, &e);
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(".spool"))
            .and_then(|number| number.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}
