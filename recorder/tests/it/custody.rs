//! Two people: nothing opens with less, whatever else is taken.

use recorder::bundle::verify;
use recorder::custody::{self, NewOfficer};
use recorder::keys::Passphrase;
use recorder::retrieval::{self, Purpose};
use recorder::{Error, cases};

use crate::house::{House, passphrase, signing_key};
use proto::dsse::Document as _;

#[tokio::test]
async fn every_file_and_one_officers_secret_open_nothing_and_two_officers_open() {
    let mut house = House::new().await;
    let talk = house.talk(&["canary in the coal mine"]).await;
    house.intake().await;

    // A thief has a copy of every file of both processes: master key, rows, wraps, spool, vault.
    let stolen = tempfile::tempdir().unwrap();
    copy(&house.data(), &stolen.path().join("data"));
    let config = recorder::config::Config::in_folder(&stolen.path().join("data"));
    let clock = recorder::clock::Clock::new(|| proto::Millis(crate::house::START + 60_000));
    let thief = recorder::Recorder::open(config, clock).await.unwrap();
    let tenant = thief.tenant("alpine").await.unwrap();
    let request = cases::Request {
        authority: "me".into(),
        reference: "me".into(),
        basis: "none".into(),
        recordings: vec![talk.recording],
        days: 1,
        by: None,
    };
    let case = cases::open(&thief, &tenant, request).await.unwrap();
    let (ines, omar) = (&house.officers[0], &house.officers[1]);

    // One officer's secret: through the front door …
    cases::approve(&thief, &tenant, case, ines.0, &ines.1)
        .await
        .unwrap();
    let refused = retrieval::open(&thief, &tenant, case, talk.recording, Purpose::Open).await;
    assert!(matches!(
        refused.err(),
        Some(Error::TooFewOfficers {
            have: 1,
            need: 2,
            ..
        })
    ));
    // … with their secret tried on the other officer's key …
    let other = cases::approve(&thief, &tenant, case, omar.0, &ines.1).await;
    assert!(matches!(other, Err(Error::WrongPassphrase { .. })));
    // … and behind every check: their share alone makes no key, whatever number it is given.
    let key = custody::verified_keys(&tenant).await.unwrap()[0].clone();
    let unlocked = custody::unlock(&thief, &tenant, ines.0, &ines.1)
        .await
        .unwrap();
    let share = custody::shares_of(&tenant, ines.0, &unlocked, &[key.key])
        .await
        .unwrap()
        .remove(&key.key)
        .unwrap();
    for copies in 1..4 {
        let shares = vec![share.clone(); copies];
        assert!(recorder::keys::shares::combine(&shares, 1, &key.public_key).is_err());
    }

    // Two officers open.
    cases::approve(&thief, &tenant, case, omar.0, &omar.1)
        .await
        .unwrap();
    let opened = retrieval::open(&thief, &tenant, case, talk.recording, Purpose::Open)
        .await
        .unwrap();
    assert_eq!(opened.lines.len(), 5);
}

#[tokio::test]
async fn nothing_that_was_said_stands_in_any_file() {
    let mut house = House::new().await;
    house.talk(&["canary in the coal mine"]).await;
    house.intake().await;
    for (path, bytes) in files(&house.data()) {
        for mark in ["canary", "coal mine", "Blue Heron", "Y2FuYXJ5"] {
            assert!(
                !bytes.windows(mark.len()).any(|w| w == mark.as_bytes()),
                "{mark} in {}",
                path.display()
            );
        }
    }
}

#[tokio::test]
async fn the_opening_stands_in_a_signed_checkpoint_before_the_first_byte() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let before = house
        .tenant
        .newest_checkpoint()
        .await
        .unwrap()
        .unwrap()
        .size;

    // A receiver that never takes a byte, and hangs up.
    let (to, from) = tokio::sync::mpsc::channel(1);
    drop(from);
    let refused =
        recorder::bundle::compose::export(&house.recorder, &house.tenant, case, talk.recording, to)
            .await;
    assert!(refused.is_err());
    let kinds: Vec<String> = house
        .tenant
        .log_entries(before, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.kind)
        .collect();
    assert_eq!(kinds, ["opening", "opening_failed"]);
    let after = house
        .tenant
        .newest_checkpoint()
        .await
        .unwrap()
        .unwrap()
        .size;
    assert_eq!(after, before + 2);

    // Where the log cannot be written, nothing is opened.
    let sabotage = house.data().join("tenants");
    let database = find(&sabotage, "tenant.db");
    let break_it = "ALTER TABLE checkpoints RENAME TO elsewhere";
    run_sql(&database, break_it).await;
    let (to, mut from) = tokio::sync::mpsc::channel(64);
    let refused =
        recorder::bundle::compose::export(&house.recorder, &house.tenant, case, talk.recording, to)
            .await;
    assert!(refused.is_err());
    assert!(from.recv().await.is_none(), "a byte left without its entry");
}

#[tokio::test]
async fn an_approval_that_is_overtaken_by_the_closing_neither_stands_in_the_log_nor_leaves_a_share()
{
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    let (recorder, tenant) = (&house.recorder, &house.tenant);

    // Omar's passphrase is being worked on when the case is closed.
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let busy = recorder.one_at_a_time.run(move || wait.recv());
    let (omar, secret) = &house.officers[1];
    let approving = cases::approve(recorder, tenant, case, *omar, secret);
    let closing = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        cases::close(recorder, tenant, case).await.unwrap();
        drop(let_go);
    };
    let (_, approved, ()) = tokio::join!(busy, approving, closing);
    assert!(matches!(approved, Err(Error::CaseOver("closed"))));
    let entries = recorder::log::entries(tenant).await.unwrap();
    assert_eq!(entries.last().unwrap().kind, "case_closed");
    assert!(recorder.unlocked.present(case, recorder.now()).is_empty());
    let row = tenant.case(case).await.unwrap().unwrap();
    assert_eq!(row.approvals.len(), 1);
}

#[tokio::test]
async fn a_later_officer_is_added_by_two_and_then_counts() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let uma = || NewOfficer {
        sign_in: "uma".into(),
        name: "Uma".into(),
        password: Passphrase::new("the password of uma".into()),
        passphrase: passphrase("uma"),
    };
    let alone = custody::add_officer(&house.recorder, &house.tenant, uma(), &house.officers[..1]);
    assert!(matches!(alone.await, Err(Error::TooFewOfficers { .. })));
    assert_eq!(house.tenant.officers().await.unwrap().len(), 2);

    let by = house.officers.clone();
    let id = custody::add_officer(&house.recorder, &house.tenant, uma(), &by)
        .await
        .unwrap();
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 1).await;
    cases::approve(&house.recorder, &house.tenant, case, id, &passphrase("uma"))
        .await
        .unwrap();
    let (bundle, _) = house.export_under(case, talk.recording).await.unwrap();
    assert!(verify::bundle(bundle.as_slice(), None).await.is_good());
}

#[tokio::test]
async fn a_sealing_key_that_another_root_signed_is_refused() {
    let house = House::new().await;
    let prepared = custody::prepare(&house.recorder, &house.tenant, None)
        .await
        .unwrap();
    let forged = prepared.statement.sign(&signing_key()).unwrap();
    let refused = custody::install(&house.recorder, &house.tenant, &forged, &prepared.shares).await;
    assert!(refused.unwrap_err().to_string().contains("pinned root"));
    assert_eq!(house.tenant.sealing_keys().await.unwrap().len(), 1);

    let signed = prepared.statement.sign(&house.root).unwrap();
    let key = custody::install(&house.recorder, &house.tenant, &signed, &prepared.shares)
        .await
        .unwrap();
    assert_eq!(key.quarter, "2027Q1");
    assert_eq!(
        recorder::clock::shown(key.not_before),
        "2027-01-01T00:00:00Z"
    );
}

#[tokio::test]
async fn an_unlocked_share_is_forgotten_after_a_quarter_of_an_hour() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.advance(15 * 60_000);
    house.approve(case, 1).await;
    let refused = house.export_under(case, talk.recording).await;
    assert!(matches!(
        refused.err(),
        Some(Error::TooFewOfficers {
            have: 1,
            need: 2,
            ..
        })
    ));
}

#[tokio::test]
async fn a_case_opens_only_what_it_covers_while_it_is_good() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    let other = house.talk(&["not yours"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let refused = house.export_under(case, other.recording).await;
    assert!(matches!(refused.err(), Some(Error::NotFound(_))));
    house.export_under(case, talk.recording).await.unwrap();

    cases::close(&house.recorder, &house.tenant, case)
        .await
        .unwrap();
    let refused = house.export_under(case, talk.recording).await;
    assert!(matches!(refused.err(), Some(Error::CaseOver("closed"))));

    let case = house.case(&[talk.recording]).await;
    house.advance(30 * 86_400_000);
    let (officer, secret) = &house.officers[0];
    let late = cases::approve(&house.recorder, &house.tenant, case, *officer, secret).await;
    assert!(matches!(late, Err(Error::CaseOver(_))));
}

pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            out.push((path, bytes));
        }
    }
    out
}

pub(crate) fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    files(folder)
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| path.file_name().unwrap() == name)
        .unwrap()
}

pub(crate) async fn run_sql(database: &std::path::Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_log_that_lost_an_entry_is_not_signed_again_and_nothing_is_opened() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let signed = house.tenant.newest_checkpoint().await.unwrap().unwrap();

    let database = find(&house.data().join("tenants"), "tenant.db");
    let newest = "DELETE FROM log_entries WHERE place = (SELECT MAX(place) FROM log_entries)";
    run_sql(&database, newest).await;
    // Twice: once the tree is in memory, once it is read anew.
    for _ in 0..2 {
        let (to, mut from) = tokio::sync::mpsc::channel(64);
        let (recorder, tenant) = (&house.recorder, &house.tenant);
        let refused =
            recorder::bundle::compose::export(recorder, tenant, case, talk.recording, to).await;
        assert!(refused.is_err());
        assert!(from.recv().await.is_none(), "a byte left without its entry");
    }
    let after = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(after.note, signed.note);
}
