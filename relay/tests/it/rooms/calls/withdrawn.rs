//! Withdrawing stops the capture whatever is being written; what is said fast in a row is carried
//! out in its order; and what is under way when a session ends, or its relay stops, is not lost.

use proto::call::CallEvent;
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Hash32};
use relay::media::order::{Cause, Gate, News};
use relay::room::state::Command;
use seal::spool::{Record, RecordedConsent};

use super::super::joins::Done;
use super::recorded::ended;
use super::{AGENT, Talk, VISITOR, gates, noted, offer, refused};
use crate::world::rng;

const CAMERA: Modality = Modality::Video;

fn agree(modality: Modality) -> ClientMessage {
    let notice = Hash32::ZERO;
    ClientMessage::Agree { modality, notice }
}

fn withdraw(modality: Modality) -> ClientMessage {
    ClientMessage::Withdraw { modality }
}

/// What the visitor was told that they have agreed to, last.
fn agreed(done: &Done) -> Option<Vec<Modality>> {
    let told = done.frames.iter().rev().filter(|(to, _)| *to == VISITOR);
    told.into_iter().find_map(|(_, frame)| match frame {
        ServerMessage::Agreed { modalities, .. } => Some(modalities.clone()),
        _ => None,
    })
}

/// What the spool heard of consents.
fn spooled(done: &Done) -> Vec<(Modality, bool)> {
    let consent = |record: &Record| match record {
        Record::Consent(RecordedConsent {
            modality, given, ..
        }) => Some((*modality, *given)),
        _ => None,
    };
    done.appended.iter().filter_map(consent).collect()
}

fn ended_at(done: &Done) -> Option<usize> {
    let end = |frame: &ServerMessage| matches!(frame, ServerMessage::Ended { .. });
    done.frames.iter().position(|(_, frame)| end(frame))
}

fn noted_at(done: &Done, event: CallEvent) -> Option<usize> {
    let is = |frame: &ServerMessage| matches!(frame, ServerMessage::Noted { what, .. } if *what == event);
    done.frames.iter().position(|(_, frame)| is(frame))
}

/// Both send sound, and the visitor's camera flows too.
fn with_camera() -> (Talk, u32) {
    let mut talk = Talk::talking(true);
    talk.agree(AGENT, CAMERA);
    talk.agree(VISITOR, CAMERA);
    let done = talk.offers(VISITOR, &[Modality::Audio, CAMERA]);
    let [(camera, Gate::Open)] = gates(&done)[..] else {
        panic!("{done:?}");
    };
    (talk, camera)
}

#[test]
fn a_withdrawal_stops_the_capture_at_once_while_another_change_is_being_written() {
    let (mut talk, camera) = with_camera();
    let asked = talk.says(VISITOR, agree(Modality::Screen));
    assert_eq!(
        asked.consents,
        [(talk.visited.visitor, Modality::Screen, true)]
    );
    let done = talk.says(VISITOR, withdraw(CAMERA));
    assert_eq!(gates(&done), [(camera, Gate::Closed(Cause::Unagreed))]);
    assert_eq!(spooled(&done), [(CAMERA, false)]);
    assert!(done.consents.is_empty(), "two at a time");
    assert_eq!(
        refused(&talk.says(VISITOR, offer(&[CAMERA], &[]))),
        ErrorCode::AgreementNeeded
    );
    // One after the other, as they were said.
    let first = talk.kept(VISITOR, Modality::Screen, true, Ok(None));
    let modality = Modality::Screen;
    assert_eq!(noted(&first), [CallEvent::Agreed { modality }]);
    assert_eq!(first.consents, [(talk.visited.visitor, CAMERA, false)]);
    let second = talk.kept(VISITOR, CAMERA, false, Ok(None));
    assert_eq!(noted(&second), [CallEvent::Withdrew { modality: CAMERA }]);
    assert_eq!(
        agreed(&second).unwrap(),
        [Modality::Chat, Modality::Audio, Modality::Screen]
    );
}

#[test]
fn a_source_that_an_offer_takes_away_is_opened_no_more() {
    let (mut talk, camera) = with_camera();
    talk.says(VISITOR, ClientMessage::Hold { on: true });
    // Said in a row, before the worker has answered anything.
    talk.says(VISITOR, offer(&[Modality::Audio], &[]));
    let back = talk.says(VISITOR, ClientMessage::Hold { on: false });
    let opened = |done: &Done| gates(done).contains(&(camera, Gate::Open));
    assert_eq!(gates(&back).len(), 2, "sound both ways: {back:?}");
    assert!(!opened(&back), "{back:?}");
    let answered = talk.answered(VISITOR);
    let kind = CAMERA;
    assert_eq!(noted(&answered), [CallEvent::Removed { kind }]);
    assert!(!opened(&answered), "{answered:?}");
    // Offered again, it flows when the room has said so.
    assert!(opened(&talk.offers(VISITOR, &[Modality::Audio, CAMERA])));
    // An offer that is refused takes nothing away.
    talk.says(VISITOR, ClientMessage::Hold { on: true });
    talk.says(VISITOR, offer(&[Modality::Audio], &[]));
    talk.says(VISITOR, ClientMessage::Hold { on: false });
    assert!(opened(&talk.answers(VISITOR, Err(ErrorCode::SdpRefused))));
}

#[test]
fn nobody_agrees_and_withdraws_without_end_and_a_withdrawal_always_passes() {
    let (mut talk, _) = with_camera();
    let mut given = 0;
    let refusal = loop {
        talk.says(VISITOR, withdraw(CAMERA));
        let withdrawn = talk.kept(VISITOR, CAMERA, false, Ok(None));
        assert!(!agreed(&withdrawn).unwrap().contains(&CAMERA));
        let again = talk.says(VISITOR, agree(CAMERA));
        if again.consents.is_empty() {
            break refused(&again);
        }
        talk.kept(VISITOR, CAMERA, true, Ok(None));
        given += 1;
        assert!(given < 1_000, "without end");
    };
    assert_eq!(refusal, ErrorCode::RateLimited);
}

#[test]
fn a_withdrawal_stands_in_the_record_before_its_row_is_written_and_is_answered_after() {
    let (mut talk, _) = with_camera();
    let done = talk.says(VISITOR, withdraw(CAMERA));
    assert_eq!(noted(&done), [CallEvent::Withdrew { modality: CAMERA }]);
    assert_eq!(agreed(&done), None);
    let again = talk.says(VISITOR, withdraw(CAMERA));
    assert!(
        again.consents.is_empty() && again.frames.is_empty(),
        "{again:?}"
    );
    // While that takes long, nothing is agreed to behind it.
    talk.passes(10_000);
    assert_eq!(
        refused(&talk.says(VISITOR, agree(CAMERA))),
        ErrorCode::Overloaded
    );
    let kept = talk.kept(VISITOR, CAMERA, false, Ok(None));
    assert_eq!(agreed(&kept).unwrap(), [Modality::Chat, Modality::Audio]);
}

#[test]
fn agreeing_and_withdrawing_fast_in_a_row_ends_in_what_was_said_last() {
    for said in [
        &[false, true, false][..],
        &[false, true, false, true],
        &[false, true, true, false, false, true],
    ] {
        let (mut talk, camera) = with_camera();
        let mut all = Done::default();
        let add = |all: &mut Done, done: Done| {
            all.frames.extend(done.frames);
            all.appended.extend(done.appended);
            all.orders.extend(done.orders);
            all.consents.extend(done.consents);
        };
        for given in said {
            let message = if *given {
                agree(CAMERA)
            } else {
                withdraw(CAMERA)
            };
            add(&mut all, talk.says(VISITOR, message));
        }
        assert_eq!(gates(&all), [(camera, Gate::Closed(Cause::Unagreed))]);
        // The rows answer, one after the other.
        let mut rows = 0;
        while let Some((_, _, given)) = all.consents.get(rows).copied() {
            rows += 1;
            let done = talk.kept(VISITOR, CAMERA, given, Ok(None));
            add(&mut all, done);
        }
        let mut once: Vec<bool> = said.to_vec();
        once.dedup();
        let written: Vec<bool> = all.consents.iter().map(|(_, _, given)| *given).collect();
        assert_eq!(written, once, "rows");
        let modality = CAMERA;
        let events: Vec<bool> = noted(&all)
            .iter()
            .map(|event| *event == CallEvent::Agreed { modality })
            .collect();
        assert_eq!(events, once, "events");
        let last = *once.last().unwrap();
        assert_eq!(spooled(&all).last(), Some(&(CAMERA, last)));
        assert_eq!(agreed(&all).unwrap().contains(&CAMERA), last, "answers");
        let opened = gates(&all).iter().any(|(_, gate)| *gate == Gate::Open);
        assert_eq!(opened, last, "the gate: {:?}", gates(&all));
    }
}

#[test]
fn so_many_changes_wait_and_no_more_and_each_can_still_be_taken_back() {
    let mut talk = Talk::talking(true);
    let mut taken = 0;
    let refusal = loop {
        let done = talk.says(VISITOR, agree(CAMERA));
        if !done.frames.is_empty() {
            break refused(&done);
        }
        let done = talk.says(VISITOR, withdraw(CAMERA));
        assert!(noted(&done).is_empty(), "before what was said before it");
        assert_eq!(spooled(&done), [(CAMERA, false)]);
        taken += 1;
        assert!(taken < 100, "without a bound");
    };
    assert_eq!((refusal, taken), (ErrorCode::RateLimited, 4));
}

#[test]
fn what_was_withdrawn_stands_before_the_end_and_its_row_is_written_after_it() {
    let (mut talk, _) = with_camera();
    talk.says(VISITOR, agree(Modality::Screen));
    talk.says(VISITOR, withdraw(CAMERA));
    talk.says(VISITOR, ClientMessage::End {});
    talk.does(Command::Media(News::Closed));
    // The store says nothing: the end waits a moment for it, and no longer.
    assert!(ended(&talk.passes(1_999)).is_none());
    let done = talk.passes(1);
    assert!(ended(&done).is_some());
    let withdrew = noted_at(&done, CallEvent::Withdrew { modality: CAMERA });
    assert!(withdrew.unwrap() < ended_at(&done).unwrap());
    let failed = Err(ErrorCode::Overloaded);
    let next = talk.kept(VISITOR, Modality::Screen, true, failed);
    assert_eq!(next.consents, [(talk.visited.visitor, CAMERA, false)]);
    assert!(next.appended.is_empty(), "recorded after the end");
    talk.kept(VISITOR, CAMERA, false, Ok(None));
}

#[test]
fn what_is_agreed_to_just_before_the_end_stands_in_the_record_before_it() {
    let mut talk = Talk::talking(true);
    talk.says(VISITOR, ClientMessage::HangUp {});
    talk.does(Command::Media(News::Closed));
    talk.says(VISITOR, agree(CAMERA));
    let ending = talk.says(VISITOR, ClientMessage::End {});
    assert!(ended(&ending).is_none(), "before the row");
    let done = talk.kept(VISITOR, CAMERA, true, Ok(None));
    assert!(ended(&done).is_some());
    let agreed = noted_at(&done, CallEvent::Agreed { modality: CAMERA });
    assert!(agreed.unwrap() < ended_at(&done).unwrap());
}

#[test]
fn a_relay_that_stops_waits_a_moment_for_changes_that_are_under_way() {
    for answers in [true, false] {
        let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
        talk.says(VISITOR, agree(CAMERA));
        talk.says(VISITOR, withdraw(Modality::Audio));
        let stopping = talk.does(Command::ShutDown);
        assert!(stopping.closed.is_empty(), "{stopping:?}");
        let withdrew = CallEvent::Withdrew {
            modality: Modality::Audio,
        };
        let done = if answers {
            let done = talk.kept(VISITOR, CAMERA, true, Ok(None));
            assert_eq!(noted(&done), [CallEvent::Agreed { modality: CAMERA }]);
            talk.kept(VISITOR, Modality::Audio, false, Ok(None))
        } else {
            let due = talk.visited.room.deadline().unwrap();
            assert_eq!(due, talk.now.plus(2_000));
            talk.passes(2_000)
        };
        assert_eq!(noted(&done), [withdrew]);
        let told = |closed: &(u64, Option<ErrorCode>)| closed.1 == Some(ErrorCode::ShuttingDown);
        assert!(done.closed.len() == 2 && done.closed.iter().all(told));
    }
}

#[test]
fn what_waits_for_a_key_is_noted_when_there_is_one_again() {
    let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
    // Somebody comes: what the visitor says next needs a new key, and those known are too old.
    let staff = proto::StaffId::random(&mut rng());
    talk.says(AGENT, ClientMessage::Invite { to: staff });
    let third = super::super::stays::accept(&mut talk.visited, staff);
    super::super::stays::come(&mut talk.visited, staff, third, 11);
    talk.rest();
    talk.passes(600_000);
    let done = talk.says(VISITOR, withdraw(Modality::Audio));
    assert_eq!(spooled(&done), [(Modality::Audio, false)]);
    assert!(noted(&done).is_empty(), "{done:?}");
    talk.kept(VISITOR, Modality::Audio, false, Ok(None));
    let tenant = talk.visited.room.facts().tenant;
    let keys = super::super::model::target(tenant);
    let done = talk.does(Command::SealTo(keys));
    let modality = Modality::Audio;
    assert_eq!(noted(&done), [CallEvent::Withdrew { modality }]);
    assert_eq!(agreed(&done).unwrap(), [Modality::Chat]);
}
