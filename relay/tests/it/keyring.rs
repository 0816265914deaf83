//! Which keys a session is sealed to: of the tenant's, and of the recorder's.

use proto::notice::RecordingMode;
use proto::{KeyId, Millis};
use relay::clock::Clock;
use seal::spool::Record;

use crate::desk::session;
use crate::quiet_logs::Lines;
use crate::world::agent::sign_in;
use crate::world::visitor::arrive;
use crate::world::{World, put_sealing_key_of, rng, signing_key};

const NOW: Millis = Millis(1_800_000_000_000);

/// On one thread, whose log lines are heard.
#[tokio::test]
async fn where_the_next_key_is_missing_the_newest_is_kept_and_a_line_warns_of_it() {
    let mut world = World::new().await;
    let store = world.store().await;
    let root = signing_key(&mut rng());
    world
        .add_client_sealing(&store, "late", RecordingMode::Required, root.clone(), &root)
        .await;
    let client = &world.clients[1];
    let tenant = store.tenant(client.tenant).await.unwrap();
    // Newer than the client's first key, which would still be good, and overdue; the next is not yet good.
    let overdue = put_sealing_key_of(&tenant, &root, Millis(1_000), NOW).await;
    put_sealing_key_of(&tenant, &root, NOW.plus(1_000), NOW.plus(2_000)).await;
    drop(tenant);
    store.close().await;

    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .finish();
    let heard = tracing::subscriber::set_default(subscriber);
    let relay = world.start_with(Clock::manual(NOW)).await;
    let mut visitor = arrive(relay.port, client, None).await;
    visitor.say(1, "sealed all the same").await;
    relay.stop().await;
    drop(heard);

    let sealed_to: Vec<KeyId> = world
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Epoch(epoch) => Some(epoch.sealing_key),
            _ => None,
        })
        .collect();
    assert_eq!(sealed_to, [overdue]);
    let warned = lines.text();
    let due = |line: &str| {
        line.contains("WARN")
            && line.contains("due to be replaced")
            && line.contains(&overdue.to_string())
    };
    assert!(warned.lines().any(due), "{warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sleep_nothing_is_sealed_to_an_intake_key_that_was_replaced_meanwhile() {
    let world = World::new().await;
    let clock = Clock::manual(NOW);
    let relay = world.start_with(clock.clone()).await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    visitor.say(1, "before").await;

    // The machine slept; the recorder did not. Whoever comes makes new keys.
    let store = world.store().await;
    world.put_intake_key(&store, 2).await;
    store.close().await;
    clock.advance(60 * 60_000);
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    visitor.say(2, "after").await;
    agent.hears("after").await;
    relay.stop().await;

    let generations: Vec<u32> = world
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Epoch(epoch) => Some(epoch.intake_generation),
            _ => None,
        })
        .collect();
    // The visitor's before, the agent's, and the visitor's once the agent is there.
    assert_eq!(generations, [1, 2, 2]);
}
