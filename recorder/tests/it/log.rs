//! The log: against other people's trees, under a crowd, after a crash, and altered.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use data_encoding::BASE64;
use proto::{CaseId, Millis, StaffId};
use recorder::entropy::system;
use recorder::log::checkpoint::{Checkpoint, origin};
use recorder::log::{self, Log, LogEvent, What};
use sha2::Sha256;

use crate::house::House;

fn event(number: u64) -> LogEvent {
    LogEvent {
        id: format!("event-{number}"),
        at: Millis(1),
        what: What::CaseApproved {
            case: CaseId::random(&mut system()),
            officer: StaffId::random(&mut system()),
        },
    }
}

/// What the newest checkpoint says is what ct-merkle computes over the same entries.
async fn agrees(house: &House) -> u64 {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for entry in log::entries(&house.tenant).await.unwrap() {
        let (salt, event) = entry.event.unwrap();
        theirs.push(log::event::entry(&salt, &event).0.to_vec());
    }
    let row = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let checkpoint = Checkpoint::verify(
        &row.note,
        &origin(house.tenant.id()),
        &house.recorder.public(),
    )
    .unwrap();
    assert_eq!(checkpoint.size, theirs.len());
    assert_eq!(
        checkpoint.root.0.as_slice(),
        theirs.root().as_bytes().as_slice()
    );
    checkpoint.size
}

#[tokio::test]
async fn every_checkpoint_is_the_root_that_strangers_compute() {
    let house = House::new().await;
    let before = agrees(&house).await;
    for number in 0..40 {
        house
            .recorder
            .log
            .append(&house.tenant, &event(number), &mut system())
            .await
            .unwrap();
        assert_eq!(agrees(&house).await, before + number + 1);
    }
    // The same event again is the same entry.
    let again = house
        .recorder
        .log
        .append(&house.tenant, &event(7), &mut system())
        .await
        .unwrap();
    assert_eq!((again, agrees(&house).await), (before + 7, before + 40));
}

#[tokio::test]
async fn a_crowd_of_writers_makes_one_tree() {
    let house = House::new().await;
    let before = agrees(&house).await;
    let mut crowd = Vec::new();
    for number in 0..24 {
        let (log, tenant) = (&house.recorder.log, &house.tenant);
        crowd.push(async move {
            log.append(tenant, &event(number), &mut system())
                .await
                .unwrap()
        });
    }
    let mut places = futures_util::future::join_all(crowd).await;
    places.sort_unstable();
    let expected: Vec<u64> = (before..before + 24).collect();
    assert_eq!(places, expected);
    assert_eq!(agrees(&house).await, before + 24);
}

#[tokio::test]
async fn an_entry_whose_checkpoint_a_crash_prevented_is_covered_by_the_next() {
    let house = House::new().await;
    let sealed = event(1).seal(&mut system());
    // As a kill between the two leaves it: the entry, and no checkpoint over it.
    house
        .tenant
        .append_log(&store::NewLogEntry {
            id: "event-1".into(),
            kind: "case_approved".into(),
            at: Millis(1),
            salt: sealed.salt,
            event: sealed.bytes,
            leaf: seal::merkle::leaf(&sealed.entry.0),
        })
        .await
        .unwrap();
    let checked = log::verify(&house.tenant, &house.recorder.public())
        .await
        .unwrap();
    assert_eq!(checked.wrong, ["no checkpoint covers the last 1 entries"]);
    let restarted = Log::new(house.recorder.keys.signing().clone());
    restarted
        .append(&house.tenant, &event(2), &mut system())
        .await
        .unwrap();
    agrees(&house).await;
}

#[tokio::test]
async fn an_erased_event_leaves_the_tree_standing_and_an_altered_one_is_found() {
    let house = House::new().await;
    house.tenant.erase_log_event(1).await.unwrap();
    let checked = log::verify(&house.tenant, &house.recorder.public())
        .await
        .unwrap();
    assert_eq!((checked.erased, checked.wrong), (1, vec![]));

    // A checkpoint that somebody else signed, and one over another root.
    let mut newest = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let right = newest.note.clone();
    let root = right.lines().nth(2).unwrap();
    let other = BASE64.encode(&[7; 32]);
    newest.note = right.replace(root, &other);
    house.tenant.put_checkpoint(&newest).await.unwrap();
    let checked = log::verify(&house.tenant, &house.recorder.public())
        .await
        .unwrap();
    assert!(
        checked.wrong[0].contains("signature does not verify"),
        "{:?}",
        checked.wrong
    );

    let lying = Checkpoint {
        origin: origin(house.tenant.id()),
        size: newest.size,
        root: proto::Hash32([7; 32]),
    };
    newest.note = lying.sign(house.recorder.keys.signing());
    house.tenant.put_checkpoint(&newest).await.unwrap();
    let checked = log::verify(&house.tenant, &house.recorder.public())
        .await
        .unwrap();
    assert!(
        checked.wrong[0].contains("another root"),
        "{:?}",
        checked.wrong
    );
}
