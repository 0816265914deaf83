//! Agents on their way in are counted among the people.

use std::sync::Arc;

use proto::consent::RecordingChoice;
use proto::event::Role;
use proto::{ErrorCode, Millis, ParticipantId, StaffId, Token};
use relay::room::facts::House;
use relay::room::person::Participant;
use relay::room::state::{Admitted, Claim, Claimed, Command, Join, Room};

use super::model::{NOW, consent, facts, house};
use crate::world::{rng, x25519};

/// An unrecorded session with its visitor, for three people.
fn room() -> Room {
    let house = House {
        people: 3,
        ..(*house()).clone()
    };
    let id = ParticipantId::random(&mut rng());
    let visitor = Participant::admitted(
        id,
        Role::Visitor,
        None,
        1,
        x25519(),
        consent(),
        String::new(),
    );
    let mut room = Room::open(Arc::new(house), facts(None), None, visitor, &mut rng()).unwrap();
    let join = Join {
        participant: id,
        staff: None,
        name: None,
        socket: 1,
        resume: Token::random(&mut rng()),
    };
    room.handle(NOW, Command::Join(Box::new(join)), &mut rng());
    room
}

fn admit(room: &mut Room, now: Millis, staff: StaffId, claimed: Claimed) -> Result<(), ErrorCode> {
    let admitted = Admitted {
        participant: ParticipantId::random(&mut rng()),
        staff,
        name: "MIA".to_owned(),
        track: claimed.track,
        key: x25519(),
        consent: claimed.consent,
    };
    room.admit(now, admitted, &mut rng())
}

#[test]
fn claims_on_their_way_count_among_the_people_until_they_are_given_up() {
    let mut room = room();
    let claim = Claim {
        staff: StaffId::random(&mut rng()),
        recording: RecordingChoice::Acknowledged,
    };
    let first = room.claim(NOW, &claim).unwrap();
    let second = room.claim(NOW, &claim).unwrap();
    assert_eq!(room.claim(NOW, &claim), Err(ErrorCode::Overloaded));
    admit(&mut room, NOW, claim.staff, first).unwrap();
    assert_eq!(room.claim(NOW, &claim), Err(ErrorCode::Overloaded));

    // The second never came: another takes its place, and then it is too late.
    let later = NOW.plus(60_000);
    let third = room.claim(later, &claim).unwrap();
    let late = admit(&mut room, later, claim.staff, second);
    assert_eq!(late, Err(ErrorCode::Overloaded));
    admit(&mut room, later, claim.staff, third).unwrap();
}
