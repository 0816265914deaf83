//! The small task around a room's pure core: takes letters, carries effects out, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use proto::{ErrorCode, Millis, SessionId};
use rand_core::UnwrapErr;
use seal::manifest::Cause;
use seal::spool::{EventKind, Spool, SpoolError};
use store::Tenant;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::agreeing::Consented;
use super::alive::Alive;
use super::append::{Append, Outcome};
use super::backlog::Backlog;
use super::consents;
use super::effect::{Change, Effect, SocketId};
use super::facts::SealTarget;
use super::journal::{self, About, Journal};
use super::keyring::Keyring;
use super::line::Lines;
use super::lobby::{Handle, Lobby};
use super::state::{Admitted, Claim, Claimed, Command, Join, Resume, Room};
use crate::clock::Clock;
use crate::media::Media;
use crate::media::order::News;
use crate::shutdown::Shutdown;

/// What a room's mailbox takes.
#[derive(Debug)]
pub enum Letter {
    /// For the core as it is.
    Command(Command),
    /// A join on this outlet.
    Join(Box<(Join, Outlet)>),
    /// A return on this outlet.
    Resume(Box<(Resume, Outlet)>),
    /// An agent wants in.
    Claim(Box<(Claim, oneshot::Sender<Result<Claimed, ErrorCode>>)>),
    /// An agent's acknowledgement is durable.
    Admit(Box<(Admitted, oneshot::Sender<Result<(), ErrorCode>>)>),
}

/// Where a room puts what a socket is to send. Bounded: who lets it fill is too slow.
pub type Outlet = mpsc::Sender<Out>;

/// One thing for a socket to send.
#[derive(Debug)]
pub enum Out {
    /// A frame.
    Frame(Utf8Bytes),
    /// Sealed parts, cut into frames as the socket takes them.
    Backlog(Box<Backlog>),
    /// Nothing more: close, with a reason if it is an error.
    Close(Option<ErrorCode>),
}

/// Letters that may wait in a mailbox; whoever brings one more waits too.
const MAILBOX: usize = 64;
/// How long the store may take to say to which keys a room seals, how long what is said meanwhile waits
/// for it, and when it is asked again.
const LOOK_UP: Duration = Duration::from_secs(5);
const HELD_UP: Duration = Duration::from_millis(500);
const LOOK_AGAIN_MS: i64 = 30_000;
/// How long rows are tried to be written.
const TRIES: u32 = 5;

/// What a driver needs besides its room.
#[derive(Debug, Clone)]
pub struct Means {
    /// Where it is found and shown.
    pub lobby: Arc<Lobby>,
    /// Where appends go.
    pub spool: Spool,
    /// What the tenants' logs must hold.
    pub journal: Journal,
    /// Finds keys for new epochs.
    pub keyring: Arc<Keyring>,
    /// Where calls are carried.
    pub media: Media,
    /// When this node last recorded.
    pub alive: Arc<Alive>,
    /// The time.
    pub clock: Clock,
    /// For how long resume tokens answer after the end.
    pub after_end_ms: i64,
    /// Waits for rooms to end.
    pub shutdown: Shutdown,
}

/// Starts a room's task; from now on the lobby finds it.
pub fn start(means: &Means, tenant: Tenant, room: Room) -> Handle {
    let (sender, mailbox) = mpsc::channel(MAILBOX);
    let handle = Handle {
        tenant: tenant.id(),
        mailbox: sender,
    };
    let session = room.facts().session;
    means.lobby.add(session, handle.clone());
    let driver = Driver {
        session,
        room,
        tenant,
        means: means.clone(),
        outlets: Vec::new(),
        append: Append::default(),
        changes: VecDeque::new(),
        keeping: None,
        lines: Lines::default(),
        consents: JoinSet::new(),
        window: u64::MAX,
        looking: None,
        look_again: Millis(i64::MIN),
        finished: false,
    };
    means.shutdown.spawn(driver.run(mailbox));
    handle
}

struct Driver {
    session: SessionId,
    room: Room,
    tenant: Tenant,
    means: Means,
    outlets: Vec<(SocketId, Outlet)>,
    append: Append,
    changes: VecDeque<Change>,
    keeping: Option<JoinHandle<()>>,
    lines: Lines,
    consents: JoinSet<Consented>,
    window: u64,
    /// The look for keys that is under way.
    looking: Option<JoinHandle<Option<Arc<SealTarget>>>>,
    /// Before then keys that are too old are not looked up again.
    look_again: Millis,
    finished: bool,
}

/// What the task wakes for.
enum Woken {
    Letter(Option<Letter>),
    Append(Outcome),
    Kept,
    News(News),
    Consented(Box<Consented>),
    Found(Option<Arc<SealTarget>>),
    Time,
}

impl Driver {
    async fn run(mut self, mut mailbox: mpsc::Receiver<Letter>) {
        let mut timer = Timer::default();
        self.carry_out();
        while !self.finished || self.keeping.is_some() || !self.consents.is_empty() {
            timer.set(self.room.deadline(), &self.means.clock);
            let woken = tokio::select! {
                biased;
                news = self.append.news(&self.means.spool) => Woken::Append(news),
                letter = mailbox.recv() => Woken::Letter(letter),
                () = kept(&mut self.keeping) => Woken::Kept,
                news = self.lines.news() => Woken::News(news),
                Some(Ok(done)) = self.consents.join_next() => Woken::Consented(Box::new(done)),
                found = found(&mut self.looking) => Woken::Found(found),
                () = timer.rings() => Woken::Time,
            };
            // What is durable is told at once, whatever the store does.
            if !matches!(woken, Woken::Append(_) | Woken::Letter(None) | Woken::Kept) {
                self.look_up_keys().await;
            }
            let now = self.means.clock.now();
            match woken {
                Woken::Append(Outcome::Durable) => self.appended(now),
                Woken::Append(Outcome::Held(error)) => self.held(now, &error),
                Woken::Append(Outcome::Failed(error)) => {
                    tracing::error!(session = %self.session, %error, "an append failed");
                    self.room.failed(now);
                }
                Woken::Letter(Some(letter)) => self.take(now, letter),
                Woken::Letter(None) => break,
                Woken::Kept => {}
                Woken::News(news) => self.tell(now, Command::Media(news)),
                Woken::Consented(done) => self.tell(now, Command::Consented(done)),
                Woken::Found(target) => self.seal_to(now, target),
                Woken::Time => self.room.tick(now, &mut UnwrapErr(SysRng)),
            }
            self.carry_out();
            if self.keeping.is_none() && !self.changes.is_empty() {
                let changes = std::mem::take(&mut self.changes);
                let rows = Rows {
                    session: self.session,
                    tenant: self.tenant.clone(),
                    after_end_ms: self.means.after_end_ms,
                };
                self.keeping = Some(tokio::spawn(rows.keep(changes)));
            }
        }
        self.means.lobby.hide(self.tenant.id(), self.session);
        self.means.lobby.remove(self.session);
    }

    /// Where keys were not looked up for long, because this machine slept or the store was away. A
    /// store that does not answer holds up the conversation for a moment only, and seldom: what is
    /// said may be that a consent is withdrawn.
    async fn look_up_keys(&mut self) {
        let now = self.means.clock.now();
        if self.looking.is_some() || !self.room.needs_keys(now) || now < self.look_again {
            return;
        }
        self.look_again = now.plus(LOOK_AGAIN_MS);
        let (keyring, tenant) = (Arc::clone(&self.means.keyring), self.tenant.clone());
        let session = self.session;
        self.looking = Some(tokio::spawn(async move {
            match timeout(LOOK_UP, keyring.target(&tenant, now)).await {
                Ok(Ok(target)) => return Some(target),
                Ok(Err(error)) => tracing::error!(%session, %error, "no keys that are not too old"),
                Err(_) => {
                    tracing::error!(%session, "the store does not answer: no keys that are not too old");
                }
            }
            None
        }));
        if let Ok(target) = timeout(HELD_UP, found(&mut self.looking)).await {
            self.seal_to(now, target);
        }
    }

    fn seal_to(&mut self, now: Millis, target: Option<Arc<SealTarget>>) {
        if let Some(target) = target {
            self.tell(now, Command::SealTo(target));
        }
    }

    fn tell(&mut self, now: Millis, command: Command) {
        self.room.handle(now, command, &mut UnwrapErr(SysRng));
    }

    fn appended(&mut self, now: Millis) {
        if self.room.is_stalled() {
            tracing::info!(session = %self.session, "the spool has space again");
            self.means.alive.goes_on();
        }
        self.room.durable(now);
    }

    /// The log hears of it with what is held: on its own it would find no space either.
    fn held(&mut self, now: Millis, error: &SpoolError) {
        if self.room.is_stalled() {
            return;
        }
        tracing::error!(session = %self.session, %error, "an append waits for space");
        self.room.stalled(now);
        self.means.alive.stops(now, Cause::DiskFull);
        let about = About {
            session: Some(self.session),
            ..About::default()
        };
        let kind = EventKind::RecordingStopped;
        let event = journal::event(self.tenant.id(), now, kind, about);
        self.append.bring_along(event);
    }

    fn take(&mut self, now: Millis, letter: Letter) {
        let rng = &mut UnwrapErr(SysRng);
        match letter {
            Letter::Command(command) => {
                if let Command::Gone(socket) = command {
                    self.outlets.retain(|(other, _)| *other != socket);
                }
                self.room.handle(now, command, rng);
            }
            Letter::Join(letter) => {
                let (join, outlet) = *letter;
                self.outlets.push((join.socket, outlet));
                self.room.handle(now, Command::Join(Box::new(join)), rng);
            }
            Letter::Resume(letter) => {
                let (resume, outlet) = *letter;
                self.outlets.push((resume.socket, outlet));
                self.room
                    .handle(now, Command::Resume(Box::new(resume)), rng);
            }
            Letter::Claim(letter) => {
                let (claim, reply) = *letter;
                let _ = reply.send(self.room.claim(now, &claim));
            }
            Letter::Admit(letter) => {
                let (admitted, reply) = *letter;
                let _ = reply.send(self.room.admit(now, admitted, rng));
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.room.poll() {
            match effect {
                Effect::Append(records) => {
                    self.means.lobby.is_active(&mut self.window);
                    self.append.send(&self.means.spool, records);
                }
                Effect::Frame(socket, frame) => self.send(socket, Out::Frame(frame)),
                Effect::Backlog(socket, backlog) => self.send(socket, Out::Backlog(backlog)),
                Effect::Close(socket, code) => {
                    self.send(socket, Out::Close(code));
                    self.outlets.retain(|(other, _)| *other != socket);
                }
                Effect::Board(summary) => {
                    let ahead = self.means.lobby.show(self.tenant.id(), *summary);
                    if let Some(ahead) = ahead {
                        let now = self.means.clock.now();
                        let rng = &mut UnwrapErr(SysRng);
                        self.room.handle(now, Command::Ahead(ahead), rng);
                    }
                }
                Effect::OffBoard => self.means.lobby.hide(self.tenant.id(), self.session),
                Effect::Keep(change) => self.changes.push_back(change),
                Effect::Consent {
                    participant,
                    modality,
                    given,
                    at,
                } => {
                    let job = consents::Job {
                        tenant: self.tenant.clone(),
                        node: self.room.node(),
                        participant,
                        modality,
                        given,
                        at,
                    };
                    let shutdown = self.means.shutdown.clone();
                    self.consents.spawn(job.run(shutdown));
                }
                Effect::Media(order) => {
                    let recorded = self.room.facts().recording.is_some();
                    let media = &self.means.media;
                    if let Some(news) = self.lines.order(media, self.session, recorded, *order) {
                        self.tell(self.means.clock.now(), Command::Media(news));
                    }
                }
                Effect::Note { kind, participant } => {
                    let about = About {
                        session: Some(self.session),
                        staff: participant.and_then(|(_, staff)| staff),
                        participant: participant.map(|(id, _)| id),
                        ..About::default()
                    };
                    let now = self.means.clock.now();
                    self.means.journal.note(self.tenant.id(), now, kind, about);
                }
                Effect::Finished => self.finished = true,
            }
        }
    }

    /// A socket whose queue is full is let go: its end of the queue tells it so.
    fn send(&mut self, socket: SocketId, out: Out) {
        let Some(index) = self.outlets.iter().position(|(other, _)| *other == socket) else {
            return;
        };
        let taken = self
            .outlets
            .get(index)
            .is_some_and(|(_, outlet)| outlet.try_send(out).is_ok());
        if !taken {
            self.outlets.swap_remove(index);
        }
    }
}

/// Writes a session's changes into its tenant's rows, beside the conversation.
struct Rows {
    session: SessionId,
    tenant: Tenant,
    after_end_ms: i64,
}

impl Rows {
    /// Rows follow the spool; a restart puts right what could not be written here.
    async fn keep(self, changes: VecDeque<Change>) {
        for change in changes {
            for attempt in 1..=TRIES {
                let Err(error) = self.write(change).await else {
                    break;
                };
                tracing::warn!(session = %self.session, %error, attempt, "a session's row could not be written");
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
        }
    }

    async fn write(&self, change: Change) -> store::Result<()> {
        match change {
            Change::Answered(at) => self.tenant.session_answered(self.session, at).await,
            Change::Left(participant, at) => self.tenant.participant_left(participant, at).await,
            Change::Ended(at) => {
                let until = at.plus(self.after_end_ms);
                self.tenant.end_session(self.session, at, until).await
            }
        }
    }
}

/// The writing of rows that is under way; never, if there is none.
async fn kept(keeping: &mut Option<JoinHandle<()>>) {
    let Some(task) = keeping else {
        return std::future::pending().await;
    };
    let _ = task.await;
    *keeping = None;
}

/// The keys that are looked for; never, if none are.
async fn found(
    looking: &mut Option<JoinHandle<Option<Arc<SealTarget>>>>,
) -> Option<Arc<SealTarget>> {
    let Some(task) = looking else {
        return std::future::pending().await;
    };
    let found = task.await;
    *looking = None;
    found.ok().flatten()
}

/// A timer that is only made when it is needed, and only moved when its time changes.
#[derive(Default)]
struct Timer {
    at: Option<Millis>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn set(&mut self, at: Option<Millis>, clock: &Clock) {
        if at == self.at {
            return;
        }
        self.at = at;
        let Some(at) = at else {
            self.sleep = None;
            return;
        };
        let ms = u64::try_from(at.0.saturating_sub(clock.now().0)).unwrap_or(0);
        let due = Instant::now() + Duration::from_millis(ms);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(due),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(due))),
        }
    }

    async fn rings(&mut self) {
        let Some(sleep) = &mut self.sleep else {
            return std::future::pending().await;
        };
        sleep.await;
        // Whatever is due next is set anew.
        self.at = None;
        self.sleep = None;
    }
}
