//! What the tenant's log must hold goes to the recorder through the spool: ids only.

use proto::consent::RecordingChoice;
use proto::notice::RecordingMode;
use proto::wire::ClientMessage;
use seal::spool::{Event, EventKind, Record};

use crate::desk::session;
use crate::world::agent::{sign_in, try_sign_in};
use crate::world::visitor::{agree, arrive, arrive_with, request};
use crate::world::{WIDE, World, rng, signing_key, x25519};

fn events(world: &World) -> Vec<Event> {
    let records = world.records().into_iter();
    records
        .filter_map(|record| match record {
            Record::Event(event) => Some(event),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_hears_who_signed_in_joined_and_left_how_many_were_refused_and_which_key_was_taken()
{
    let world = World::with(RecordingMode::Optional, WIDE).await;
    let relay = world.start().await;
    let client = world.client();
    for name in ["mia", "ben", "nobody"] {
        try_sign_in(relay.port, &client.slug, name, "wrong")
            .await
            .refusal();
    }
    let (mia, ben) = (
        sign_in(relay.port, client, "mia").await,
        sign_in(relay.port, client, "ben").await,
    );
    let visitor = arrive(relay.port, client, None).await;
    let mut first = mia.accept(session(&visitor)).await;
    let to = Some(client.agents[1].0);
    first.socket.send(&ClientMessage::Transfer { to }).await;
    first
        .socket
        .until(|frame| matches!(frame, proto::wire::ServerMessage::Asked { .. }).then_some(()))
        .await;
    let _second = ben.accept(session(&visitor)).await;
    first.socket.closed().await;
    let _unrecorded = arrive_with(relay.port, client, None, RecordingChoice::Refused).await;
    relay.stop().await;

    let events = events(&world);
    let of = |kind| {
        events
            .iter()
            .filter(|event| event.kind == kind)
            .collect::<Vec<_>>()
    };
    let mias = Some(client.agents[0].0);
    let refused = of(EventKind::StaffRefused);
    assert_eq!((refused.len(), refused[0].count), (1, Some(3)));
    assert_eq!(refused[0].staff, None);
    assert_eq!(of(EventKind::StaffSignedIn).len(), 2);
    assert_eq!(of(EventKind::AgentJoined).len(), 2);
    let left = of(EventKind::AgentLeft);
    assert_eq!((left.len(), left[0].staff), (1, mias));
    assert_eq!(left[0].participant, Some(first.id));
    assert_eq!(left[0].session, Some(session(&visitor)));
    assert_eq!(of(EventKind::UnrecordedBegan).len(), 1);
    let keys = of(EventKind::SealingKeyTaken);
    assert!(keys.len() == 1 && keys[0].key.is_some());
    for event in &events {
        assert_eq!((event.tenant, event.at.0 % 1_000), (client.tenant, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_hears_of_a_refused_sealing_key_once() {
    let mut world = World::new().await;
    let store = world.store().await;
    let (root, thief) = (signing_key(&mut rng()), signing_key(&mut rng()));
    world
        .add_client_sealing(&store, "forged", RecordingMode::Required, root, &thief)
        .await;
    store.close().await;
    let relay = world.start().await;
    let forged = &world.clients[1];
    for _ in 0..3 {
        agree(relay.port, forged.site, &request(forged, x25519()))
            .await
            .refusal();
    }
    relay.stop().await;
    let events = events(&world);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::SealingKeyRefused);
    assert_eq!(events[0].tenant, forged.tenant);
}
