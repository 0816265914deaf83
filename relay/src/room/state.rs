//! The pure core of a room: one conversation, told what happened, saying what to do about it.
//!
//! It reads no clock, no socket and no disk. Feed it with [`Room::handle`], [`Room::durable`],
//! [`Room::stalled`], [`Room::failed`] and [`Room::tick`], then take its effects with [`Room::poll`] until there is
//! none. What it promises:
//!
//! - `n` counts all events of the conversation from 1, without a gap.
//! - Nothing is shown to anyone, and nothing acknowledged, before it is durable.
//! - At most one append is on its way; what happens meanwhile goes with the next one.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::consent::RecordingChoice;
use proto::event::Role;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Millis, ParticipantId, PublicKey, SiteId, StaffId, Token, TrackNo};
use rand_core::CryptoRng;
use seal::manifest;
use seal::spool::{EventKind, Record};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::agreeing::Consented;
use super::call::Call;
use super::capture::MediaTrack;
use super::durable::Pending;
use super::effect::{Ask, Effect, SocketId};
use super::ending::Because;
use super::facts::{Facts, House, Node, SealTarget};
use super::frame::to_frame;
use super::gaps::Gaps;
use super::history::History;
use super::person::{Participant, Stage};
use crate::media::order::News;

/// For so long keys are believed to be in use without being looked up again: less than the time
/// after which the recorder destroys an intake key that it has replaced, by whose clock a machine may
/// have slept.
pub(super) const BELIEVED_MS: i64 = 10 * 60_000;

/// What happens to a room, other than durability and time.
#[derive(Debug)]
pub enum Command {
    /// A participant's socket sent a message.
    From(SocketId, ClientMessage),
    /// A participant's first hello; the token was good.
    Join(Box<Join>),
    /// A participant comes back; the token was good.
    Resume(Box<Resume>),
    /// A socket is gone.
    Gone(SocketId),
    /// An agent's page has no longer anyone signed in.
    SignedOut(StaffId),
    /// So many wait before this visitor.
    Ahead(u32),
    /// News of the media worker.
    Media(News),
    /// What a participant agrees to has changed in the rows, or could not be changed.
    Consented(Box<Consented>),
    /// The node's keys for new epochs have changed.
    SealTo(Arc<SealTarget>),
    /// The spool has failed: what must be recorded stops, whether or not anything is said.
    SpoolFailed,
    /// The relay stops: what is in flight becomes durable, then everyone is told.
    ShutDown,
}

/// See [`Command::Join`].
#[derive(Debug)]
pub struct Join {
    /// Who.
    pub participant: ParticipantId,
    /// Which agent is signed in on that socket; `None` at the widget's door.
    pub staff: Option<StaffId>,
    /// Under which name; checked by the edge. Ignored for agents.
    pub name: Option<String>,
    /// On which socket.
    pub socket: SocketId,
    /// For the next resume; its hash is stored.
    pub resume: Token,
}

/// See [`Command::Resume`].
#[derive(Debug)]
pub struct Resume {
    /// Who.
    pub participant: ParticipantId,
    /// Which agent is signed in on that socket; `None` at the widget's door.
    pub staff: Option<StaffId>,
    /// The name as it was: used where a restarted relay has none.
    pub name: Option<String>,
    /// The last `n` that the client has without a gap.
    pub have: u64,
    /// On which socket.
    pub socket: SocketId,
    /// For the next resume; its hash is stored.
    pub resume: Token,
}

/// An agent who wants in.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who.
    pub staff: StaffId,
    /// Whether they acknowledge that it is recorded.
    pub recording: RecordingChoice,
}

/// What an agent who may come in is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The session's site.
    pub site: SiteId,
    /// Their chat track.
    pub track: TrackNo,
    /// What they acknowledge with the claim.
    pub consent: manifest::Consent,
}

/// An agent whose acknowledgement is durable.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// As participant.
    pub participant: ParticipantId,
    /// Who.
    pub staff: StaffId,
    /// The name that the others see.
    pub name: String,
    /// Their chat track, from the claim.
    pub track: TrackNo,
    /// X25519.
    pub key: PublicKey,
    /// From the claim.
    pub consent: manifest::Consent,
}

/// How far a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// People talk.
    Open,
    /// The end is on its way to the disk.
    Ending,
    /// Over; those who were away may fetch the end until then.
    Ended { until: Millis },
    /// What must be recorded cannot be.
    Broken,
    /// The relay stops.
    Stopping,
    /// Nothing more to do.
    Finished,
}

/// A socket that waits until what was in flight when it came is durable.
#[derive(Debug)]
pub(super) struct Attaching {
    pub(super) who: usize,
    pub(super) socket: SocketId,
    pub(super) have: u64,
    pub(super) after: u64,
    pub(super) resume: Token,
    /// A join, not a return.
    pub(super) first: bool,
    /// A name that a restarted relay had not had.
    pub(super) heard_again: bool,
}

/// An agent who has taken the session and not joined yet.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) staff: StaffId,
    pub(super) until: Millis,
}

/// An append that is on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    /// The last `n` of it.
    pub(super) until: u64,
    /// Since when.
    pub(super) since: Millis,
    /// It waits for space on the disk: nothing else is taken meanwhile.
    pub(super) held: bool,
}

/// What the desk sees of a room.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// It is to be shown anew.
    pub(super) changed: bool,
    /// It stands there.
    pub(super) shown: bool,
}

/// One conversation.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; what excludes each other is the phase"
)]
pub struct Room {
    pub(super) house: Arc<House>,
    pub(super) facts: Facts,
    pub(super) target: Option<Arc<SealTarget>>,
    /// Nothing new is sealed to it from then on.
    pub(super) believed_until: Millis,
    /// What time did could not be carried out: not tried again before then.
    pub(super) retry_at: Millis,
    pub(super) people: Vec<Participant>,
    /// Counts changes of who is in the chat.
    pub(super) roster: u32,
    /// Counts data keys that the spool has been handed.
    pub(super) epochs: u32,
    pub(super) next_track: TrackNo,
    pub(super) history: History,
    pub(super) pending: VecDeque<Pending>,
    pub(super) outbox: Vec<Record>,
    /// The append that is on its way.
    pub(super) in_flight: Option<InFlight>,
    /// Since when its append waits for space.
    pub(super) stalled_since: Option<Millis>,
    /// Times in which it was not recorded.
    pub(super) gaps: Gaps,
    /// What the spool has not heard of them: goes with the next append.
    pub(super) owed: Vec<Record>,
    /// Since when the relay stops.
    pub(super) stopping: Option<Millis>,
    pub(super) last: u64,
    pub(super) durable: u64,
    pub(super) attaching: Vec<Attaching>,
    pub(super) taken: Vec<Taken>,
    /// Tracks given to agents whose acknowledgement is not durable yet, and for how long they are
    /// counted among the people.
    pub(super) claims: Vec<(TrackNo, Millis)>,
    pub(super) asks: Vec<Ask>,
    pub(super) answered: bool,
    pub(super) began: bool,
    pub(super) ahead: u32,
    pub(super) phase: Phase,
    pub(super) board: Board,
    /// Where the whole parts of a damaged record end.
    pub(super) cut: Option<Vec<manifest::Place>>,
    pub(super) end: Option<(u64, Millis, Option<ParticipantId>)>,
    /// The call that rings or runs.
    pub(super) call: Option<Call>,
    /// It is to be shown anew.
    pub(super) call_changed: bool,
    /// What was sent in calls, for as long as the session lives.
    pub(super) media: Vec<MediaTrack>,
    /// The worker has a place for the call.
    pub(super) media_open: bool,
    /// Calls that are over, of which the worker has not said its last word.
    pub(super) closing: u32,
    /// The session ends when it has, or then at the latest.
    pub(super) ending: Option<(Because, Millis)>,
    pub(super) effects: VecDeque<Effect>,
}

impl Room {
    /// A room for a visitor whose consent is durable. Their first key is made here, at the gate,
    /// so that joining is cheap.
    pub fn open(
        house: Arc<House>,
        facts: Facts,
        target: Option<Arc<SealTarget>>,
        visitor: Participant,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, ErrorCode> {
        let mut room = Self::empty(house, facts, target);
        room.next_track = visitor.track + 1;
        room.people.push(visitor);
        let since = room.facts.since;
        room.believed_until = since.plus(BELIEVED_MS);
        room.prepare(since, 0, rng)?;
        Ok(room)
    }

    pub(super) fn empty(house: Arc<House>, facts: Facts, target: Option<Arc<SealTarget>>) -> Self {
        let history = History::new(house.history_bytes);
        Self {
            house,
            facts,
            target,
            believed_until: Millis(i64::MIN),
            retry_at: Millis(i64::MIN),
            people: Vec::with_capacity(2),
            roster: 0,
            epochs: 0,
            next_track: 1,
            history,
            pending: VecDeque::new(),
            outbox: Vec::new(),
            in_flight: None,
            stalled_since: None,
            gaps: Gaps::default(),
            owed: Vec::new(),
            stopping: None,
            last: 0,
            durable: 0,
            attaching: Vec::new(),
            taken: Vec::new(),
            claims: Vec::new(),
            asks: Vec::new(),
            answered: false,
            began: false,
            ahead: 0,
            phase: Phase::Open,
            board: Board::default(),
            cut: None,
            end: None,
            call: None,
            call_changed: false,
            media: Vec::new(),
            media_open: false,
            closing: 0,
            ending: None,
            effects: VecDeque::new(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Millis, command: Command, rng: &mut impl CryptoRng) {
        match command {
            Command::From(socket, message) => self.message(now, socket, message, rng),
            Command::Join(join) => self.join(now, *join, rng),
            Command::Resume(resume) => self.resume(now, *resume),
            Command::Gone(socket) => self.gone(now, socket),
            Command::SignedOut(staff) => {
                if let Err(code) = self.signed_out(now, staff, rng) {
                    self.unsound(now, code);
                }
            }
            Command::Ahead(ahead) => self.queue_moved(ahead),
            Command::SealTo(target) => self.seal_to(now, target, rng),
            Command::Media(news) => self.news(now, news, rng),
            Command::Consented(consented) => {
                if let Err(code) = self.consented(now, *consented, rng) {
                    self.unsound(now, code);
                }
            }
            Command::SpoolFailed => self.spool_failed(now),
            Command::ShutDown => self.shut_down(now),
        }
        self.end_if_due(now, rng);
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether its append waits for space on the disk.
    pub fn is_stalled(&self) -> bool {
        self.in_flight.is_some_and(|append| append.held)
    }

    /// Whether its keys for new epochs are too old to be used.
    pub fn needs_keys(&self, now: Millis) -> bool {
        self.target.is_some() && self.phase == Phase::Open && now >= self.believed_until
    }

    /// Whether people may come and talk.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open && !self.is_stalled()
    }

    /// The session's unchanging facts.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// This node, whose word its receipts and manifests are.
    pub fn node(&self) -> Arc<Node> {
        Arc::clone(&self.house.node)
    }

    /// The last `n` that was given out.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The last `n` that is durable.
    pub fn durable_until(&self) -> u64 {
        self.durable
    }

    /// After every input: the append, those who may be let in now, the board.
    pub(super) fn settle(&mut self, now: Millis) {
        self.show_call();
        self.flush(now);
        self.attach_ready(now);
        let in_flight = !self.pending.is_empty() || self.in_flight.is_some();
        let at_rest = !in_flight && self.closing == 0 && !self.is_changing();
        if self.phase == Phase::Stopping && at_rest {
            self.close_everyone(Some(ErrorCode::ShuttingDown));
            self.finish();
        }
        if core::mem::take(&mut self.board.changed) {
            self.show_on_board();
        }
    }

    /// An event that was begun and could not be sealed leaves the record in pieces: stop.
    pub(super) fn unsound(&mut self, now: Millis, code: ErrorCode) {
        if matches!(code, ErrorCode::Internal | ErrorCode::RecordingUnavailable)
            && self.phase == Phase::Open
            && !self.is_stalled()
        {
            tracing::error!(session = %self.facts.session, %code, "a room can no longer record");
            self.failed(now);
        }
    }

    /// For the tenant's log.
    pub(super) fn note(&mut self, kind: EventKind, who: Option<usize>) {
        let person = who.and_then(|who| self.people.get(who));
        self.effects.push_back(Effect::Note {
            kind,
            participant: person.map(|person| (person.id, person.staff)),
        });
    }

    pub(super) fn finish(&mut self) {
        if self.phase != Phase::Finished {
            self.phase = Phase::Finished;
            self.board.changed = true;
            self.effects.push_back(Effect::Finished);
        }
    }

    pub(super) fn close_everyone(&mut self, code: Option<ErrorCode>) {
        let waiting = core::mem::take(&mut self.attaching);
        let sockets = waiting.into_iter().map(|attaching| attaching.socket).chain(
            self.people
                .iter_mut()
                .filter_map(|person| person.socket.take()),
        );
        for socket in sockets {
            self.effects.push_back(Effect::Close(socket, code));
        }
    }

    pub(super) fn person_of(&self, socket: SocketId) -> Option<usize> {
        self.people
            .iter()
            .position(|person| person.socket == Some(socket))
    }

    pub(super) fn index_of(&self, participant: ParticipantId) -> Option<usize> {
        self.people
            .iter()
            .position(|person| person.id == participant)
    }

    /// Agents who are in, with a socket or without.
    pub(super) fn agents(&self) -> impl Iterator<Item = &Participant> {
        self.people
            .iter()
            .filter(|person| person.stage == Stage::In && person.role == Role::Agent)
    }

    pub(super) fn frame_to(&mut self, who: usize, frame: Utf8Bytes) {
        if let Some(socket) = self.people.get(who).and_then(|person| person.socket) {
            self.effects.push_back(Effect::Frame(socket, frame));
        }
    }

    pub(super) fn tell(&mut self, who: usize, message: &ServerMessage) {
        self.frame_to(who, to_frame(message));
    }

    /// The same bytes to everyone who is there, but not to `but`.
    pub(super) fn tell_others(&mut self, but: Option<usize>, frame: &Utf8Bytes) {
        for (index, person) in self.people.iter().enumerate() {
            if let Some(socket) = person.socket
                && but != Some(index)
            {
                self.effects.push_back(Effect::Frame(socket, frame.clone()));
            }
        }
    }
}
