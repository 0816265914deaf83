//! Whether what callers send flows, and what everyone sees of it.

use proto::call::{CallEvent, CallPerson, CallSource, CallView, SourceState, Standing};
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Millis, TrackNo};
use rand_core::CryptoRng;

use super::call::Call;
use super::caller::{Caller, Source};
use super::frame::to_frame;
use super::state::Room;
use crate::media::order::{Cause, Gate, Order};

impl Room {
    /// What an offer, now answered, has made of their sources.
    pub(super) fn sources_are(
        &mut self,
        now: Millis,
        who: usize,
        offered: Vec<(Modality, TrackNo)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let caller = self.caller(who, Caller::is_in)?;
        let gone: Vec<Source> = caller
            .sources
            .extract_if(.., |source| {
                !offered.iter().any(|(_, track)| *track == source.track)
            })
            .collect();
        let mut events = Vec::new();
        for (kind, track) in offered {
            if !caller.sources.iter().any(|source| source.track == track) {
                caller.sources.push(Source::new(kind, track));
                events.push(CallEvent::Added { kind });
            }
        }
        for source in gone {
            self.goes(now, &source);
            events.push(CallEvent::Removed { kind: source.kind });
        }
        self.regate(now);
        for what in events {
            self.noted(now, who, what, rng)?;
        }
        Ok(())
    }

    /// Looks anew at what may flow, and tells the worker what has changed.
    pub(super) fn regate(&mut self, now: Millis) {
        let Some(call) = &self.call else { return };
        let mut gates = Vec::new();
        for (c, caller) in call.callers.iter().enumerate() {
            for (s, source) in caller.sources.iter().enumerate() {
                let gate = self.gate_of(call, caller, source);
                // What an offer takes away has no gate behind it, and gets none any more.
                let gone = gate == Gate::Open && caller.takes_away(source.track);
                if source.gate != Some(gate) && !gone {
                    gates.push((c, s, gate));
                }
            }
        }
        self.call_changed = true;
        for (c, s, gate) in gates {
            let source = self.call.as_mut().and_then(|call| call.callers.get_mut(c));
            let Some(source) = source.and_then(|caller| caller.sources.get_mut(s)) else {
                continue;
            };
            let was_open = source.gate == Some(Gate::Open);
            source.gate = Some(gate);
            let track = source.track;
            let is_open = gate == Gate::Open;
            let before = source.closed_since;
            source.closed_since = match gate {
                Gate::Open => None,
                Gate::Closed(cause) if was_open => Some((now, cause)),
                Gate::Closed(cause) => before.map(|_| (now, cause)),
            };
            if let Some((since, cause)) = before {
                self.did_not_flow(track, since, now, cause);
            }
            if was_open != is_open {
                self.flows(now, track, is_open);
            }
            self.order(Order::Gate { track, gate });
        }
    }

    /// A source goes: what it did not send stands in the record.
    pub(super) fn goes(&mut self, now: Millis, source: &Source) {
        if let Some((since, cause)) = source.closed_since {
            self.did_not_flow(source.track, since, now, cause);
        }
        if source.gate == Some(Gate::Open) {
            self.flows(now, source.track, false);
        }
    }

    fn gate_of(&self, call: &Call, caller: &Caller, source: &Source) -> Gate {
        let all_agreed = call
            .inside()
            .all(|other| self.has_agreed(other.who, source.kind));
        let mut others = call.inside().filter(|other| other.who != caller.who);
        let hears = |other: &Caller| other.standing == Standing::In && !other.held;
        if caller.held {
            Gate::Closed(Cause::Held)
        } else if source.muted {
            Gate::Closed(Cause::Muted)
        } else if !all_agreed {
            Gate::Closed(Cause::Unagreed)
        } else if caller.standing != Standing::In {
            Gate::Closed(Cause::Away)
        } else if others.any(hears) {
            Gate::Open
        } else if call.inside().any(|other| other.held) {
            Gate::Closed(Cause::Held)
        } else {
            Gate::Closed(Cause::Away)
        }
    }

    /// The whole picture, for those who are here.
    pub(super) fn call_view(&self) -> Option<CallView> {
        let call = self.call.as_ref()?;
        let person = |who: usize| self.people.get(who).map(|person| person.id);
        let people = call.callers.iter().filter_map(|caller| {
            Some(CallPerson {
                participant: person(caller.who)?,
                standing: caller.standing,
                held: caller.held,
                sources: caller
                    .sources
                    .iter()
                    .map(|source| self.source_view(call, caller, source))
                    .collect(),
            })
        });
        Some(CallView {
            since: call.since,
            by: person(call.by)?,
            people: people.collect(),
        })
    }

    fn source_view(&self, call: &Call, caller: &Caller, source: &Source) -> CallSource {
        let state = match self.gate_of(call, caller, source) {
            _ if source.muted => SourceState::Muted,
            _ if caller.held => SourceState::Held,
            Gate::Closed(Cause::Unagreed) => SourceState::Unagreed,
            Gate::Closed(Cause::Held) => SourceState::Held,
            Gate::Open | Gate::Closed(Cause::Muted | Cause::Away) => SourceState::Live,
        };
        CallSource {
            kind: source.kind,
            track: source.track,
            state,
        }
    }

    /// Everyone who is here sees the call as it is, if it has changed.
    pub(super) fn show_call(&mut self) {
        if !core::mem::take(&mut self.call_changed) {
            return;
        }
        if let Some(call) = self.call_view() {
            let view = ServerMessage::Call {
                call: Some(call),
                over: None,
            };
            self.tell_others(None, &to_frame(&view));
        }
    }
}
