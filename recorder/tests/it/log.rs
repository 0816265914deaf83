//! The log: against other people's trees, under a crowd, after a crash, and altered.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use data_encoding::BASE64;
use proto::{CaseId, Millis, StaffId};
use recorder::Error;
use recorder::entropy::system;
use recorder::log::checkpoint::{Checkpoint, origin};
use recorder::log::{self, Log, LogEvent, What};
use sha2::Sha256;

use crate::custody::{copy, find, run_sql};
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
async fn an_append_whose_caller_has_left_is_carried_out_before_the_next() {
    let house = House::new().await;
    let before = agrees(&house).await;
    let (log, tenant) = (&house.recorder.log, &house.tenant);
    let (left, mut rng) = (event(1), system());
    let mut append = Box::pin(log.append(tenant, &left, &mut rng));
    assert!(futures_util::poll!(append.as_mut()).is_pending());
    drop(append);
    let later = LogEvent {
        at: Millis(60_000),
        ..event(2)
    };
    let next = log.append(tenant, &later, &mut system()).await.unwrap();
    assert_eq!(next, before + 1);
    // Its checkpoint is of its own time: the next one found nothing to make up for.
    let covering = tenant.checkpoint_covering(before + 1).await.unwrap();
    assert_eq!(covering.unwrap().at, left.at.whole_seconds());
    assert_eq!(agrees(&house).await, before + 2);
    let checked = log.verify(tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
}

/// `recorder log adopt`, here.
pub(crate) async fn adopt(
    house: &House,
    size: u64,
) -> Result<(Option<Checkpoint>, Checkpoint), Error> {
    let (log, now) = (&house.recorder.log, house.recorder.now());
    log.adopt(&house.tenant, size, now, &mut system()).await
}

#[tokio::test]
async fn a_rolled_back_log_is_refused_until_its_adoption_stands_in_it_wherever_that_is_cut_short() {
    let mut house = House::new().await;
    let old = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let backup = tempfile::tempdir().unwrap();
    house.recorder.store.close().await;
    copy(&house.data().join("tenants"), backup.path());
    house.restart_recorder().await;
    for number in 0..3 {
        let (log, tenant) = (&house.recorder.log, &house.tenant);
        log.append(tenant, &event(number), &mut system())
            .await
            .unwrap();
    }
    house.recorder.store.close().await;
    std::fs::remove_dir_all(house.data().join("tenants")).unwrap();
    copy(backup.path(), &house.data().join("tenants"));
    let database = find(&house.data().join("tenants"), "tenant.db");
    // The backup was made while an entry had no checkpoint yet.
    let newest = "DELETE FROM checkpoints WHERE size = (SELECT MAX(size) FROM checkpoints)";
    run_sql(&database, newest).await;
    house.restart_recorder().await;

    let adopted = async |house: &House| {
        let entries = log::entries(&house.tenant).await.unwrap();
        entries.iter().filter(|e| e.kind == "log_adopted").count()
    };
    let refused = async |house: &House| {
        let (log, tenant) = (&house.recorder.log, &house.tenant);
        let refused = log.append(tenant, &event(9), &mut system()).await;
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("recorder log adopt"), "{why}");
    };
    // Where the entry cannot be written, nothing is.
    let no_entry = "CREATE TRIGGER broken BEFORE INSERT ON log_entries
        BEGIN SELECT RAISE(ABORT, 'broken'); END";
    run_sql(&database, no_entry).await;
    adopt(&house, old.size).await.unwrap_err();
    run_sql(&database, "DROP TRIGGER broken").await;
    refused(&house).await;
    assert_eq!(adopted(&house).await, 0);
    // Where the head cannot be, twice: the entry stands once, and the log is refused as before.
    let head = house.recorder.keys.heads();
    let new = head.join(format!("{}.new", house.tenant.id()));
    std::fs::create_dir(&new).unwrap();
    for size in [old.size, old.size + 1] {
        adopt(&house, size).await.unwrap_err();
        house.restart_recorder().await;
        refused(&house).await;
        assert_eq!(adopted(&house).await, 1);
    }
    std::fs::remove_dir(&new).unwrap();
    let (before, now) = adopt(&house, old.size + 1).await.unwrap();
    assert_eq!(
        (before.unwrap().size, now.size),
        (old.size + 3, old.size - 1)
    );
    assert_eq!(adopted(&house).await, 1);
    assert_eq!(agrees(&house).await, old.size + 1);
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
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
            subjects: Vec::new(),
        })
        .await
        .unwrap();
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert_eq!(checked.wrong, ["no checkpoint covers the last 1 entries"]);
    let restarted = Log::new(
        house.recorder.keys.signing().clone(),
        house.recorder.keys.heads(),
    );
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
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert_eq!((checked.erased, checked.wrong), (1, vec![]));

    // A checkpoint that somebody else signed, and one over another root.
    let mut newest = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let right = newest.note.clone();
    let root = right.lines().nth(2).unwrap();
    let other = BASE64.encode(&[7; 32]);
    newest.note = right.replace(root, &other);
    house.tenant.put_checkpoint(&newest).await.unwrap();
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
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
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(
        checked.wrong[0].contains("another root"),
        "{:?}",
        checked.wrong
    );
}

#[tokio::test]
async fn what_an_older_version_logged_is_found_by_its_subject_and_nothing_hides_it() {
    let mut house = House::new().await;
    let recording = house.talk(&["hello"]).await.recording;
    house.intake().await;
    let case = house.case(&[recording]).await;
    let about = async || -> Vec<String> {
        let entries = log::about(&house.tenant, case).await.unwrap();
        entries.into_iter().map(|entry| entry.kind).collect()
    };
    assert_eq!(about().await, ["case_opened"]);
    // As it left them: entries, and no word of what they are about.
    let database = find(&house.data().join("tenants"), "tenant.db");
    run_sql(&database, "DELETE FROM log_subjects").await;
    house.approve(case, 0).await;
    assert_eq!(house.tenant.log_indexed().await.unwrap(), 0);
    let expected = ["case_opened", "case_approved"];
    assert_eq!(about().await, expected);
    let size = house.tenant.log_size().await.unwrap();
    assert_eq!(house.tenant.log_indexed().await.unwrap(), size);
    assert_eq!(about().await, expected);
    let of_recording = log::about(&house.tenant, recording).await.unwrap();
    let kinds: Vec<&str> = of_recording.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["recording_kept", "case_opened"]);
    house.tenant.erase_log_event(size - 2).await.unwrap();
    assert_eq!(about().await, ["case_approved"]);
}
