//! What the spool says of each recording so far: places and hashes, not the parts themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::{Hash32, RecordingId, TenantId};
use seal::PartHeader;
use seal::manifest::Gap;
use seal::spool::read::Located;
use seal::spool::{Begin, Epoch, LiveWrap, Location, Record};

/// A part's place in the spool.
#[derive(Debug, Clone, Copy)]
pub struct SpooledPart {
    /// Where it belongs.
    pub header: PartHeader,
    /// SHA-256 of its bytes.
    pub hash: Hash32,
    /// Where its frame stands.
    pub at: Location,
}

/// One recording as one node's spool has it.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The node's folder.
    pub folder: PathBuf,
    /// Whose it is.
    pub tenant: TenantId,
    /// How it began; `None` if that stood in a segment that is freed.
    pub begin: Option<Begin>,
    /// Keys, in the order in which they were made. Live wraps are left behind, their bytes at least.
    pub epochs: Vec<Epoch>,
    /// Parts, in the order in which they were written.
    pub parts: Vec<SpooledPart>,
    /// Times in which it was not recorded.
    pub gaps: Vec<Gap>,
    /// The node's manifest, once it has ended.
    pub end: Option<Envelope>,
    /// The first segment that holds something of it.
    pub first_segment: u64,
    /// The last.
    pub last_segment: u64,
}

impl Gathered {
    fn new(folder: &Path, tenant: TenantId, segment: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            tenant,
            begin: None,
            epochs: Vec::new(),
            parts: Vec::new(),
            gaps: Vec::new(),
            end: None,
            first_segment: segment,
            last_segment: segment,
        }
    }

    /// What it holds so far, by the keys of its tracks: nothing is opened for it.
    pub fn modalities(&self) -> Vec<Modality> {
        let all: BTreeSet<Modality> = self.epochs.iter().map(|epoch| epoch.modality).collect();
        all.into_iter().collect()
    }
}

/// All recordings of one node's spool that are not in the vault yet.
#[derive(Debug, Default)]
pub struct Gathering {
    /// By id.
    pub recordings: BTreeMap<RecordingId, Gathered>,
}

impl Gathering {
    /// Takes one record. Events are the caller's.
    pub fn take(&mut self, folder: &Path, located: Located) {
        let Located { at, record } = located;
        let (id, tenant) = match &record {
            Record::Begin(r) => (r.recording, r.tenant),
            Record::Epoch(r) => (r.recording, r.tenant),
            Record::Part(r) => (r.header.recording, r.header.tenant),
            Record::Wraps(r) => (r.recording, r.tenant),
            Record::End(r) => (r.recording, r.tenant),
            Record::Gap(r) => (r.recording, r.tenant),
            Record::Consent(r) => (r.recording, r.tenant),
            Record::Event(_) => return,
        };
        let gathered = self
            .recordings
            .entry(id)
            .or_insert_with(|| Gathered::new(folder, tenant, at.segment));
        gathered.last_segment = at.segment;
        match record {
            Record::Begin(begin) => gathered.begin = Some(begin),
            Record::Epoch(mut epoch) => {
                // Who had the key while it lived is kept; the wraps themselves are not.
                for live in &mut epoch.live {
                    live.wrap = Vec::new();
                }
                gathered.epochs.push(epoch);
            }
            Record::Part(part) => gathered.parts.push(SpooledPart {
                header: part.header,
                hash: part.hash,
                at,
            }),
            Record::End(end) => gathered.end = Some(end.manifest),
            Record::Gap(gap) => gap.gap.take_in(&mut gathered.gaps),
            Record::Wraps(wraps) => {
                for wrap in wraps.wraps {
                    let epoch = gathered
                        .epochs
                        .iter_mut()
                        .find(|e| e.track == wrap.track && e.epoch == wrap.epoch);
                    if let Some(epoch) = epoch {
                        epoch.live.push(LiveWrap {
                            participant: wrap.participant,
                            wrap: Vec::new(),
                        });
                    }
                }
            }
            // Sealed events and rows say it to whoever comes later.
            Record::Consent(_) | Record::Event(_) => {}
        }
    }

    /// The oldest segment that something here still needs.
    pub fn oldest_needed(&self) -> Option<u64> {
        self.recordings.values().map(|g| g.first_segment).min()
    }
}
