//! How long one stays: who has left hears nothing more, coming back gives no new allowance, and no
//! session lasts for ever.

use proto::consent::RecordingChoice;
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, ParticipantId, PublicKey, RecordingId, StaffId, Token};
use relay::room::effect::SocketId;
use relay::room::state::{Admitted, Claim, Command, Join};
use seal::manifest::{Ending, Manifest};
use seal::spool::Record;

use super::joins::{Done, Visited};
use super::model::{NOW, house, target};
use crate::world::{rng, x25519};

fn say(cid: u64) -> ClientMessage {
    ClientMessage::Say {
        cid,
        text: "hello".to_owned(),
    }
}

fn recorded() -> Visited {
    let mut visited = Visited::new(Some(RecordingId::random(&mut rng())), &[Modality::Chat]);
    visited.join(1);
    durable(&mut visited);
    visited
}

/// The append that is on its way is durable.
pub(super) fn durable(visited: &mut Visited) -> Done {
    visited.room.durable(NOW);
    visited.done()
}

/// The agent takes the session, and may come in as the participant that is returned.
pub(super) fn accept(visited: &mut Visited, staff: StaffId) -> ParticipantId {
    let claim = Claim {
        staff,
        recording: RecordingChoice::Acknowledged,
    };
    let claimed = visited.room.claim(NOW, &claim).unwrap();
    let participant = ParticipantId::random(&mut rng());
    let admitted = Admitted {
        participant,
        staff,
        name: "MIA".to_owned(),
        track: claimed.track,
        key: x25519(),
        consent: claimed.consent,
    };
    visited.room.admit(NOW, admitted, &mut rng()).unwrap();
    participant
}

pub(super) fn come(
    visited: &mut Visited,
    staff: StaffId,
    as_whom: ParticipantId,
    socket: SocketId,
) -> Done {
    let join = Join {
        participant: as_whom,
        staff: Some(staff),
        name: None,
        socket,
        resume: Token::random(&mut rng()),
    };
    visited.handle(Command::Join(Box::new(join)))
}

#[test]
fn who_leaves_while_still_coming_in_never_hears_anything() {
    let mut visited = recorded();
    let mia = StaffId::random(&mut rng());
    let (first, second) = (accept(&mut visited, mia), accept(&mut visited, mia));
    // With an append on its way, both arrive before either is welcomed; the second takes over.
    visited.handle(Command::From(1, say(1)));
    let mut all = vec![
        come(&mut visited, mia, first, 10),
        come(&mut visited, mia, second, 11),
        durable(&mut visited),
        durable(&mut visited),
    ];
    visited.handle(Command::From(1, say(2)));
    all.push(durable(&mut visited));

    let to = |socket| {
        all.iter()
            .flat_map(move |done| done.frames.iter().filter(move |(to, _)| *to == socket))
    };
    assert_eq!(to(10).count(), 0, "who had left was let in");
    assert!(
        all.iter().any(|done| done.closed == [(10, None)]),
        "{all:?}"
    );
    let heard = |(_, frame): &(SocketId, ServerMessage)| {
        matches!(frame, ServerMessage::Said { cid: 2, .. })
    };
    assert!(to(11).any(heard), "who stayed hears what is said");
}

#[test]
fn who_had_left_when_the_relay_died_stays_out_though_no_row_says_so() {
    let mut visited = Visited::new(Some(RecordingId::random(&mut rng())), &[Modality::Chat]);
    let mut all = vec![visited.join(1), durable(&mut visited)];
    let (mia, jon) = (StaffId::random(&mut rng()), StaffId::random(&mut rng()));
    let mias = accept(&mut visited, mia);
    all.push(come(&mut visited, mia, mias, 10));
    all.push(durable(&mut visited));
    let transfer = ClientMessage::Transfer { to: Some(jon) };
    all.push(visited.handle(Command::From(10, transfer)));
    all.push(durable(&mut visited));
    let jons = accept(&mut visited, jon);
    all.push(come(&mut visited, jon, jons, 11));
    all.push(durable(&mut visited));
    let left = |(to, frame): &(SocketId, ServerMessage)| {
        *to == 1 && matches!(frame, ServerMessage::Left { participant, .. } if *participant == mias)
    };
    let told = |done: &Done| done.frames.iter().any(left);
    assert!(all.iter().any(told), "{all:?}");

    // Nothing but the spool outlives this moment.
    let records: Vec<Record> = all.into_iter().flat_map(|done| done.appended).collect();
    let staff = |id| {
        [(mias, mia), (jons, jon)]
            .into_iter()
            .find(|(of, _)| *of == id)
    };
    visited.restart(&records, |id| staff(id).map(|(_, staff)| staff));
    visited.resume(20).welcome(20);
    visited.resume_as(21, jons, Some(jon)).welcome(21);
    let refused = visited.resume_as(22, mias, Some(mia));
    assert_eq!(refused.closed, [(22, Some(ErrorCode::ResumeStale))]);
    visited.handle(Command::From(20, say(1)));
    let heard = durable(&mut visited);
    let by = |socket| heard.frames.iter().any(|(to, _)| *to == socket);
    assert!(by(21) && !by(22), "{heard:?}");
}

#[test]
fn keys_that_were_not_looked_up_for_long_are_sealed_to_no_more() {
    let later = NOW.plus(60 * 60_000);
    for looked_up in [true, false] {
        let mut visited = recorded();
        let mia = StaffId::random(&mut rng());
        let mias = accept(&mut visited, mia);
        come(&mut visited, mia, mias, 10);
        durable(&mut visited);
        assert!(!visited.room.needs_keys(NOW) && visited.room.needs_keys(later));
        if looked_up {
            let target = target(visited.room.facts().tenant);
            let told = Command::SealTo(target);
            visited.room.handle(later, told, &mut rng());
            assert!(!visited.room.needs_keys(later));
        }
        // Somebody has come: what is said now needs a new key.
        let said = Command::From(1, say(1));
        visited.room.handle(later, said, &mut rng());
        let done = visited.done();
        let epochs = |record: &&Record| matches!(record, Record::Epoch(_));
        let made = done.appended.iter().filter(epochs).count();
        assert_eq!(made, usize::from(looked_up));
        let refused = |(_, frame): &(SocketId, ServerMessage)| {
            matches!(
                frame,
                ServerMessage::Error {
                    code: ErrorCode::Overloaded,
                    ..
                }
            )
        };
        assert_eq!(done.frames.iter().any(refused), !looked_up, "{done:?}");
        assert!(done.closed.is_empty(), "{done:?}");
    }
}

#[test]
fn a_room_whose_keys_are_too_old_refuses_what_needs_new_ones_and_goes_on_once_there_are() {
    let mut visited = recorded();
    let mia = StaffId::random(&mut rng());
    let first = accept(&mut visited, mia);
    come(&mut visited, mia, first, 9);
    durable(&mut visited);
    let mias = accept(&mut visited, mia);
    let due = NOW.plus(house().longest_ms);

    // Neither who comes nor the end of its time breaks it, and it does not try without a pause.
    let join = Join {
        participant: mias,
        staff: Some(mia),
        name: None,
        socket: 10,
        resume: Token::random(&mut rng()),
    };
    let join = Command::Join(Box::new(join));
    visited.room.handle(due, join, &mut rng());
    assert_eq!(visited.done().closed, [(10, Some(ErrorCode::Overloaded))]);
    visited.room.tick(due, &mut rng());
    let done = visited.done();
    assert!(
        done.appended.is_empty() && done.closed.is_empty(),
        "{done:?}"
    );
    let again = visited.room.deadline().unwrap();
    assert!(again > due);

    let target = target(visited.room.facts().tenant);
    visited
        .room
        .handle(again, Command::SealTo(target), &mut rng());
    visited.room.tick(again, &mut rng());
    let ends = |record: &Record| matches!(record, Record::End(_));
    assert!(visited.done().appended.iter().any(ends));
}

#[test]
fn coming_back_on_another_connection_gives_no_new_allowance() {
    let mut visited = Visited::new(None, &[Modality::Chat]);
    visited.join(1);
    let allowed = u64::from(house().limits.per_minute);
    for cid in 1..=allowed {
        let said = visited.handle(Command::From(1, say(cid)));
        let [(1, ServerMessage::Ack { .. })] = said.frames.as_slice() else {
            panic!("message {cid}: {said:?}");
        };
    }
    visited.resume(2).welcome(2);
    let said = visited.handle(Command::From(2, say(allowed + 1)));
    let [(2, ServerMessage::Error { code, retry_ms, .. })] = said.frames.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!(*code, ErrorCode::RateLimited);
    assert!(retry_ms.is_some_and(|ms| ms > 0));
}

#[test]
fn who_does_not_stop_is_closed() {
    let mut visited = Visited::new(None, &[Modality::Chat]);
    visited.join(1);
    let closed = (1..=1_000).find_map(|cid| {
        let said = visited.handle(Command::From(1, say(cid)));
        said.closed.first().copied()
    });
    assert_eq!(closed, Some((1, Some(ErrorCode::Flooding))));
}

#[test]
fn no_session_lasts_longer_than_it_may_even_with_everybody_there() {
    let mut visited = recorded();
    let due = visited.room.deadline().unwrap();
    assert_eq!(due, NOW.plus(house().longest_ms));
    let target = target(visited.room.facts().tenant);
    visited
        .room
        .handle(due.plus(-1), Command::SealTo(target), &mut rng());
    visited.room.tick(due.plus(-1), &mut rng());
    assert!(visited.done().appended.is_empty());

    visited.room.tick(due, &mut rng());
    let appended = visited.done().appended;
    let end = appended.iter().find_map(|record| match record {
        Record::End(end) => Some(end),
        _ => None,
    });
    let key = PublicKey(house().node.key.verifying_key().to_bytes());
    let manifest: Manifest = end.unwrap().manifest.verify(&key).unwrap();
    assert_eq!(manifest.ending, Ending::Expired {});
    visited.room.durable(due);
    let told = visited.done();
    let ended = |(_, frame): &(SocketId, ServerMessage)| {
        matches!(frame, ServerMessage::Ended { by: None, .. })
    };
    assert!(told.frames.iter().any(ended), "{told:?}");
    assert_eq!(told.closed, [(1, None)]);
}
