//! What a restarted relay finds: recordings that have not ended, without needing a key.

use std::collections::{BTreeMap, HashMap};

use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::{Hash32, Millis, ParticipantId, RecordingId, SessionId, TrackNo};

use super::frame;
use super::read::{Life, Segment};
use super::record::{Begin, Epoch, Event, EventKind, LiveWrap, Record};
use super::{Damage, DamageKind, Location, SpoolError, SpoolFiles};
use crate::manifest::Gap;
use crate::part::{Part, PartHeader, PartKind};
use crate::track::TrackId;

/// What the spool held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Every recording that is not yet freed.
    pub recordings: HashMap<RecordingId, RecoveredRecording>,
    /// Where the spool is not what was written.
    pub damage: Vec<Damage>,
}

/// One recording as the spool has it.
#[derive(Debug)]
pub struct RecoveredRecording {
    /// How it began.
    pub begin: Begin,
    /// Its tracks; none once it has ended.
    pub tracks: BTreeMap<TrackNo, RecoveredTrack>,
    /// The parts of its chat tracks, in the order in which they were written; none once it has
    /// ended. Of media tracks only the chains are kept: nobody is sent their parts again.
    pub parts: Vec<RecoveredPart>,
    /// The manifest, if it has ended.
    pub end: Option<Envelope>,
    /// Times in which it was not recorded.
    pub gaps: Vec<Gap>,
    /// Who has left for good, and when.
    pub left: BTreeMap<ParticipantId, Millis>,
    /// What was withdrawn, and not agreed to again, and when.
    pub withdrawn: BTreeMap<(ParticipantId, Modality), Millis>,
    /// Whether something acknowledged may be missing from it.
    pub damaged: bool,
    /// Data parts of chat so far, those counted that are known to be missing: the last `n` that was
    /// given out.
    pub last: u64,
}

impl RecoveredRecording {
    /// Data parts of chat that are here.
    pub fn data_parts(&self) -> u64 {
        let data = |part: &&RecoveredPart| part.header.kind == PartKind::Data;
        self.parts.iter().filter(data).count() as u64
    }
}

/// One track as the spool has it.
#[derive(Debug, Clone)]
pub struct RecoveredTrack {
    /// What it is.
    pub id: TrackId,
    /// Its epochs in order.
    pub epochs: Vec<RecoveredEpoch>,
    /// SHA-256 of its last part.
    pub head: Hash32,
    /// Sequence number of its last part.
    pub seq: u64,
    /// Whether its last part is an end part.
    pub ended: bool,
}

/// One epoch as the spool has it.
#[derive(Debug, Clone)]
pub struct RecoveredEpoch {
    /// Its record; live wraps that newcomers got later are added.
    pub epoch: Epoch,
    /// Its parts' hashes in order.
    pub parts: Vec<Hash32>,
}

/// One part as the spool has it: read its bytes with [`super::Spool::read`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveredPart {
    /// Where it belongs.
    pub header: PartHeader,
    /// SHA-256 of its bytes.
    pub hash: Hash32,
    /// Where it stands.
    pub at: Location,
    /// Of a data part: its place among all data parts of chat of the recording, from 1.
    pub n: u64,
}

/// Reads everything, cuts the newest segment behind its last whole frame, and returns that
/// segment's number (0 if there is none). Behind a bad frame a whole one shows that this is no torn
/// end: nothing is cut there, and it is read on as in an older segment.
pub(super) fn recover(files: &impl SpoolFiles) -> Result<(Recovered, u64), SpoolError> {
    let numbers = files
        .segments()
        .map_err(SpoolError::io("list the segments"))?;
    let newest = numbers.last().copied().unwrap_or(0);
    let mut scan = Scan::default();
    for number in numbers {
        let bytes = files
            .read(number)
            .map_err(SpoolError::io("read a segment"))?;
        let life = if number == newest {
            Life::Newest
        } else {
            Life::Finished
        };
        let mut segment = Segment::whole(number, &bytes, life);
        while let Some((at, record)) = segment.next() {
            // What was skipped on the way stood before it.
            scan.lost(&mut segment.damage, &bytes);
            scan.take(at, record);
        }
        let end = segment.end();
        scan.lost(&mut segment.damage, &bytes);
        if number == newest {
            let cut = bytes.get(end..).unwrap_or_default();
            let keep = cut.iter().any(|byte| *byte != 0).then_some(cut);
            // Even if there is nothing to cut: what a killed process wrote and did not sync is in
            // the cache only, and what comes now will build on it.
            files
                .cut(number, end as u64, keep)
                .map_err(SpoolError::io("cut the newest segment"))?;
        }
    }
    Ok((scan.finish(), newest))
}

/// What has been read so far.
#[derive(Default)]
struct Scan {
    recovered: Recovered,
    /// Which recording each session has.
    recording_of: HashMap<SessionId, RecordingId>,
    /// Records of recordings whose beginning is not here: freed if their end follows, else damage.
    orphans: HashMap<RecordingId, Location>,
}

impl Scan {
    /// What stood there may have been acknowledged: the recording whose it was, or, where that
    /// cannot be told, every one that is open there, is damaged.
    fn lost(&mut self, damage: &mut Vec<Damage>, segment: &[u8]) {
        for damage in damage.drain(..) {
            self.recovered.damage.push(damage);
            if damage.tail || damage.is_header_alone() {
                continue;
            }
            let open = |found: &&mut RecoveredRecording| found.end.is_none();
            let recordings = &mut self.recovered.recordings;
            let header = frame::part_of_altered(segment, damage.at);
            let own = header.and_then(|header| {
                let found = recordings.get_mut(&header.recording).filter(open)?;
                found.last += u64::from(found.has_number(&header));
                found.damaged = true;
                Some(())
            });
            if own.is_none() {
                for found in recordings.values_mut().filter(open) {
                    found.damaged = true;
                }
            }
        }
    }

    fn take(&mut self, at: Location, record: Record) {
        if let Record::Event(event) = &record {
            self.heard(event);
        }
        let Some(id) = record.recording() else { return };
        if let Record::Begin(begin) = record {
            self.recording_of.insert(begin.session, id);
            self.recovered
                .recordings
                .entry(id)
                .or_insert_with(|| RecoveredRecording {
                    begin,
                    tracks: BTreeMap::new(),
                    parts: Vec::new(),
                    end: None,
                    gaps: Vec::new(),
                    left: BTreeMap::new(),
                    withdrawn: BTreeMap::new(),
                    damaged: false,
                    last: 0,
                });
            return;
        }
        let Some(recording) = self.recovered.recordings.get_mut(&id) else {
            if matches!(record, Record::End(_)) {
                self.orphans.remove(&id);
            } else {
                self.orphans.entry(id).or_insert(at);
            }
            return;
        };
        if !recording.take(at, record) {
            recording.damaged = true;
            self.recovered.damage.push(chain(id, at));
        }
    }

    /// What an event says of a recording: who has left. Its part says so too, and is sealed.
    fn heard(&mut self, event: &Event) {
        if let (EventKind::AgentLeft, Some(session), Some(participant)) =
            (event.kind, event.session, event.participant)
            && let Some(id) = self.recording_of.get(&session)
            && let Some(recording) = self.recovered.recordings.get_mut(id)
            && recording.begin.tenant == event.tenant
        {
            recording.left.entry(participant).or_insert(event.at);
        }
    }

    fn finish(mut self) -> Recovered {
        let orphans = self.orphans.into_iter();
        self.recovered
            .damage
            .extend(orphans.map(|(id, at)| chain(id, at)));
        self.recovered.damage.sort_by_key(|damage| damage.at);
        self.recovered
    }
}

impl RecoveredRecording {
    /// Whether `record` continues this recording.
    fn take(&mut self, at: Location, record: Record) -> bool {
        if self.end.is_some() {
            return false;
        }
        match record {
            Record::Begin(_) | Record::Event(_) => false,
            Record::Epoch(epoch) => self.epoch(epoch),
            Record::Part(part) => self.part(at, &part),
            Record::Wraps(wraps) => {
                for wrap in wraps.wraps {
                    let epoch = self
                        .tracks
                        .get_mut(&wrap.track)
                        .and_then(|track| track.epoch_mut(wrap.epoch));
                    let Some(epoch) = epoch else { return false };
                    epoch.epoch.live.push(LiveWrap {
                        participant: wrap.participant,
                        wrap: wrap.wrap,
                    });
                }
                true
            }
            Record::Gap(gap) => {
                gap.gap.take_in(&mut self.gaps);
                true
            }
            Record::Consent(consent) => {
                if consent.tenant != self.begin.tenant {
                    return false;
                }
                let what = (consent.participant, consent.modality);
                if consent.given {
                    self.withdrawn.remove(&what);
                } else {
                    self.withdrawn.insert(what, consent.at);
                }
                true
            }
            Record::End(end) => {
                self.end = Some(end.manifest);
                self.tracks.clear();
                self.parts = Vec::new();
                self.gaps = Vec::new();
                true
            }
        }
    }

    fn epoch(&mut self, epoch: Epoch) -> bool {
        let id = TrackId {
            tenant: epoch.tenant,
            recording: epoch.recording,
            track: epoch.track,
            participant: epoch.participant,
            role: epoch.role,
            modality: epoch.modality,
        };
        let track = self
            .tracks
            .entry(epoch.track)
            .or_insert_with(|| RecoveredTrack {
                id,
                epochs: Vec::new(),
                head: Hash32::ZERO,
                seq: 0,
                ended: false,
            });
        let last = track.epochs.last().map_or(0, |last| last.epoch.epoch);
        if track.id != id || epoch.epoch <= last || id.tenant != self.begin.tenant {
            return false;
        }
        track.epochs.push(RecoveredEpoch {
            epoch,
            parts: Vec::new(),
        });
        true
    }

    fn part(&mut self, at: Location, part: &Part) -> bool {
        let header = part.header;
        // A number was given out for it, whether or not it has a place here.
        self.last += u64::from(self.has_number(&header));
        let Some(track) = self.tracks.get_mut(&header.track) else {
            return false;
        };
        let Some(epoch) = track.epochs.last_mut() else {
            return false;
        };
        if header.tenant != track.id.tenant
            || header.epoch != epoch.epoch.epoch
            || header.prev != track.head
            || Some(header.seq) != track.seq.checked_add(1)
            || track.ended
        {
            return false;
        }
        epoch.parts.push(part.hash);
        track.head = part.hash;
        track.seq = header.seq;
        track.ended = header.kind == PartKind::End;
        if track.id.modality == Modality::Chat {
            self.parts.push(RecoveredPart {
                header,
                hash: part.hash,
                at,
                n: self.last,
            });
        }
        true
    }

    /// Whether a part has a number in the conversation: media have none. What cannot be told is
    /// counted: a number that is left out harms less than one that is given twice.
    fn has_number(&self, header: &PartHeader) -> bool {
        let modality = self.tracks.get(&header.track).map(|t| t.id.modality);
        header.kind == PartKind::Data && modality.is_none_or(|m| m == Modality::Chat)
    }
}

impl RecoveredTrack {
    fn epoch_mut(&mut self, epoch: proto::EpochNo) -> Option<&mut RecoveredEpoch> {
        self.epochs.iter_mut().find(|e| e.epoch.epoch == epoch)
    }
}

fn chain(recording: RecordingId, at: Location) -> Damage {
    Damage {
        at,
        kind: DamageKind::Chain(recording),
        tail: false,
    }
}
