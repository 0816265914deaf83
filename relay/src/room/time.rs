//! What time does to a room.

use proto::event::LeaveReason;
use proto::{ErrorCode, Millis};
use rand_core::CryptoRng;

use super::capture::LAST_MS;
use super::effect::{Change, Effect};
use super::ending::Because;
use super::person::Stage;
use super::state::{Phase, Room};

/// A join token may be spent in its last moment: the room waits a little longer.
const GRACE_MS: i64 = 5_000;
/// What could not be carried out is tried again after so long.
const RETRY_MS: i64 = 10_000;

impl Room {
    /// When [`Room::tick`] is due, if time passing would change anything.
    pub fn deadline(&self) -> Option<Millis> {
        match self.phase {
            _ if self.is_stalled() => None,
            Phase::Open if !self.began => Some(self.give_up_at()),
            Phase::Open => {
                let gone = self
                    .people
                    .iter()
                    .filter(|person| self.is_away(person))
                    .map(|person| person.gone_since.plus(self.house.return_ms));
                let taken = self.taken.iter().map(|taken| taken.until);
                let due = gone.chain(taken).chain([self.expires_at()]).min();
                let due = due.map(|due| due.max(self.retry_at));
                let ending = self.ending.map(|(_, until)| until);
                [due, ending, self.call_deadline(), self.ratchet_at()]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Phase::Ended { until } => Some(until),
            Phase::Stopping if self.is_changing() => self.stopping.map(|at| at.plus(LAST_MS)),
            Phase::Ending | Phase::Broken | Phase::Stopping | Phase::Finished => None,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        match self.phase {
            // Nothing can be kept of what it would change.
            _ if self.is_stalled() => {}
            Phase::Open if self.began => self.tick_open(now, rng),
            Phase::Open if now >= self.give_up_at() => {
                self.effects
                    .push_back(Effect::Keep(Change::Ended(now.whole_seconds())));
                self.finish();
            }
            Phase::Ended { until } if now >= until => self.finish(),
            Phase::Stopping => self.stops_waiting(now, rng),
            _ => {}
        }
        self.settle(now);
    }

    fn tick_open(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        self.ratchet_quiet(now);
        if let Err(code) = self.tick_call(now, rng) {
            self.not_now(now, code);
        }
        self.end_if_due(now, rng);
        if self.phase != Phase::Open || self.ending.is_some() {
            return;
        }
        let before = self.taken.len();
        self.taken.retain(|taken| now < taken.until);
        self.board.changed |= self.taken.len() != before;
        if now >= self.expires_at() {
            if let Err(code) = self.end(now, Because::Expired, rng) {
                self.not_now(now, code);
            }
            return;
        }
        for who in 0..self.people.len() {
            let Some(person) = self.people.get(who) else {
                break;
            };
            if !self.is_away(person) || now < person.gone_since.plus(self.house.return_ms) {
                continue;
            }
            // Without its visitor a session is over; without its agents it goes back to the queue.
            let done = if person.is_agent() {
                self.leave(now, who, LeaveReason::Gone, rng)
            } else {
                self.end(now, Because::Gone, rng)
            };
            if let Err(code) = done {
                self.not_now(now, code);
            }
            if self.phase != Phase::Open {
                break;
            }
        }
    }

    fn not_now(&mut self, now: Millis, code: ErrorCode) {
        self.retry_at = now.plus(RETRY_MS);
        self.unsound(now, code);
    }

    pub(super) fn is_away(&self, person: &super::person::Participant) -> bool {
        let comes = self
            .attaching
            .iter()
            .any(|attaching| self.people.get(attaching.who).map(|p| p.id) == Some(person.id));
        person.stage == Stage::In && person.socket.is_none() && !comes
    }

    /// A session that never ended would hold back what the spool may free, for every tenant.
    fn expires_at(&self) -> Millis {
        self.facts.since.plus(self.house.longest_ms)
    }

    fn give_up_at(&self) -> Millis {
        self.facts.since.plus(self.house.join_ms + GRACE_MS)
    }
}
