//! The first hello: what a join token is good for, and for how long.

use proto::consent::ConsentResponse;
use proto::notice::RecordingMode;
use proto::wire::{Hello, ServerMessage};
use proto::{ErrorCode, Millis};
use relay::clock::Clock;
use store::SessionState;

use crate::world::visitor::{agree, request};
use crate::world::wire::Socket;
use crate::world::{WIDGET, World, x25519};

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_is_good_for_one_participant_for_a_minute_and_at_its_own_site() {
    let mut world = World::new().await;
    let store = world.store().await;
    world
        .add_client(&store, "other", RecordingMode::Required)
        .await;
    store.close().await;
    let clock = Clock::manual(Millis(1_800_000_000_000));
    let relay = world.start_with(clock.clone()).await;
    let client = world.client();
    let join = |consent: &ConsentResponse, site| Hello::Join {
        site,
        token: consent.join.clone(),
        name: None,
    };
    let consent: ConsentResponse = agree(relay.port, client.site, &request(client, x25519()))
        .await
        .json();

    let mut foreign = Socket::open(relay.port, WIDGET, "").await;
    foreign.hello(&join(&consent, world.clients[1].site)).await;
    assert_eq!(foreign.refusal().await, ErrorCode::TokenInvalid);

    // The welcome may be lost with its socket: the same participant comes in again, once.
    let mut before: Option<Socket> = None;
    for _ in 0..2 {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.hello(&join(&consent, client.site)).await;
        let Some(ServerMessage::Welcome {
            participant, last, ..
        }) = socket.next().await
        else {
            panic!("not let in");
        };
        assert_eq!((participant, last), (consent.participant, 1));
        if let Some(mut before) = before.replace(socket) {
            assert_eq!(before.refusal().await, ErrorCode::Superseded);
        }
    }
    // It has arrived as soon as anything is said on its socket.
    let mut visitor = before.unwrap();
    visitor.say(1, "here I am").await;
    let acknowledged = |frame: &_| matches!(frame, ServerMessage::Ack { .. }).then_some(());
    visitor.until(acknowledged).await;
    let mut second = Socket::open(relay.port, WIDGET, "").await;
    second.hello(&join(&consent, client.site)).await;
    assert_eq!(second.refusal().await, ErrorCode::TokenUsed);
    visitor.say(2, "and nobody threw me out").await;
    visitor.until(acknowledged).await;

    let consent: ConsentResponse = agree(relay.port, client.site, &request(client, x25519()))
        .await
        .json();
    clock.advance(60_000);
    let mut late = Socket::open(relay.port, WIDGET, "").await;
    late.hello(&join(&consent, client.site)).await;
    assert_eq!(late.refusal().await, ErrorCode::TokenExpired);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_does_not_outlive_the_relay_and_the_session_is_over() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let consent: ConsentResponse = agree(relay.port, client.site, &request(client, x25519()))
        .await
        .json();
    relay.stop().await;
    let relay = world.start().await;
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    socket
        .hello(&Hello::Join {
            site: client.site,
            token: consent.join,
            name: None,
        })
        .await;
    assert_eq!(socket.refusal().await, ErrorCode::TokenInvalid);
    let front = relay.running.front();
    let tenant = front.store.tenant(client.tenant).await.unwrap();
    let session = tenant.session(consent.session).await.unwrap().unwrap();
    assert_eq!(session.state, SessionState::Ended);
    relay.stop().await;
}
