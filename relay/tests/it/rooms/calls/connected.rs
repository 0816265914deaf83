//! Who is in a call is connected soon, and heard from, or is in it no more; what breaks off is told.

use proto::call::{OverReason, Standing};
use proto::notice::Modality;
use proto::wire::ClientMessage;
use proto::{ErrorCode, Millis, StaffId};
use relay::media::order::{News, Order};
use relay::room::state::Command;
use seal::manifest::{Cause, Gap};
use seal::spool::Record;

use super::super::stays::{accept, come};
use super::recorded::{ended, lost};
use super::{AGENT, Talk, VISITOR, over, refused, standing, view};
use crate::world::rng;

const SOUND: [Modality; 1] = [Modality::Audio];
const CALL: ClientMessage = ClientMessage::Call { again: false };

#[test]
fn whoever_is_never_connected_is_out_after_half_a_minute_and_told_that_it_cannot_be() {
    let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
    talk.agree(AGENT, Modality::Audio);
    talk.says(VISITOR, CALL);
    talk.offers(VISITOR, &SOUND);
    // While it rings nobody has to be connected.
    assert!(over(&talk.passes(40_000)).is_none());
    talk.says(AGENT, CALL);
    talk.offers(AGENT, &SOUND);
    talk.connects(AGENT);
    talk.passes(10_000);
    // The worker has waited long enough; an offer more is no connection.
    assert_eq!(
        standing(&view(&talk.is_lost(VISITOR)).unwrap(), talk.visited.visitor),
        Standing::Away
    );
    talk.offers(VISITOR, &SOUND);
    assert!(over(&talk.passes(29_999)).is_none());
    let told = over(&talk.passes(1)).unwrap();
    assert_eq!(told.reason, OverReason::MediaUnavailable);

    let mut talk = Talk::in_call(true);
    talk.connects(AGENT);
    assert!(over(&talk.passes(29_999)).is_none());
    let told = over(&talk.passes(1)).unwrap();
    assert_eq!(told.reason, OverReason::MediaUnavailable);
    assert_eq!(told.by, Some(talk.visited.visitor));
}

#[test]
fn an_answered_offer_brings_nobody_back_whose_connection_is_gone() {
    let mut talk = Talk::talking(true);
    talk.is_lost(AGENT);
    talk.passes(20_000);
    talk.offers(AGENT, &SOUND);
    assert_eq!(standing(&talk.view(), talk.agent), Standing::Away);
    talk.connects(AGENT);
    assert_eq!(standing(&talk.view(), talk.agent), Standing::In);
    assert!(over(&talk.passes(20_000)).is_none());
    talk.is_lost(AGENT);
    talk.offers(AGENT, &SOUND);
    assert_eq!(over(&talk.passes(30_000)).unwrap().reason, OverReason::Gone);
}

#[test]
fn a_call_that_the_worker_cannot_carry_ends_with_the_words_why() {
    let mut talk = Talk::in_call(true);
    talk.says(VISITOR, super::offer(&SOUND, &[]));
    let done = talk.answers(VISITOR, Err(ErrorCode::MediaUnavailable));
    assert_eq!(refused(&done), ErrorCode::MediaUnavailable);
    assert_eq!(over(&done).unwrap().reason, OverReason::MediaUnavailable);
    // Another time it may: somebody who is connected stays so.
    let mut talk = Talk::talking(true);
    talk.says(VISITOR, super::offer(&SOUND, &[]));
    assert!(over(&talk.answers(VISITOR, Err(ErrorCode::Overloaded))).is_none());
}

#[test]
fn who_is_connected_without_a_socket_is_out_of_the_call_after_half_a_minute() {
    let mut talk = Talk::talking(true);
    talk.does(Command::Gone(VISITOR));
    assert!(over(&talk.passes(29_999)).is_none());
    let told = over(&talk.passes(1)).unwrap();
    assert_eq!(
        (told.reason, told.by),
        (OverReason::Gone, Some(talk.visited.visitor))
    );
}

#[test]
fn an_agent_who_is_signed_out_leaves_the_call_with_or_without_a_socket() {
    for gone in [false, true] {
        let mut talk = Talk::talking(true);
        if gone {
            talk.does(Command::Gone(AGENT));
        }
        talk.does(Command::SignedOut(StaffId::random(&mut rng())));
        let done = talk.does(Command::SignedOut(talk.staff));
        let dropped = |order: &Order| matches!(order, Order::Drop { peer } if *peer == talk.agent);
        assert!(done.orders.iter().any(dropped), "{done:?}");
        assert_eq!(over(&done).unwrap().reason, OverReason::Gone);
        let closed = (AGENT, Some(ErrorCode::SignInRequired));
        assert_eq!(done.closed.contains(&closed), !gone);
    }
}

#[test]
fn who_has_not_agreed_to_sound_is_not_taken_for_somebody_who_was_in_the_call() {
    let mut talk = Talk::talking(true);
    let staff = StaffId::random(&mut rng());
    talk.says(AGENT, ClientMessage::Invite { to: staff });
    let third = accept(&mut talk.visited, staff);
    come(&mut talk.visited, staff, third, 11);
    talk.rest();
    for who in [VISITOR, AGENT] {
        talk.says(who, ClientMessage::HangUp {});
    }
    // As after a restart of the relay: the call of before is not known.
    let back = talk.says(VISITOR, ClientMessage::Call { again: true });
    let people = view(&back).unwrap().people;
    let them: Vec<_> = people.iter().map(|person| person.participant).collect();
    assert_eq!(them, [talk.visited.visitor, talk.agent]);
}

/// What the spool heard of gaps of one cause, in ms since `since`.
fn gaps(records: &[Record], cause: Cause, since: Millis) -> Vec<(i64, i64)> {
    let gap = |record: &Record| match record {
        Record::Gap(gap) if gap.gap.cause == cause => Some(gap.gap.clone()),
        _ => None,
    };
    let times = |Gap { from, to, .. }: Gap| (from.0 - since.0, to.0 - since.0);
    records.iter().filter_map(gap).map(times).collect()
}

#[test]
fn what_was_muted_when_the_relay_stopped_or_its_disk_was_full_stands_in_the_record() {
    for full in [true, false] {
        let mut talk = Talk::talking(true);
        let since = talk.now;
        let kind = Modality::Audio;
        talk.says(VISITOR, ClientMessage::Mute { kind, on: true });
        talk.passes(5_000);
        let done = if full {
            let text = "one".to_owned();
            let say = Command::From(VISITOR, ClientMessage::Say { cid: 1, text });
            talk.visited.room.handle(talk.now, say, &mut rng());
            talk.visited.room.stalled(talk.now);
            talk.rest()
        } else {
            talk.does(Command::ShutDown)
        };
        assert_eq!(
            gaps(&done.appended, Cause::Muted, since),
            [(0, 5_000)],
            "{full}"
        );
    }
}

#[test]
fn what_a_failed_worker_lost_of_one_call_is_not_missed_in_the_next() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    talk.captured(microphone, b"one");
    talk.passes(2_000);
    talk.does(Command::Media(News::Failed));
    talk.passes(60_000);
    talk.says(VISITOR, CALL);
    talk.says(AGENT, CALL);
    for who in [VISITOR, AGENT] {
        talk.offers(who, &SOUND);
        talk.connects(who);
    }
    talk.passes(3_000);
    talk.does(Command::Media(News::Failed));
    let done = talk.says(VISITOR, ClientMessage::End {});
    let of_it: Vec<_> = lost(&ended(&done).unwrap())
        .into_iter()
        .filter(|(track, ..)| *track == microphone)
        .map(|(_, from, to)| (from, to))
        .collect();
    assert_eq!(of_it, [(0, 2_000), (62_000, 65_000)]);
}

#[test]
fn of_a_source_that_never_came_the_manifest_has_neither_track_nor_gap() {
    let mut talk = Talk::in_call(true);
    talk.offers(AGENT, &SOUND);
    talk.connects(AGENT);
    talk.offers(VISITOR, &SOUND);
    let [visitor, agent] = [0, 1].map(|who| talk.view().people[who].sources[0].track);
    talk.captured(agent, b"one");
    talk.passes(5_000);
    // The visitor's gate was open, and nothing of theirs ever arrived.
    talk.is_lost(VISITOR);
    talk.passes(30_000);
    talk.does(Command::Media(News::Closed));
    let manifest = ended(&talk.says(VISITOR, ClientMessage::End {})).unwrap();
    let of = |track| {
        manifest
            .gaps
            .iter()
            .filter(move |gap| gap.track == Some(track))
    };
    assert!(manifest.tracks.iter().all(|track| track.track != visitor));
    assert_eq!((of(visitor).count(), of(agent).count()), (0, 1));
}
