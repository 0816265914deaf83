//! What is recorded of a call, and what becomes of the call where it cannot be.

use proto::call::{CallEvent, OverReason, Standing};
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{RecordingId, StaffId};
use relay::media::order::{Captured, Cause, Gate, News, Order};
use relay::room::effect::SocketId;
use relay::room::state::Command;
use seal::manifest::{self, Manifest};
use seal::spool::Record;

use super::super::joins::{Done, Visited};
use super::super::model::NOW;
use super::super::stays::{accept, come, durable};
use super::{AGENT, Talk, VISITOR, gates, noted, over, standing, view};
use crate::world::rng;

fn parts(done: &Done) -> Vec<(u32, u32, u32)> {
    let part = |record: &Record| match record {
        Record::Part(part) => Some((part.header.track, part.header.epoch, part.header.step)),
        _ => None,
    };
    done.appended.iter().filter_map(part).collect()
}

pub(super) fn ended(done: &Done) -> Option<Manifest> {
    let end = done.appended.iter().find_map(|record| match record {
        Record::End(end) => Some(&end.manifest),
        _ => None,
    })?;
    Some(serde_json::from_slice(&end.payload).unwrap())
}

#[test]
fn what_is_muted_or_held_does_not_flow_and_the_manifest_says_when() {
    let mut talk = Talk::talking(true);
    let [microphone, agents] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
    talk.captured(microphone, b"one");
    talk.captured(agents, b"one");
    let kind = Modality::Audio;
    let done = talk.says(VISITOR, ClientMessage::Mute { kind, on: true });
    assert_eq!(gates(&done), [(microphone, Gate::Closed(Cause::Muted))]);
    assert_eq!(noted(&done), [CallEvent::Muted { kind, on: true }]);
    talk.passes(5_000);
    let done = talk.says(VISITOR, ClientMessage::Mute { kind, on: false });
    assert_eq!(gates(&done), [(microphone, Gate::Open)]);
    talk.passes(20_000);
    // Who holds hears nobody: neither source flows.
    let done = talk.says(AGENT, ClientMessage::Hold { on: true });
    let held = Gate::Closed(Cause::Held);
    assert_eq!(gates(&done).len(), 2);
    assert!(gates(&done).iter().all(|(_, gate)| *gate == held));
    talk.passes(3_000);
    talk.says(AGENT, ClientMessage::Hold { on: false });
    talk.says(VISITOR, ClientMessage::HangUp {});
    talk.does(Command::Media(News::Closed));
    let done = talk.says(VISITOR, ClientMessage::End {});
    let manifest = ended(&done).unwrap();
    let of = |cause| {
        let gaps = manifest.gaps.iter().filter(move |gap| gap.cause == cause);
        gaps.map(|gap| (gap.track, gap.to.0 - gap.from.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(manifest::Cause::Muted), [(Some(microphone), 5_000)]);
    assert_eq!(of(manifest::Cause::Held).len(), 2);
    assert!(manifest.modalities.contains(&Modality::Audio));
}

#[test]
fn a_captured_track_is_sealed_under_keys_no_older_than_a_minute_and_ends_with_the_session() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    let first = talk.captured(microphone, b"one");
    let epoch = |record: &Record| {
        matches!(record, Record::Epoch(epoch) if epoch.track == microphone
        && epoch.live.is_empty() && epoch.modality == Modality::Audio)
    };
    assert!(first.appended.iter().any(epoch), "{first:?}");
    assert_eq!(parts(&first), [(microphone, 1, 0)]);
    talk.passes(59_000);
    assert_eq!(
        parts(&talk.captured(microphone, b"two")),
        [(microphone, 1, 0)]
    );
    talk.passes(1_000);
    assert_eq!(
        parts(&talk.captured(microphone, b"three")),
        [(microphone, 1, 1)]
    );
    // The end waits for what the worker still holds.
    let ending = talk.says(AGENT, ClientMessage::End {});
    assert!(matches!(ending.orders.as_slice(), [Order::Close]));
    assert!(ended(&ending).is_none(), "ended before the last of it");
    assert_eq!(
        parts(&talk.captured(microphone, b"four")),
        [(microphone, 1, 1)]
    );
    let done = talk.does(Command::Media(News::Closed));
    let manifest = ended(&done).unwrap();
    let track = manifest.tracks.iter().find(|t| t.track == microphone);
    let track = track.unwrap();
    // Four batches and the end part. Nothing came of the agent's: that is no track.
    assert_eq!((track.parts, track.ended), (5, true));
    assert_eq!(manifest.tracks.len(), 3);
}

#[test]
fn an_end_does_not_wait_for_a_worker_that_says_nothing() {
    let mut talk = Talk::talking(true);
    let ending = talk.says(AGENT, ClientMessage::End {});
    assert!(ended(&ending).is_none());
    assert!(ended(&talk.passes(1_999)).is_none());
    assert!(ended(&talk.passes(1)).is_some());
}

/// The parts that a batch of this call becomes on its track.
fn of_call(talk: &mut Talk, call: u64, track: u32) -> Vec<(u32, u32, u32)> {
    let batch = b"one".to_vec().into();
    let captured = Captured {
        call,
        track,
        batch,
        gaps: Vec::new(),
        whole_until: talk.now,
    };
    let mut parts = parts(&talk.does(Command::Media(News::Captured(captured))));
    parts.retain(|(of, _, _)| *of == track);
    parts
}

#[test]
fn nothing_of_a_call_for_which_no_key_could_be_made_goes_under_an_earlier_one() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    assert_eq!(of_call(&mut talk, 1, microphone), [(microphone, 1, 0)]);
    // Those that are known are too old now.
    talk.passes(600_000);
    for _ in 0..2 {
        assert_eq!(of_call(&mut talk, 2, microphone), []);
    }
    let keys = super::super::model::target(talk.visited.room.facts().tenant);
    talk.does(Command::SealTo(keys));
    assert_eq!(of_call(&mut talk, 2, microphone), [(microphone, 2, 0)]);
}

#[test]
fn a_second_call_of_a_session_is_recorded_in_an_epoch_of_its_own() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    let mut of = |call| of_call(&mut talk, call, microphone);
    assert_eq!(of(1), [(microphone, 1, 0)]);
    assert_eq!(of(1), [(microphone, 1, 0)]);
    // Its streams have the numbers of the first call's again.
    assert_eq!(of(2), [(microphone, 2, 0)]);
    assert_eq!(of(2), [(microphone, 2, 0)]);
}

#[test]
fn a_record_that_falls_behind_the_call_stops_it_and_says_why() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    let news = News::Captured(Captured {
        call: 1,
        track: microphone,
        batch: b"one".to_vec().into(),
        gaps: Vec::new(),
        whole_until: talk.now,
    });
    talk.visited
        .room
        .handle(talk.now, Command::Media(news), &mut rng());
    talk.visited.done();
    // The disk says nothing.
    let due = talk.visited.room.deadline().unwrap();
    assert_eq!(due, talk.now.plus(2_000));
    talk.visited.room.tick(due, &mut rng());
    let done = talk.visited.done();
    let told = over(&done).unwrap();
    assert_eq!(told.reason, OverReason::RecordingUnavailable);
    assert!(matches!(done.orders.as_slice(), [Order::Close]));
}

#[test]
fn a_worker_that_fails_ends_the_call_and_not_the_conversation() {
    for (recorded, due) in [
        (true, OverReason::RecordingUnavailable),
        (false, OverReason::MediaUnavailable),
    ] {
        let mut talk = Talk::talking(recorded);
        if recorded {
            let microphone = talk.view().people[0].sources[0].track;
            talk.captured(microphone, b"one");
        }
        let done = talk.does(Command::Media(News::Failed));
        assert_eq!(over(&done).unwrap().reason, due);
        let text = "still here".to_owned();
        let said = talk.says(VISITOR, ClientMessage::Say { cid: 1, text });
        let heard = |(to, frame): &(SocketId, ServerMessage)| {
            *to == AGENT && matches!(frame, ServerMessage::Said { .. })
        };
        assert!(said.frames.iter().any(heard), "{said:?}");
    }
}

/// Of each track and when, in ms since the beginning, something is said to be lost.
pub(super) fn lost(manifest: &Manifest) -> Vec<(u32, i64, i64)> {
    let gaps = manifest.gaps.iter();
    let gaps = gaps.filter(|gap| gap.cause == manifest::Cause::Lost);
    gaps.map(|gap| (gap.track.unwrap(), gap.from.0 - NOW.0, gap.to.0 - NOW.0))
        .collect()
}

#[test]
fn what_a_worker_that_failed_still_had_is_missing_from_the_record_and_named() {
    let mut talk = Talk::talking(true);
    let [visitor, agent] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
    talk.passes(10_000);
    talk.captured(visitor, b"one");
    // The agent was muted long before, and nothing of theirs is on its way.
    let kind = Modality::Audio;
    talk.says(AGENT, ClientMessage::Mute { kind, on: true });
    talk.captured(agent, b"one");
    talk.passes(4_000);
    talk.does(Command::Media(News::Failed));
    talk.passes(60_000);
    let done = talk.says(VISITOR, ClientMessage::End {});
    assert_eq!(lost(&ended(&done).unwrap()), [(visitor, 10_000, 14_000)]);
}

#[test]
fn a_worker_that_fails_a_call_that_is_over_does_not_end_the_next() {
    let mut talk = Talk::talking(true);
    let [visitor, agent] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
    talk.passes(10_000);
    talk.captured(visitor, b"one");
    talk.captured(agent, b"one");
    talk.passes(2_000);
    talk.says(AGENT, ClientMessage::HangUp {});
    talk.passes(1_000);
    for who in [VISITOR, AGENT] {
        talk.says(who, ClientMessage::Call { again: false });
    }
    talk.offers(VISITOR, &[Modality::Audio]);
    let done = talk.does(Command::Media(News::Unfinished));
    assert!(over(&done).is_none() && done.orders.is_empty(), "{done:?}");
    talk.passes(1_000);
    // Of the next call all comes.
    for track in [visitor, agent] {
        talk.captured(track, b"two");
    }
    talk.says(AGENT, ClientMessage::HangUp {});
    talk.does(Command::Media(News::Closed));
    let done = talk.says(VISITOR, ClientMessage::End {});
    // Until it flows again, or until it did not.
    let due = [(visitor, 10_000, 13_000), (agent, 10_000, 12_000)];
    assert_eq!(lost(&ended(&done).unwrap()), due);
}

#[test]
fn a_call_whose_order_is_not_taken_ends_and_what_was_captured_of_it_still_comes() {
    let mut talk = Talk::talking(true);
    let [visitor, agent] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
    talk.captured(visitor, b"one");
    talk.passes(4_000);
    let done = talk.does(Command::Media(News::Disobeyed));
    assert_eq!(
        over(&done).unwrap().reason,
        OverReason::RecordingUnavailable
    );
    assert!(matches!(done.orders.as_slice(), [Order::Close]));
    let ending = talk.says(VISITOR, ClientMessage::End {});
    assert!(ended(&ending).is_none(), "ended before the last of it");
    for track in [visitor, agent] {
        talk.captured(track, b"two");
    }
    let done = talk.does(Command::Media(News::Closed));
    assert_eq!(lost(&ended(&done).unwrap()), []);
}

#[test]
fn what_a_worker_does_not_hand_over_in_time_is_missing_from_the_record_and_named() {
    for says in [false, true] {
        let mut talk = Talk::talking(true);
        let [visitor, agent] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
        talk.captured(agent, b"one");
        talk.passes(10_000);
        talk.captured(visitor, b"one");
        talk.passes(3_000);
        talk.says(AGENT, ClientMessage::HangUp {});
        talk.passes(1_000);
        let mut done = talk.says(VISITOR, ClientMessage::End {});
        if says {
            done = talk.does(Command::Media(News::Closed));
        }
        let manifest = ended(&done).or_else(|| ended(&talk.passes(2_000))).unwrap();
        let due = [(visitor, 10_000, 13_000), (agent, 0, 13_000)];
        assert_eq!(lost(&manifest), if says { &due[..0] } else { &due });
    }
}

#[test]
fn after_a_restart_the_call_comes_back_on_the_same_tracks_in_a_new_epoch() {
    let mut records = Vec::new();
    let recording = Some(RecordingId::random(&mut rng()));
    let mut visited = Visited::new(recording, &[Modality::Chat, Modality::Audio]);
    for done in [visited.join(VISITOR), durable(&mut visited)] {
        records.extend(done.appended);
    }
    let staff = StaffId::random(&mut rng());
    let agent = accept(&mut visited, staff);
    for done in [
        come(&mut visited, staff, agent, AGENT),
        durable(&mut visited),
    ] {
        records.extend(done.appended);
    }
    let mut talk = Talk {
        visited,
        agent,
        staff,
        now: NOW,
        asked: Vec::new(),
    };
    let call = |again| ClientMessage::Call { again };
    records.extend(talk.agree(AGENT, Modality::Audio).appended);
    records.extend(talk.says(VISITOR, call(false)).appended);
    records.extend(talk.says(AGENT, call(false)).appended);
    records.extend(talk.offers(VISITOR, &[Modality::Audio]).appended);
    let microphone = talk.view().people[0].sources[0].track;
    records.extend(talk.captured(microphone, b"before").appended);

    let visitor = talk.visited.visitor;
    talk.visited
        .restart(&records, |id| (id != visitor).then_some(staff));
    talk.visited.resume(VISITOR).welcome(VISITOR);
    talk.visited.resume_as(AGENT, agent, Some(staff));
    // Rows were kept: both have agreed. (This restart makes people who agreed to chat alone.)
    talk.agree(VISITOR, Modality::Audio);
    talk.agree(AGENT, Modality::Audio);
    let back = talk.says(VISITOR, call(true));
    assert_eq!(noted(&back), [CallEvent::JoinedCall {}]);
    assert_eq!(standing(&view(&back).unwrap(), agent), Standing::Away);
    talk.says(AGENT, call(true));
    talk.offers(VISITOR, &[Modality::Audio]);
    assert_eq!(talk.view().people[0].sources[0].track, microphone);
    assert_eq!(
        parts(&talk.captured(microphone, b"after")),
        [(microphone, 2, 0)]
    );
}
