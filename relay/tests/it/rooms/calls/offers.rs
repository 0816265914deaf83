//! Each offer is answered, in order, whatever becomes of its call.

use proto::ErrorCode;
use proto::call::Refusal;
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use relay::media::order::Order;
use relay::room::effect::SocketId;

use super::super::joins::Done;
use super::super::stays::{accept, come};
use super::{AGENT, Talk, VISITOR, noted, offer, over, refused};

const SOUND: [Modality; 1] = [Modality::Audio];

/// What a caller is told of offers and of the end, in order.
fn told(done: &Done, whom: SocketId) -> Vec<&'static str> {
    let told = done.frames.iter().filter(|(to, _)| *to == whom);
    told.filter_map(|(_, frame)| match frame {
        ServerMessage::Error {
            code: ErrorCode::CallMissing,
            ..
        } => Some("call_missing"),
        ServerMessage::Answer { .. } => Some("answer"),
        ServerMessage::Call { call: None, .. } => Some("over"),
        _ => None,
    })
    .collect()
}

/// Both talk, and a colleague is rung.
fn with_a_third() -> Talk {
    let mut talk = Talk::talking(true);
    let staff = proto::StaffId::random(&mut crate::world::rng());
    talk.says(AGENT, ClientMessage::Invite { to: staff });
    let third = accept(&mut talk.visited, staff);
    come(&mut talk.visited, staff, third, 11);
    talk.rest();
    talk
}

#[test]
fn an_offer_whose_call_ends_first_is_answered_before_the_end() {
    // The other will not, or the caller does not want any more.
    let decline = ClientMessage::Decline {
        reason: Refusal::Busy,
    };
    for (who, ends) in [(AGENT, decline), (VISITOR, ClientMessage::HangUp {})] {
        let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
        talk.says(VISITOR, ClientMessage::Call { again: false });
        talk.says(VISITOR, offer(&SOUND, &[]));
        let done = talk.says(who, ends);
        assert_eq!(told(&done, VISITOR), ["call_missing", "over"]);
        assert_eq!(told(&done, AGENT), ["over"]);
        // The next call's offer is answered by its own answer.
        talk.says(VISITOR, ClientMessage::Call { again: false });
        let answered = talk.offers(VISITOR, &SOUND);
        assert_eq!(told(&answered, VISITOR), ["answer"]);
    }
}

#[test]
fn whoever_only_listened_and_hangs_up_hears_no_more() {
    let mut talk = with_a_third();
    talk.offers(VISITOR, &[]);
    let left = talk.says(VISITOR, ClientMessage::HangUp {});
    assert!(over(&left).is_none(), "the third is still rung");
    let visitor = talk.visited.visitor;
    let dropped = |order: &Order| matches!(order, Order::Drop { peer } if *peer == visitor);
    assert!(left.orders.iter().any(dropped), "{left:?}");
}

#[test]
fn whoever_leaves_a_call_that_goes_on_and_comes_back_has_each_offer_answered_by_its_own() {
    let mut talk = with_a_third();
    talk.says(VISITOR, offer(&[], &[]));
    let left = talk.says(VISITOR, ClientMessage::HangUp {});
    assert!(over(&left).is_none(), "the third is still rung");
    talk.says(VISITOR, ClientMessage::Call { again: true });
    talk.says(VISITOR, offer(&SOUND, &[]));
    let early = talk.says(VISITOR, offer(&SOUND, &[]));
    assert_eq!(refused(&early), ErrorCode::RateLimited);
    let first = talk.answered(VISITOR);
    assert_eq!(told(&first, VISITOR), ["answer"]);
    assert!(noted(&first).is_empty(), "it says nothing of now");
    let second = talk.answered(VISITOR);
    assert_eq!(told(&second, VISITOR), ["answer"]);
    assert_eq!(noted(&second).len(), 1, "{second:?}");
    // Both that wait when it is over.
    talk.says(VISITOR, offer(&[], &[]));
    talk.says(VISITOR, ClientMessage::HangUp {});
    talk.says(VISITOR, ClientMessage::Call { again: true });
    talk.says(VISITOR, offer(&SOUND, &[]));
    talk.says(
        11,
        ClientMessage::Decline {
            reason: Refusal::Busy,
        },
    );
    let done = talk.says(AGENT, ClientMessage::HangUp {});
    assert_eq!(
        told(&done, VISITOR),
        ["call_missing", "call_missing", "over"]
    );
}

#[test]
fn an_answer_names_its_offer_though_a_later_one_was_answered_first() {
    let numbered = |number| match offer(&SOUND, &[]) {
        ClientMessage::Offer {
            sdp, sends, takes, ..
        } => ClientMessage::Offer {
            offer: number,
            sdp,
            sends,
            takes,
        },
        other => other,
    };
    let mut talk = with_a_third();
    talk.says(VISITOR, numbered(1));
    talk.says(VISITOR, ClientMessage::HangUp {});
    talk.says(VISITOR, ClientMessage::Call { again: true });
    talk.says(VISITOR, numbered(2));
    // The worker takes nothing just now: the second is refused before the first is answered.
    talk.asked.reverse();
    let named = |done: &Done| {
        done.frames.iter().find_map(|(_, frame)| match frame {
            ServerMessage::Error { code, offer, .. } => Some((Some(*code), offer.unwrap())),
            ServerMessage::Answer { offer, .. } => Some((None, *offer)),
            _ => None,
        })
    };
    let stalled = ErrorCode::Overloaded;
    let second = talk.answers(VISITOR, Err(stalled));
    assert_eq!(named(&second), Some((Some(stalled), 2)));
    let first = talk.answered(VISITOR);
    assert_eq!(named(&first), Some((None, 1)));
    assert!(noted(&first).is_empty(), "it says nothing of now");
    // The next one counts.
    talk.says(VISITOR, numbered(3));
    let third = talk.answered(VISITOR);
    assert_eq!(named(&third), Some((None, 3)));
    assert_eq!(noted(&third).len(), 1, "{third:?}");
}

/// Who is said to receive, or not to.
fn hears(done: &Done) -> Vec<(proto::ParticipantId, bool)> {
    let said = done.orders.iter().filter_map(|order| match order {
        Order::Hears { peer, on } => Some((*peer, *on)),
        _ => None,
    });
    said.collect()
}

#[test]
fn the_worker_is_told_who_holds_also_of_one_who_held_before_they_offered() {
    let mut talk = Talk::in_call(true);
    let visitor = talk.visited.visitor;
    let hold = |on| ClientMessage::Hold { on };
    assert_eq!(hears(&talk.says(VISITOR, hold(true))), [(visitor, false)]);
    assert_eq!(hears(&talk.says(VISITOR, hold(true))), []);
    for due in [&[(visitor, false)][..], &[]] {
        let offered = talk.says(VISITOR, offer(&SOUND, &[]));
        assert_eq!(hears(&offered), due);
        talk.answered(VISITOR);
        talk.says(VISITOR, hold(false));
    }
    let agent = talk.offers(AGENT, &SOUND);
    assert_eq!(hears(&agent), []);
    assert_eq!(hears(&talk.says(VISITOR, hold(true))), [(visitor, false)]);
    assert_eq!(hears(&talk.says(VISITOR, hold(false))), [(visitor, true)]);
}
