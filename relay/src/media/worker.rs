//! One worker: a thread with one UDP socket, the connections that are reached through it, and the
//! calls that they are in. Nothing here waits for a room or a disk.

mod orders;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proto::ParticipantId;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::call::{Call, Outbox, Outgoing};
use super::counts::{Counts, Why};
use super::demux::{Allowance, Demux, PeerKey, Route, Stray};
use super::order::{News, Order};
use super::peer::{Engine, Gone, Happened, Out, Packet, Peer};
use crate::clock::Clock;
use crate::telemetry::counted;

/// Datagrams that are taken before anything else has its turn.
const ROUND: usize = 64;
/// A datagram has at most so many bytes; what is longer is cut, and then refused.
const DATAGRAM: usize = 2_000;
/// Bytes of a payload: with what is put around it again, it still fits into a network's packets.
const PAYLOAD: usize = 1_400;
/// Between looks at deadlines, batches and news.
const TICK: Duration = Duration::from_millis(100);
/// Who was silent for so long has missed pictures, and what it asked for meanwhile: a browser
/// asks again only seconds later. Who only watches reports once a second or so.
const ABSENCE: Duration = Duration::from_millis(2_500);
/// So late an engine may come to its reports and requests: mostly a packet comes before, whose turn
/// serves them too.
const SLACK: Duration = Duration::from_millis(20);
/// Datagrams of one peer at once, and in a second: twice what a page sends of everything. On so many a
/// second the engine can report whatever their numbers are; until then it keeps a note of each.
pub const FASTEST: (u32, u32) = (2_000, 1_000);
/// And their bytes: all that is recorded has to be opened again, and a picture in motion is a tenth.
const WIDEST: (u32, u32) = (4_000_000, 1_000_000);
/// Proofs of one peer that are looked into, at once and in a second: they cost a hash each.
const PROOFS: (u32, u32) = (100, 50);

/// How long a worker waits for others.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the offer until the handshake is done.
    pub handshake: Duration,
    /// A connection on which nothing came for so long is lost.
    pub silence: Duration,
    /// A room that leaves what it is told untaken for so long has failed.
    pub room: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            room: Duration::from_secs(2),
        }
    }
}

/// A call, within one worker. Never used twice.
pub type CallKey = u64;

/// What a worker is told.
pub enum Message {
    /// A room wants a call.
    Open {
        /// Its name here.
        call: CallKey,
        /// Whether what flows is captured.
        recorded: bool,
        /// Where the room listens.
        news: mpsc::Sender<News>,
    },
    /// A room's order; the permit counts it as waiting until it is carried out.
    Order(CallKey, Order, Option<OwnedSemaphorePermit>),
    /// The node stops: all calls end, and the worker with them.
    Stop,
}

/// One connection and what the worker knows of it.
struct Seat {
    peer: Peer,
    call: CallKey,
    who: ParticipantId,
    since: Instant,
    heard: Instant,
    connected: bool,
    /// When the engine wants to be called next, and the entry in the heap that will.
    due: Instant,
    scheduled: Option<Instant>,
    dirty: bool,
    pace: Allowance,
    width: Allowance,
    proofs: Allowance,
}

/// One worker.
pub struct Worker {
    engine: Engine,
    clock: Clock,
    most: usize,
    patience: Patience,
    next_key: PeerKey,
    demux: Demux,
    seats: HashMap<PeerKey, Seat>,
    calls: HashMap<CallKey, Call>,
    /// Those that something happened to since they were last looked after.
    stirred: BTreeSet<CallKey>,
    /// Of calls that are over and have news left.
    leaving: Vec<Outbox>,
    timers: BinaryHeap<Reverse<(Instant, PeerKey)>>,
    dirty: Vec<PeerKey>,
    out: Out,
    counts: Counts,
    began: Instant,
    /// Of the round that runs: when it began, and in microseconds of the steady clock.
    now: Instant,
    steady: i64,
    ticked: Instant,
}

impl Worker {
    /// With nobody in it. At most `most` connections at a time.
    pub fn new(engine: Engine, clock: Clock, most: usize, patience: Patience) -> Self {
        let now = Clock::instant();
        Self {
            engine,
            steady: clock.steady(),
            clock,
            most,
            patience,
            next_key: 0,
            demux: Demux::default(),
            seats: HashMap::new(),
            calls: HashMap::new(),
            stirred: BTreeSet::new(),
            leaving: Vec::new(),
            timers: BinaryHeap::new(),
            dirty: Vec::new(),
            out: Out::default(),
            counts: Counts::default(),
            began: now,
            now,
            ticked: now,
        }
    }

    /// Works until it is told to stop, or nobody is left who could tell it anything.
    pub async fn run(mut self, socket: UdpSocket, mut messages: mpsc::UnboundedReceiver<Message>) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let wake = self.wake();
            let told = tokio::select! {
                biased;
                told = messages.recv() => Some(told),
                _ = socket.readable() => None,
                () = tokio::time::sleep_until(wake.into()) => None,
            };
            self.look();
            match told {
                None => {}
                Some(Some(Message::Stop) | None) => return self.stop(&socket),
                Some(Some(message)) => {
                    self.told(message);
                    // Those that came with it: each is bounded by its room's permits.
                    while let Ok(message) = messages.try_recv() {
                        if matches!(message, Message::Stop) {
                            return self.stop(&socket);
                        }
                        self.told(message);
                    }
                }
            }
            for _ in 0..ROUND {
                let Ok((length, source)) = socket.try_recv_from(&mut buffer) else {
                    break;
                };
                self.arrived(source, buffer.get(..length).unwrap_or_default());
            }
            self.timers();
            if self.now.saturating_duration_since(self.ticked) >= TICK {
                self.tick();
            }
            self.settle();
            self.send(&socket);
        }
    }

    /// What time it is, for all that is done in this round.
    fn look(&mut self) {
        self.now = Clock::instant();
        self.steady = self.clock.steady();
    }

    /// The steady clock at `instant`, in microseconds.
    fn steady_at(&self, instant: Instant) -> i64 {
        let since = |a: Instant, b: Instant| {
            let micros = a.saturating_duration_since(b).as_micros();
            i64::try_from(micros).unwrap_or(i64::MAX)
        };
        self.steady + since(instant, self.now) - since(self.now, instant)
    }

    /// Microseconds since this worker began, for allowances.
    fn age(&self) -> u64 {
        let age = self.now.saturating_duration_since(self.began).as_micros();
        u64::try_from(age).unwrap_or(u64::MAX)
    }

    fn wake(&self) -> Instant {
        let tick = self.ticked + TICK;
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        timer.map_or(tick, |timer| timer.min(tick))
    }

    fn stop(mut self, socket: &UdpSocket) {
        let calls: Vec<CallKey> = self.calls.keys().copied().collect();
        for call in calls {
            self.close(call);
        }
        self.send(socket);
        self.counts.hand_over();
    }

    // Datagrams

    fn arrived(&mut self, source: SocketAddr, datagram: &[u8]) {
        self.counts.received += 1;
        let age = self.age();
        let now = Clock::instant();
        let (key, proof) = match self.demux.route(source, datagram) {
            Route::Known(key) => (key, false),
            Route::Claimed(key) => (key, true),
            Route::Nobody(stray) => {
                return self.counts.drop(match stray {
                    Stray::Unreadable => Why::Unreadable,
                    Stray::UnknownName => Why::UnknownName,
                    Stray::UnknownAddress => Why::UnknownAddress,
                });
            }
        };
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        let fits = if proof {
            seat.proofs.take(age)
        } else {
            seat.pace.take(age) && seat.width.take_many(length, age)
        };
        if !fits {
            return self.counts.drop(Why::TooFast);
        }
        if proof {
            if !seat.peer.is_proved_by(now, source, datagram) {
                return self.counts.drop(Why::Unproved);
            }
            self.demux.learn(key, source);
        }
        let absent = now.saturating_duration_since(seat.heard) >= ABSENCE;
        seat.heard = now;
        if absent && let Some(call) = self.calls.get_mut(&seat.call) {
            call.sfu.want_all_of(key);
            self.stirred.insert(seat.call);
        }
        let next = seat.peer.receive(now, source, datagram, &mut self.out);
        self.after(key, next);
    }

    /// What is to be done after the engine had its turn.
    fn after(&mut self, key: PeerKey, next: Result<Instant, Gone>) {
        for happened in std::mem::take(&mut self.out.happened) {
            self.happened(key, happened);
        }
        match next {
            Ok(due) => {
                if let Some(seat) = self.seats.get_mut(&key) {
                    let due = if seat.connected { due + SLACK } else { due };
                    seat.due = due;
                    if seat.scheduled.is_none_or(|scheduled| due < scheduled) {
                        seat.scheduled = Some(due);
                        self.timers.push(Reverse((due, key)));
                    }
                }
            }
            Err(Gone) => self.lose(key),
        }
    }

    fn happened(&mut self, key: PeerKey, happened: Happened) {
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&seat.call) else {
            return;
        };
        self.stirred.insert(seat.call);
        match happened {
            Happened::Connected => {
                seat.connected = true;
                call.outbox.tell(News::Connected { peer: seat.who });
                call.sfu.want_all_of(key);
            }
            Happened::Media(packet) => self.media(key, &packet),
            Happened::Refused(why) => self.counts.drop(why),
            Happened::Report { track, ntp, time } => {
                call.report(key, track, self.steady, ntp, time);
            }
            Happened::Lost(track) => call.sfu.want(track),
        }
    }

    fn media(&mut self, key: PeerKey, packet: &Packet) {
        if packet.payload.len() > PAYLOAD {
            return self.counts.drop(Why::TooLong);
        }
        let at = self.steady_at(packet.at);
        let call = self.seats.get(&key).map(|seat| seat.call);
        let Some(call) = call.and_then(|call| self.calls.get_mut(&call)) else {
            return;
        };
        let Some(viewers) = call.sfu.viewers(packet.track, key) else {
            return self.counts.drop(Why::GateClosed);
        };
        for viewer in viewers.iter().filter(|viewer| **viewer != key) {
            // Before its handshake is done nothing can be sent to a viewer.
            let hears = |seat: &&mut Seat| seat.connected && !call.holding.contains(&seat.who);
            let Some(seat) = self.seats.get_mut(viewer).filter(hears) else {
                continue;
            };
            if !seat.peer.forward(key, packet) {
                self.counts.drop(Why::Unwanted);
            } else if !std::mem::replace(&mut seat.dirty, true) {
                self.dirty.push(*viewer);
            }
        }
        if !call.passed(key, packet, at) {
            self.lose(key);
        }
    }

    // Turns

    fn touch(&mut self, key: PeerKey) {
        if let Some(seat) = self.seats.get_mut(&key)
            && !std::mem::replace(&mut seat.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Gives a turn to every connection that something was written to, and looks after the calls that
    /// something happened to, until nothing is left.
    fn settle(&mut self) {
        loop {
            while let Some(key) = self.dirty.pop() {
                let Some(seat) = self.seats.get_mut(&key) else {
                    continue;
                };
                seat.dirty = false;
                let next = seat.peer.turn(Clock::instant(), &mut self.out);
                self.after(key, next);
            }
            let Some(call) = self.stirred.pop_first() else {
                return;
            };
            self.ask(call);
            self.tell(call);
        }
    }

    /// Asks for the key frames that are wanted.
    fn ask(&mut self, key: CallKey) {
        let call = self.calls.get_mut(&key);
        let asked = call.map(|call| call.sfu.ask(self.steady));
        for (sender, track) in asked.unwrap_or_default() {
            if let Some(seat) = self.seats.get_mut(&sender) {
                seat.peer.ask(track);
                self.touch(sender);
            }
        }
    }

    /// Hands over news; a call whose room does not take them has failed.
    fn tell(&mut self, key: CallKey) {
        let now = self.now;
        let call = self.calls.get_mut(&key);
        if call.is_some_and(|call| call.outbox.hand_over(now) == Outgoing::Failed)
            && let Some(call) = self.empty(key)
        {
            call.outbox.fail();
        }
    }

    fn timers(&mut self) {
        while let Some(Reverse((at, key))) = self.timers.peek().copied() {
            if at > self.now {
                return;
            }
            self.timers.pop();
            let Some(seat) = self
                .seats
                .get_mut(&key)
                .filter(|seat| seat.scheduled == Some(at))
            else {
                continue;
            };
            seat.scheduled = None;
            if seat.due <= self.now {
                self.touch(key);
            } else {
                seat.scheduled = Some(seat.due);
                self.timers.push(Reverse((seat.due, key)));
            }
        }
    }

    fn tick(&mut self) {
        self.ticked = self.now;
        let silent = |seat: &Seat| {
            let handshake = !seat.connected
                && self.now.saturating_duration_since(seat.since) >= self.patience.handshake;
            handshake || self.now.saturating_duration_since(seat.heard) >= self.patience.silence
        };
        let over: Vec<PeerKey> = self
            .seats
            .iter()
            .filter(|(_, seat)| silent(seat))
            .map(|(key, _)| *key)
            .collect();
        for key in over {
            self.lose(key);
        }
        for call in self.calls.values_mut() {
            call.hand_over(self.steady, false);
        }
        self.stirred.extend(self.calls.keys());
        let now = self.now;
        self.leaving
            .retain_mut(|outbox| outbox.hand_over(now) == Outgoing::Waiting);
        self.counts.hand_over();
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        metrics::gauge!(counted::MEDIA_PEERS).set(self.seats.len() as f64);
    }

    fn send(&mut self, socket: &UdpSocket) {
        for (to, datagram) in self.out.datagrams.drain(..) {
            if socket.try_send_to(&datagram, to).is_ok() {
                self.counts.sent += 1;
            } else {
                self.counts.drop(Why::SendQueueFull);
            }
        }
    }
}
