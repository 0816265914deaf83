//! The main job: agree, join, talk, come back.

use proto::ErrorCode;
use proto::wire::{ClientMessage, ServerMessage};
use seal::PartKind;
use seal::spool::Record;

use crate::world::World;
use crate::world::agent::sign_in;
use crate::world::visitor::{Person, arrive};

fn session(person: &Person) -> proto::SessionId {
    let ServerMessage::Welcome { session, .. } = person.welcome else {
        unreachable!();
    };
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_and_an_agent_talk_and_each_message_is_acknowledged_and_delivered() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), Some("Blue Heron")).await;
    assert_eq!(visitor.name, "Blue Heron");
    visitor
        .socket
        .until(|frame| matches!(frame, ServerMessage::Waiting { ahead: 0, .. }).then_some(()))
        .await;
    assert_eq!(visitor.say(1, "hello?").await, 2);

    let desk = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = desk.accept(session(&visitor)).await;
    assert_eq!(agent.texts(), ["hello?"]);
    assert_eq!(agent.say(1, "how can I help?").await, 4);
    assert_eq!(visitor.hears("how can I help?").await, 4);
    assert_eq!(visitor.say(2, "my card was declined").await, 5);
    assert_eq!(agent.hears("my card was declined").await, 5);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_dropped_socket_everything_is_handed_back_and_the_talk_goes_on() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    let desk = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = desk.accept(session(&visitor)).await;
    visitor.say(1, "one").await;
    agent.hears("one").await;
    agent.say(1, "two").await;

    let mut visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts(), ["one", "two"]);
    agent.say(2, "three").await;
    visitor.hears("three").await;
    let visitor = visitor.return_to(relay.port, 4).await;
    assert_eq!(visitor.texts(), ["three"]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_relay_both_come_back_and_nothing_is_missing_or_doubled() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), Some("Åsa")).await;
    let desk = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = desk.accept(session(&visitor)).await;
    visitor.say(1, "one").await;
    agent.say(1, "two").await;
    relay.stop().await;

    let relay = world.start().await;
    let mut visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts(), ["one", "two"]);
    assert_eq!(visitor.name, "Åsa");
    let mut agent = agent.return_to(relay.port, 2).await;
    assert_eq!(agent.texts(), ["one", "two"]);
    assert_eq!(agent.name, "MIA");
    assert_eq!(visitor.say(2, "three").await, 5);
    assert_eq!(agent.hears("three").await, 5);
    let visitor = visitor.return_to(relay.port, 4).await;
    assert_eq!(visitor.texts(), ["three"]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_typing_reach_the_other_side_alone_and_nothing_of_them_is_kept() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    let desk = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = desk.accept(session(&visitor)).await;
    assert_eq!(visitor.say(1, "hello?").await, 3);
    assert_eq!(agent.hears("hello?").await, 3);
    let (visitors, agents) = (visitor.id, agent.id);
    let mark = |delivered, read| ClientMessage::Mark { delivered, read };
    let marks = |participant, delivered, read| ServerMessage::Marks {
        participant,
        delivered,
        read,
    };

    for message in [
        mark(3, 2),
        mark(3, 3),
        // They only grow, and the same again is no news.
        mark(1, 1),
        mark(3, 3),
        // Further than anything was shown, and read before it arrived.
        mark(4, 3),
        mark(3, 4),
        ClientMessage::Typing { on: true },
        ClientMessage::Typing { on: false },
    ] {
        agent.socket.send(&message).await;
    }
    // Each once, in order, and nothing between them.
    let typing = |on| ServerMessage::Typing {
        participant: agents,
        on,
    };
    for expected in [
        marks(agents, 3, 2),
        marks(agents, 3, 3),
        typing(true),
        typing(false),
    ] {
        assert_eq!(visitor.socket.next().await, Some(expected));
    }
    // Places count over everyone together: one's own message is marked like another's.
    visitor.socket.send(&mark(3, 3)).await;
    visitor
        .socket
        .send(&ClientMessage::Typing { on: true })
        .await;
    for _ in 0..2 {
        let refused = agent.socket.next().await;
        assert!(
            matches!(
                refused,
                Some(ServerMessage::Error {
                    code: ErrorCode::OutOfOrder,
                    cid: None,
                    ..
                })
            ),
            "one's own signals came back"
        );
    }
    assert_eq!(agent.socket.next().await, Some(marks(visitors, 3, 3)));
    assert_eq!(
        agent.socket.next().await,
        Some(ServerMessage::Typing {
            participant: visitors,
            on: true,
        })
    );

    // Who comes back finds how far the others are.
    let visitor = visitor.return_to(relay.port, 3).await;
    let ServerMessage::Welcome { people, .. } = &visitor.welcome else {
        unreachable!();
    };
    assert!(people.iter().all(|p| (p.delivered, p.read) == (3, 3)));
    relay.stop().await;
    let is_event = |record: &&Record| matches!(record, Record::Part(part) if part.header.kind == PartKind::Data);
    assert_eq!(world.records().iter().filter(is_event).count(), 3);
}
