//! One track: a chat sender or a media source, sealed part by part.

use core::fmt;

use proto::event::Role;
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::Modality;
use proto::wire::SealedAt;
use proto::{EpochNo, Hash32, ParticipantId, PublicKey, RecordingId, TenantId, TrackNo};
use rand_core::CryptoRng;

use crate::merkle::{self, Accumulator};
use crate::part::{self, Part, PartHeader, PartKind};
use crate::spool::{Epoch, KeptWrap, LiveWrap, RecoveredTrack, TrackWrap};
use crate::wrap::{self, Recipient, WrapInfo};
use crate::{DataKey, SealError, manifest};

/// What a track is, fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackId {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// Its number within the recording.
    pub track: TrackNo,
    /// Whose it is.
    pub participant: ParticipantId,
    /// As what they take part.
    pub role: Role,
    /// What it holds.
    pub modality: Modality,
}

/// To whom the data key of a new epoch is wrapped.
#[derive(Debug, Clone, Copy)]
pub struct Recipients<'a> {
    /// The tenant's sealing key of the quarter, already checked against the pinned root.
    pub sealing: &'a SealingKey,
    /// The recorder's newest intake key, already checked against the pinned recorder key.
    pub intake: &'a IntakeKey,
    /// Visitors' receipt keys, where policy gives visitors their copy.
    pub receipts: &'a [(ParticipantId, PublicKey)],
    /// Everyone who is in the chat; nobody for media.
    pub live: &'a [(ParticipantId, PublicKey)],
}

/// Seals one track's parts, each bound to the one before it.
pub struct TrackSealer {
    id: TrackId,
    epochs: Vec<EpochState>,
    current: Option<Current>,
    /// Keys of earlier epochs of this process, for newcomers; media tracks keep none.
    earlier: Vec<(EpochNo, DataKey)>,
    seq: u64,
    head: Hash32,
    ended: bool,
}

/// The key in use.
struct Current {
    epoch: EpochNo,
    step: u32,
    key: DataKey,
}

/// What the manifest will say about an epoch.
#[derive(Clone)]
struct EpochState {
    record: manifest::Epoch,
    tree: Accumulator,
}

impl TrackSealer {
    /// A new track, without a key: call [`TrackSealer::new_epoch`] before the first part.
    pub fn new(id: TrackId) -> Self {
        Self {
            id,
            epochs: Vec::new(),
            current: None,
            earlier: Vec::new(),
            seq: 0,
            head: Hash32::ZERO,
            ended: false,
        }
    }

    /// Goes on after a restart, from what the spool still has. Its keys are gone: the next epoch's
    /// first part binds the last valid part before it.
    pub fn resume(track: &RecoveredTrack) -> Self {
        let epochs = track
            .epochs
            .iter()
            .map(|epoch| {
                let mut state = EpochState::new(&epoch.epoch);
                for hash in &epoch.parts {
                    state.tree.push(merkle::leaf(&hash.0));
                }
                state
            })
            .collect();
        Self {
            id: track.id,
            epochs,
            current: None,
            earlier: Vec::new(),
            seq: track.seq,
            head: track.head,
            ended: track.ended,
        }
    }

    /// Makes a new data key, wraps it, and returns the record that must be appended to the spool
    /// before, or together with, the first part that it seals.
    pub fn new_epoch(
        &mut self,
        to: &Recipients<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Epoch, SealError> {
        if self.ended {
            return Err(SealError::Ended);
        }
        let number = self
            .last_epoch()
            .checked_add(1)
            .ok_or(SealError::Exhausted)?;
        let key = DataKey::random(rng);
        let info = |recipient| WrapInfo {
            tenant: self.id.tenant,
            recording: self.id.recording,
            track: self.id.track,
            epoch: number,
            recipient,
        };

        let mut kept = Vec::with_capacity(1 + to.receipts.len());
        let tenant = Recipient::Tenant {
            key: to.sealing.key,
        };
        let receipts = to.receipts.iter().map(|(participant, public)| {
            let participant = *participant;
            (Recipient::Receipt { participant }, public)
        });
        for (recipient, public) in
            core::iter::once((tenant, &to.sealing.public_key)).chain(receipts)
        {
            kept.push(KeptWrap {
                recipient,
                wrap: wrap::wrap_kept(&key, &info(recipient), public, to.intake, rng)?,
            });
        }
        let mut live = Vec::with_capacity(to.live.len());
        for (participant, public) in to.live {
            let participant = *participant;
            let info = info(Recipient::Participant { participant });
            live.push(LiveWrap {
                participant,
                wrap: wrap::wrap(&key, &info, public, rng)?,
            });
        }

        let record = Epoch {
            tenant: self.id.tenant,
            recording: self.id.recording,
            track: self.id.track,
            participant: self.id.participant,
            role: self.id.role,
            modality: self.id.modality,
            epoch: number,
            commitment: key.commitment(self.id.tenant, self.id.recording, self.id.track, number),
            sealing_key: to.sealing.key,
            intake_generation: to.intake.generation,
            kept,
            live,
        };
        self.epochs.push(EpochState::new(&record));
        let before = self.current.replace(Current {
            epoch: number,
            step: 0,
            key,
        });
        if let Some(before) = before
            && before.step == 0
            && self.id.modality == Modality::Chat
        {
            self.earlier.push((before.epoch, before.key));
        }
        Ok(record)
    }

    /// Seals `plaintext` as the track's next part.
    pub fn seal(&mut self, plaintext: &[u8], rng: &mut impl CryptoRng) -> Result<Part, SealError> {
        self.next(PartKind::Data, plaintext, rng)
    }

    /// Closes the track: an empty part of kind [`PartKind::End`]. Nothing can follow.
    pub fn end(&mut self, rng: &mut impl CryptoRng) -> Result<Part, SealError> {
        let part = self.next(PartKind::End, &[], rng)?;
        self.ended = true;
        self.current = None;
        self.earlier.clear();
        Ok(part)
    }

    /// Replaces the key by its successor: whoever takes this process learns nothing older.
    pub fn ratchet(&mut self) -> Result<(), SealError> {
        let current = self.current.as_mut().ok_or(SealError::NoEpoch)?;
        current.step = current.step.checked_add(1).ok_or(SealError::Exhausted)?;
        current.key = current.key.ratchet();
        Ok(())
    }

    /// Wraps every epoch key that this process still has to a newcomer who may read what came
    /// before.
    pub fn wraps_for(
        &mut self,
        participant: ParticipantId,
        public: &PublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<TrackWrap>, SealError> {
        let current = self
            .current
            .iter()
            .filter(|current| current.step == 0)
            .map(|current| (current.epoch, &current.key));
        let earlier = self.earlier.iter().map(|(epoch, key)| (*epoch, key));
        let mut out = Vec::new();
        for (epoch, key) in earlier.chain(current) {
            let info = WrapInfo {
                tenant: self.id.tenant,
                recording: self.id.recording,
                track: self.id.track,
                epoch,
                recipient: Recipient::Participant { participant },
            };
            out.push(TrackWrap {
                track: self.id.track,
                epoch,
                participant,
                wrap: wrap::wrap(key, &info, public, rng)?,
            });
            for state in &mut self.epochs {
                let recipients = &mut state.record.recipients;
                if state.record.epoch == epoch && !recipients.contains(&info.recipient) {
                    recipients.push(info.recipient);
                }
            }
        }
        Ok(out)
    }

    /// What the manifest says about this track.
    pub fn manifest(&self) -> manifest::Track {
        manifest::Track {
            track: self.id.track,
            participant: self.id.participant,
            modality: self.id.modality,
            parts: self.seq,
            head: self.head,
            ended: self.ended,
            epochs: self
                .epochs
                .iter()
                .map(|state| manifest::Epoch {
                    parts: state.tree.size(),
                    root: state.tree.root(),
                    ..state.record.clone()
                })
                .collect(),
        }
    }

    /// The track's last part, for a [`manifest::Ending::Truncated`].
    pub fn place(&self) -> manifest::Place {
        manifest::Place {
            track: self.id.track,
            epoch: self.last_epoch(),
            seq: self.seq,
        }
    }

    /// What the track is.
    pub fn id(&self) -> &TrackId {
        &self.id
    }

    /// Sequence number of the last part; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// SHA-256 of the last part; zeros before the first.
    pub fn head(&self) -> Hash32 {
        self.head
    }

    /// Number of the last epoch; 0 before the first.
    pub fn last_epoch(&self) -> EpochNo {
        self.epochs.last().map_or(0, |state| state.record.epoch)
    }

    /// Whether a part can be sealed without a new epoch.
    pub fn has_key(&self) -> bool {
        self.current.is_some()
    }

    fn next(
        &mut self,
        kind: PartKind,
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Part, SealError> {
        if self.ended {
            return Err(SealError::Ended);
        }
        let current = self.current.as_ref().ok_or(SealError::NoEpoch)?;
        let seq = self.seq.checked_add(1).ok_or(SealError::Exhausted)?;
        let header = PartHeader {
            tenant: self.id.tenant,
            recording: self.id.recording,
            track: self.id.track,
            epoch: current.epoch,
            step: current.step,
            seq,
            kind,
            prev: self.head,
        };
        let part = part::seal(&current.key, header, plaintext, rng)?;
        if let Some(state) = self.epochs.last_mut() {
            state.tree.push(merkle::leaf(&part.hash.0));
        }
        self.seq = seq;
        self.head = part.hash;
        Ok(part)
    }
}

impl EpochState {
    fn new(epoch: &Epoch) -> Self {
        let live = epoch.live.iter().map(|live| Recipient::Participant {
            participant: live.participant,
        });
        let kept = epoch.kept.iter().map(|kept| kept.recipient);
        Self {
            record: manifest::Epoch {
                epoch: epoch.epoch,
                parts: 0,
                root: merkle::root(&[]),
                commitment: epoch.commitment,
                sealing_key: epoch.sealing_key,
                intake_generation: epoch.intake_generation,
                recipients: kept.chain(live).collect(),
            },
            tree: Accumulator::default(),
        }
    }
}

impl Part {
    /// What an acknowledgement tells the sender.
    pub fn sealed_at(&self) -> SealedAt {
        SealedAt {
            track: self.header.track,
            epoch: self.header.epoch,
            seq: self.header.seq,
            head: self.hash,
        }
    }
}

impl fmt::Debug for TrackSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackSealer")
            .field("id", &self.id)
            .field("epoch", &self.last_epoch())
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
