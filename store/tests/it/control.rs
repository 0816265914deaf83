//! The operator's own rows.

use proto::dsse::{Document as _, Envelope};
use proto::keys::{IntakeKey, NodeCertificate};
use proto::{NodeId, PublicKey};
use store::{IntakeGeneration, Node, StoreConfig, StoreError};

use crate::bench::{Bench, NOW, key, on_both_engines, rng};

on_both_engines!(
    a_certified_node_is_found_by_its_key,
    a_newer_certificate_replaces_the_older,
    intake_generations_are_published_once_and_the_newest_is_used,
    the_recorders_key_is_one,
);

fn node(id: NodeId, public_key: PublicKey) -> Node {
    let certificate = NodeCertificate {
        node: id,
        public_key,
        not_before: NOW,
        not_after: NOW.plus(1),
    };
    Node {
        id,
        public_key,
        certificate: certificate.sign(&signer()).unwrap(),
    }
}

fn intake(generation: u32) -> IntakeGeneration {
    let statement: Envelope = IntakeKey {
        generation,
        public_key: key(),
        not_before: NOW,
    }
    .sign(&signer())
    .unwrap();
    IntakeGeneration {
        generation,
        statement,
    }
}

fn signer() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&key().0)
}

async fn a_certified_node_is_found_by_its_key(bench: Bench) {
    let control = bench.store.control();
    let (one, two) = (
        node(NodeId::random(&mut rng()), key()),
        node(NodeId::random(&mut rng()), key()),
    );
    control.put_node(&one).await.unwrap();
    control.put_node(&two).await.unwrap();
    let found = control.node_by_key(&two.public_key).await.unwrap();
    assert_eq!(found, Some(two.clone()));
    assert_eq!(control.node(one.id).await.unwrap(), Some(one));
    assert_eq!(control.node_by_key(&key()).await.unwrap(), None);
    assert_eq!(control.nodes().await.unwrap().len(), 2);
}

async fn a_newer_certificate_replaces_the_older(bench: Bench) {
    let control = bench.store.control();
    let id = NodeId::random(&mut rng());
    let (old, new) = (node(id, key()), node(id, key()));
    control.put_node(&old).await.unwrap();
    control.put_node(&new).await.unwrap();
    assert_eq!(control.nodes().await.unwrap(), [new]);
    assert_eq!(control.node_by_key(&old.public_key).await.unwrap(), None);
}

async fn intake_generations_are_published_once_and_the_newest_is_used(bench: Bench) {
    let control = bench.store.control();
    assert_eq!(control.newest_intake_key().await.unwrap(), None);
    let generations = [intake(1), intake(2), intake(10)];
    for one in [&generations[2], &generations[0], &generations[1]] {
        control.put_intake_key(one).await.unwrap();
    }
    let again = control.put_intake_key(&intake(10)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    assert_eq!(control.intake_keys().await.unwrap(), generations);
    let newest = control.newest_intake_key().await.unwrap();
    assert_eq!(newest, Some(generations[2].clone()));
}

async fn the_recorders_key_is_one(bench: Bench) {
    let control = bench.store.control();
    assert_eq!(control.recorder_key().await.unwrap(), None);
    let (old, new) = (key(), key());
    control.set_recorder_key(&old).await.unwrap();
    control.set_recorder_key(&new).await.unwrap();
    assert_eq!(control.recorder_key().await.unwrap(), Some(new));
}

#[tokio::test]
async fn a_server_that_refuses_the_connection_is_named_as_that() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = StoreConfig::new(format!("postgres://nobody@127.0.0.1:{port}/vestibule"));
    let error = store::Store::open(&config).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}
