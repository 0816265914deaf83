//! The main job: agree, join, talk, come back.

use proto::wire::ServerMessage;

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
