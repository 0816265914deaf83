//! The transparency log's rows.

use proto::Hash32;
use store::{Checkpoint, NewLogEntry, StoreError, Tenant};

use crate::bench::{Bench, NOW, hash, on_both_engines};

on_both_engines!(
    entries_are_placed_one_after_the_other,
    an_entry_that_comes_again_keeps_its_place,
    many_who_append_at_once_leave_no_gap,
    an_erased_event_leaves_its_leaf,
    entries_are_found_by_what_they_are_about,
    an_entry_is_found_by_what_is_added_later,
    the_checkpoint_that_covers_a_place_is_found,
);

fn entry(id: &str) -> NewLogEntry {
    NewLogEntry {
        id: id.to_owned(),
        kind: "opened".to_owned(),
        at: NOW,
        salt: hash().0,
        event: format!(r#"{{"id":"{id}"}}"#).into_bytes(),
        leaf: hash(),
        subjects: Vec::new(),
    }
}

fn about(id: &str, subjects: &[&str]) -> NewLogEntry {
    NewLogEntry {
        subjects: subjects.iter().map(ToString::to_string).collect(),
        ..entry(id)
    }
}

async fn found(t: &Tenant, subject: &str) -> Vec<String> {
    let entries = t.log_entries_about(subject).await.unwrap();
    entries.into_iter().map(|entry| entry.id).collect()
}

async fn entries_are_placed_one_after_the_other(bench: Bench) {
    let t = bench.tenant("shop").await;
    assert_eq!(t.log_size().await.unwrap(), 0);
    let entries: Vec<_> = (0..5).map(|i| entry(&format!("e{i}"))).collect();
    for (i, one) in entries.iter().enumerate() {
        assert_eq!(t.append_log(one).await.unwrap(), i as u64);
    }
    assert_eq!(t.log_size().await.unwrap(), 5);
    let leaves: Vec<Hash32> = entries.iter().map(|one| one.leaf).collect();
    assert_eq!(t.log_leaves(0, 100).await.unwrap(), leaves);
    assert_eq!(t.log_leaves(3, 1).await.unwrap(), leaves[3..4]);
    let read = t.log_entries(1, 2).await.unwrap();
    assert_eq!(read[0].index, 1);
    assert_eq!(read[1].id, "e2");
    let event = Some((entries[2].salt, entries[2].event.clone()));
    assert_eq!(read[1].event, event);
}

async fn an_entry_that_comes_again_keeps_its_place(bench: Bench) {
    let t = bench.tenant("shop").await;
    t.append_log(&entry("first")).await.unwrap();
    let second = entry("second");
    assert_eq!(t.append_log(&second).await.unwrap(), 1);
    assert_eq!(t.append_log(&entry("third")).await.unwrap(), 2);
    assert_eq!(t.append_log(&second).await.unwrap(), 1);
    assert_eq!(t.log_size().await.unwrap(), 3);
}

async fn many_who_append_at_once_leave_no_gap(bench: Bench) {
    let t = bench.tenant("shop").await;
    let appends = (0..30).map(|i| {
        let t = t.clone();
        tokio::spawn(async move { t.append_log(&entry(&format!("e{i}"))).await })
    });
    let mut places = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        places.push(append.await.unwrap().unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (0..30).collect::<Vec<u64>>());
}

async fn an_erased_event_leaves_its_leaf(bench: Bench) {
    let t = bench.tenant("shop").await;
    let one = entry("one");
    let place = t.append_log(&one).await.unwrap();
    t.erase_log_event(place).await.unwrap();
    let read = &t.log_entries(place, 1).await.unwrap()[0];
    assert_eq!(read.event, None);
    assert_eq!(read.leaf, one.leaf);
    let nothing = t.erase_log_event(99).await;
    assert!(matches!(nothing, Err(StoreError::NotFound)));
}

async fn entries_are_found_by_what_they_are_about(bench: Bench) {
    let (t, other) = (bench.tenant("shop").await, bench.tenant("bank").await);
    for (id, subjects) in [
        ("opened", &["case", "one", "two"] as &[&str]),
        ("rotated", &[]),
        ("kept", &["one"]),
        ("closed", &["case"]),
    ] {
        t.append_log(&about(id, subjects)).await.unwrap();
    }
    other.append_log(&about("theirs", &["one"])).await.unwrap();
    assert_eq!(found(&t, "one").await, ["opened", "kept"]);
    assert_eq!(found(&t, "two").await, ["opened"]);
    assert_eq!(found(&t, "case").await, ["opened", "closed"]);
    assert_eq!(found(&t, "three").await, [""; 0]);
    let whole = &t.log_entries_about("two").await.unwrap()[0];
    assert_eq!(whole, &t.log_entries(0, 1).await.unwrap()[0]);

    // Who erases an entry leaves nothing that says what it was about.
    t.erase_log_event(0).await.unwrap();
    assert_eq!(found(&t, "one").await, ["kept"]);
    assert_eq!(found(&t, "two").await, [""; 0]);
    // And the next is found as before.
    t.append_log(&about("again", &["two"])).await.unwrap();
    assert_eq!(found(&t, "two").await, ["again"]);
    assert_eq!(t.log_indexed().await.unwrap(), 5);
}

async fn an_entry_is_found_by_what_is_added_later(bench: Bench) {
    let t = bench.tenant("shop").await;
    assert_eq!(t.log_indexed().await.unwrap(), 0);
    for id in ["a", "b", "c"] {
        t.append_log(&about(id, &[])).await.unwrap();
    }
    assert_eq!(t.log_indexed().await.unwrap(), 3);
    let one = || vec!["one".to_owned()];
    for _ in 0..2 {
        t.index_log(&[(0, one()), (1, Vec::new()), (2, one())])
            .await
            .unwrap();
        assert_eq!(found(&t, "one").await, ["a", "c"]);
    }
    assert_eq!(t.log_indexed().await.unwrap(), 3);
}

async fn the_checkpoint_that_covers_a_place_is_found(bench: Bench) {
    let t = bench.tenant("shop").await;
    assert_eq!(t.newest_checkpoint().await.unwrap(), None);
    let checkpoint = |size| Checkpoint {
        size,
        note: format!("example/log\n{size}\n"),
        at: NOW,
    };
    for size in [3, 10, 7] {
        t.put_checkpoint(&checkpoint(size)).await.unwrap();
    }
    let newest = t.newest_checkpoint().await.unwrap();
    assert_eq!(newest, Some(checkpoint(10)));
    let covering = t.checkpoint_covering(4).await.unwrap();
    assert_eq!(covering, Some(checkpoint(7)));
    assert_eq!(t.checkpoint_covering(11).await.unwrap(), None);
}
