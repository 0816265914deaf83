//! What rooms order: offers, gates, endings.

use getrandom::SysRng;
use proto::{ErrorCode, ParticipantId};
use rand_core::UnwrapErr;

use super::{CallKey, FASTEST, Message, PROOFS, Seat, WIDEST, Worker};
use crate::media::call::{Call, Outgoing};
use crate::media::demux::{Allowance, PeerKey};
use crate::media::order::{News, Order, Send, Take};
use crate::media::peer::Peer;
use crate::media::sdp;

impl Worker {
    pub(super) fn told(&mut self, message: Message) {
        match message {
            Message::Open {
                call,
                recorded,
                news,
            } => {
                let epoch = self.clock.micros().saturating_sub(self.steady);
                let new = Call::new(call, recorded, epoch, news, self.patience.room);
                self.calls.insert(call, new);
            }
            Message::Order(call, order, permit) => {
                if self.calls.contains_key(&call) {
                    self.stirred.insert(call);
                    self.ordered(call, order);
                }
                drop(permit);
            }
            Message::Stop => {}
        }
    }

    fn ordered(&mut self, key: CallKey, order: Order) {
        match order {
            Order::Offer {
                peer,
                number,
                sdp,
                sends,
                takes,
            } => {
                let (answer, lost) = match self.answered(key, peer, &sdp, &sends, &takes) {
                    Ok(answer) => (Ok(answer), None),
                    Err((code, lost)) => (Err(code), lost),
                };
                if let Some(call) = self.calls.get_mut(&key) {
                    call.outbox.tell(News::Answer {
                        peer,
                        number,
                        answer,
                    });
                }
                if let Some(lost) = lost {
                    self.lose(lost);
                }
            }
            Order::Gate { track, gate } => {
                let at = self.steady;
                let Some(call) = self.calls.get_mut(&key) else {
                    return;
                };
                if call.turn(track, gate, at) {
                    for seat in self.seats.values_mut().filter(|seat| seat.call == key) {
                        seat.peer.skip(|taken| taken == track);
                    }
                }
            }
            Order::Hears { peer, on } => {
                let Some(call) = self.calls.get_mut(&key) else {
                    return;
                };
                if !on {
                    call.holding.insert(peer);
                } else if call.holding.remove(&peer)
                    && let Some(peer) = call.peers.get(&peer)
                {
                    call.sfu.want_all_of(*peer);
                    if let Some(seat) = self.seats.get_mut(peer) {
                        seat.peer.skip(|_| true);
                    }
                }
            }
            Order::Drop { peer } => {
                let Some(call) = self.calls.get_mut(&key) else {
                    return;
                };
                call.holding.remove(&peer);
                if let Some(peer) = call.peers.remove(&peer) {
                    // For good: whatever it sent flows again only when the room says so.
                    call.sfu.sends(peer, &[]);
                    self.remove(peer);
                }
            }
            Order::Close => self.close(key),
        }
    }

    /// The answer; or why there is none, and which connection cannot be used any more.
    fn answered(
        &mut self,
        key: CallKey,
        who: ParticipantId,
        sdp: &str,
        sends: &[Send],
        takes: &[Take],
    ) -> Result<String, (ErrorCode, Option<PeerKey>)> {
        let offer = sdp::read(sdp).map_err(|code| (code, None))?;
        if !offer.carries(sends, takes) {
            return Err((ErrorCode::SdpRefused, None));
        }
        let known = self
            .calls
            .get(&key)
            .and_then(|call| call.peers.get(&who).copied());
        let rng = &mut UnwrapErr(SysRng);
        let same = known.and_then(|peer| Some((peer, self.seats.get_mut(&peer)?)));
        let same = same.filter(|(_, seat)| seat.peer.is_of(&offer));
        let (peer, answer) = if let Some((peer, seat)) = same {
            let answer = seat.peer.offer(&offer, rng);
            (peer, answer.map_err(|code| (code, Some(peer)))?)
        } else {
            let replaces = known.is_some_and(|old| self.seats.contains_key(&old));
            let room = self.seats.len() < self.most || replaces;
            let new = if room {
                Peer::new(&self.engine, &offer, self.now, rng)
            } else {
                Err(ErrorCode::Overloaded)
            };
            let (new, answer) = new.map_err(|code| (code, None))?;
            if let Some(old) = known {
                self.remove(old);
            }
            (self.seat(key, who, new), answer)
        };
        let Some((seat, call)) = self.seats.get_mut(&peer).zip(self.calls.get_mut(&key)) else {
            return Err((ErrorCode::Internal, None));
        };
        seat.peer.assign(sends, takes);
        self.demux.name(peer, seat.peer.name());
        let sources: Vec<_> = sends.iter().map(|send| (send.track, send.kind)).collect();
        let received: Vec<_> = takes.iter().map(|take| take.track).collect();
        call.sfu.sends(peer, &sources);
        call.sfu.takes(peer, &received);
        self.touch(peer);
        Ok(answer)
    }

    fn seat(&mut self, call: CallKey, who: ParticipantId, peer: Peer) -> PeerKey {
        self.next_key += 1;
        let key = self.next_key;
        let age = self.age();
        self.seats.insert(
            key,
            Seat {
                peer,
                call,
                who,
                since: self.now,
                heard: self.now,
                connected: false,
                due: self.now,
                scheduled: None,
                dirty: false,
                pace: Allowance::new(FASTEST.0, FASTEST.1, age),
                width: Allowance::new(WIDEST.0, WIDEST.1, age),
                proofs: Allowance::new(PROOFS.0, PROOFS.1, age),
            },
        );
        if let Some(call) = self.calls.get_mut(&call)
            && let Some(old) = call.peers.insert(who, key)
        {
            call.sfu.goes_on(old, key);
        }
        key
    }

    /// A connection ends.
    pub(super) fn remove(&mut self, key: PeerKey) -> Option<(CallKey, ParticipantId)> {
        self.demux.forget(key);
        let seat = self.seats.remove(&key)?;
        if let Some(call) = self.calls.get_mut(&seat.call) {
            call.sfu.leave(key);
        }
        seat.peer.close(self.now, &mut self.out);
        self.out.happened.clear();
        Some((seat.call, seat.who))
    }

    /// A connection ends by itself, and its room hears of it.
    pub(super) fn lose(&mut self, key: PeerKey) {
        if let Some((call, who)) = self.remove(key)
            && let Some(left) = self.calls.get_mut(&call)
        {
            self.stirred.insert(call);
            left.outbox.tell(News::Lost { peer: who });
        }
    }

    pub(super) fn empty(&mut self, key: CallKey) -> Option<Call> {
        let call = self.calls.get(&key)?;
        let peers: Vec<PeerKey> = call.peers.values().copied().collect();
        for peer in peers {
            self.remove(peer);
        }
        self.calls.remove(&key)
    }

    pub(super) fn close(&mut self, key: CallKey) {
        let Some(mut call) = self.empty(key) else {
            return;
        };
        call.hand_over(self.steady, true);
        call.outbox.tell(News::Closed);
        if call.outbox.hand_over(self.now) == Outgoing::Waiting {
            self.leaving.push(call.outbox);
        }
    }
}
