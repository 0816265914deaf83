//! Whoever can write a client's database, and nothing else: gets no key, no session, no log.

use axum::http::StatusCode;
use proto::dsse::Document as _;
use proto::keys::OfficerKey;
use proto::{StaffId, Token};
use recorder::command::Command;
use recorder::custody::{self, NewOfficer};
use recorder::entropy::system;
use recorder::keys::{Passphrase, PrivateKey};
use recorder::log::What;
use recorder::{Error, cases};

use crate::console::Visit;
use crate::custody::{copy, find, run_sql};
use crate::forged::answered;
use crate::house::{House, passphrase, signing_key};
use crate::log::adopt;

async fn sql(house: &House, statement: &str) {
    let database = find(&house.data().join("tenants"), "tenant.db");
    run_sql(&database, statement).await;
}

fn hex(bytes: &[u8]) -> String {
    format!("x'{}'", data_encoding::HEXLOWER.encode(bytes))
}

/// That shares can be made neither for a new key, nor anew, nor for one officer more; and why.
async fn sealed_to_nobody(house: &House) -> String {
    let (recorder, tenant) = (&house.recorder, &house.tenant);
    let uma = NewOfficer {
        sign_in: "uma".into(),
        name: "Uma".into(),
        password: passphrase("uma"),
        passphrase: passphrase("uma"),
    };
    let before = tenant.staff().await.unwrap().len();
    let added = custody::add_officer(recorder, tenant, uma, &house.officers).await;
    assert!(added.is_err());
    assert_eq!(tenant.staff().await.unwrap().len(), before);
    let reshared = custody::reshare(recorder, tenant, &house.officers).await;
    assert!(reshared.is_err());
    let prepared = custody::prepare(recorder, tenant, None).await;
    prepared.unwrap_err().to_string()
}

#[tokio::test]
async fn a_key_that_was_written_into_an_officers_row_is_sealed_to_by_nothing() {
    let house = House::new().await;
    let ines = house.officers[0].0;
    let mine = PrivateKey::random(&mut system()).public().unwrap();
    let row = house.tenant.officer_key(ines).await.unwrap().unwrap();
    let swap = |key: &[u8], statement: &str| {
        format!(
            "UPDATE officer_keys SET public_key = {}, statement = {statement} WHERE officer = '{ines}'",
            hex(key)
        )
    };
    let right = serde_json::to_string(&row.statement).unwrap();
    let claim = |tenant, officer| OfficerKey {
        tenant,
        officer,
        public_key: mine,
    };
    let by_nobody = claim(house.tenant.id(), ines).sign(&signing_key()).unwrap();
    // The recorder's own word, for another officer and for another client.
    let key = house.recorder.keys.signing();
    let anothers = claim(house.tenant.id(), house.officers[1].0)
        .sign(key)
        .unwrap();
    let elsewhere = claim(proto::TenantId::random(&mut system()), ines)
        .sign(key)
        .unwrap();
    let signed = |envelope| format!("'{}'", serde_json::to_string(envelope).unwrap());
    for statement in [
        format!("'{right}'"),
        "NULL".to_owned(),
        signed(&by_nobody),
        signed(&anothers),
        signed(&elsewhere),
    ] {
        sql(&house, &swap(&mine.0, &statement)).await;
        let why = sealed_to_nobody(&house).await;
        assert!(why.contains("of officer ines"), "{why}");
        assert!(why.contains("Nothing was sealed to it."), "{why}");
    }
    sql(&house, &swap(&row.public_key.0, &format!("'{right}'"))).await;

    // An officer who was never added.
    let ghost = StaffId::random(&mut system());
    let made = [
        format!("INSERT INTO staff VALUES ('{ghost}', 'ghost', 'Ghost', 'officer', '', 0)"),
        format!(
            "INSERT INTO officer_keys (officer, public_key, sealed_private, created) VALUES ('{ghost}', {}, x'', 0)",
            hex(&mine.0)
        ),
    ];
    sql(&house, &made.join(";")).await;
    assert!(sealed_to_nobody(&house).await.contains("of officer ghost"));
    let gone = format!("DELETE FROM officer_keys WHERE officer = '{ghost}'");
    sql(&house, &gone).await;

    // And whose keys they are is said to whoever signs, and in the log.
    let prepared = custody::prepare(&house.recorder, &house.tenant, None)
        .await
        .unwrap();
    let keys: Vec<_> = prepared.shares.iter().map(|share| share.key).collect();
    let statement = prepared.statement.sign(&house.root).unwrap();
    custody::install(&house.recorder, &house.tenant, &statement, &prepared.shares)
        .await
        .unwrap();
    let entries = recorder::log::entries(&house.tenant).await.unwrap();
    let added: Vec<_> = entries
        .iter()
        .filter_map(|entry| match recorder::log::read(entry)?.what {
            What::OfficerAdded { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    assert_eq!(keys, added);
    let newest = recorder::log::read(entries.last().unwrap()).unwrap();
    assert!(matches!(newest.what, What::SealingKeyInstalled { holders, .. } if holders == keys));
}

#[tokio::test]
async fn a_share_that_is_sealed_to_a_key_of_no_officer_is_not_installed() {
    let house = House::new().await;
    let mut prepared = custody::prepare(&house.recorder, &house.tenant, None)
        .await
        .unwrap();
    let statement = prepared.statement.sign(&house.root).unwrap();
    prepared.shares[0].key = prepared.shares[1].key;
    let refused =
        custody::install(&house.recorder, &house.tenant, &statement, &prepared.shares).await;
    assert!(refused.unwrap_err().to_string().contains("no officer's"));
}

#[tokio::test]
async fn a_session_or_a_password_that_was_written_into_a_row_signs_nobody_in() {
    let house = House::new().await;
    let (ines, omar) = (house.officers[0].0, house.officers[1].0);
    let token = Token::random(&mut system());
    let insert = format!(
        "INSERT INTO staff_sessions VALUES ({}, '{ines}', 9999999999999)",
        hex(&token.hash().0)
    );
    sql(&house, &insert).await;
    let mut visit = Visit::of(&house).await;
    let tenant = house.tenant.id();
    for cookie in [
        format!("__Host-console={tenant}.{ines}.{}", token.expose()),
        format!("__Host-console={tenant}.{}", token.expose()),
    ] {
        visit.cookie = Some(cookie);
        let seen = visit.get("/").await;
        assert_eq!(
            (seen.status, seen.location.as_str()),
            (StatusCode::SEE_OTHER, "/sign-in")
        );
    }

    // One's own session, turned into another's.
    visit.cookie = None;
    let seen = visit
        .sign_in("alpine", "omar", "the password of omar")
        .await;
    assert_eq!(seen.location, "/");
    assert_eq!(visit.get("/").await.status, StatusCode::OK);
    let turned = format!("UPDATE staff_sessions SET staff = '{ines}' WHERE staff = '{omar}'");
    sql(&house, &turned).await;
    assert_eq!(visit.get("/").await.status, StatusCode::SEE_OTHER);
    let own = visit.cookie.clone().unwrap();
    visit.cookie = Some(own.replace(&omar.to_string(), &ines.to_string()));
    assert_eq!(visit.get("/").await.status, StatusCode::SEE_OTHER);

    // A password that one knows: hashed by hand, and one's own.
    let known = Passphrase::new("a password that I know".into());
    let by_hand = recorder::password::hash(&known, &mut system()).unwrap();
    let stored = house
        .tenant
        .staff_credentials("omar")
        .await
        .unwrap()
        .unwrap()
        .password;
    for (phc, password) in [
        (by_hand.as_str(), "a password that I know"),
        (stored.as_str(), "the password of omar"),
    ] {
        let set = format!("UPDATE staff SET password = '{phc}' WHERE id = '{ines}'");
        sql(&house, &set).await;
        let seen = visit.sign_in("alpine", "ines", password).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    }
}

/// Nothing is opened, and nothing more is signed; and why.
async fn nothing_is_opened(house: &House, recording: proto::RecordingId) -> String {
    let signed = house.tenant.newest_checkpoint().await.unwrap();
    let case = cases::open(
        &house.recorder,
        &house.tenant,
        cases::Request {
            authority: "District Court".into(),
            reference: "AZ 12/26".into(),
            basis: "§ 94 StPO".into(),
            recordings: vec![recording],
            days: 3,
            by: None,
        },
    )
    .await;
    assert_eq!(house.tenant.newest_checkpoint().await.unwrap(), signed);
    case.unwrap_err().to_string()
}

#[tokio::test]
async fn a_log_that_was_rewritten_in_the_rows_is_neither_signed_again_nor_called_whole() {
    let mut house = House::new().await;
    let recording = house.talk(&["hello"]).await.recording;
    house.intake().await;
    let size = house.tenant.log_size().await.unwrap();
    let backup = tempfile::tempdir().unwrap();
    copy(&house.data().join("tenants"), backup.path());

    for (attack, expected) in [
        // Everything that was signed is gone from the rows, and the newest entry with it.
        (
            "DELETE FROM checkpoints; DELETE FROM log_entries WHERE place = (SELECT MAX(place) FROM log_entries)",
            format!(
                "the rows hold {} entries and this recorder has signed {size}",
                size - 1
            ),
        ),
        // All of it is.
        (
            "DELETE FROM checkpoints; DELETE FROM log_entries",
            format!("the rows hold 0 entries and this recorder has signed {size}"),
        ),
        // One entry says something else, and nothing in the rows says that it did not.
        (
            "DELETE FROM checkpoints; UPDATE log_entries SET leaf = zeroblob(32) WHERE place = 1",
            format!("the first {size} entries are not the ones that this recorder has signed"),
        ),
        // Entries that nobody signed, more than a crash leaves.
        (
            "INSERT INTO log_entries SELECT place + (SELECT MAX(place) + 1 FROM log_entries), id || 'x', kind, happened, salt, event, leaf FROM log_entries WHERE place < 2",
            "nothing covers the last 2 entries".to_owned(),
        ),
    ] {
        sql(&house, attack).await;
        // With the tree in memory: what was appended is not signed.
        let why = nothing_is_opened(&house, recording).await;
        assert!(why.contains("nothing is added to the log"), "{why}");
        sql(&house, "DELETE FROM log_entries WHERE kind = 'case_opened'").await;
        // And after a restart nothing is even appended.
        house.restart_recorder().await;
        let why = nothing_is_opened(&house, recording).await;
        assert!(why.contains(&expected), "{why}");
        let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
        assert!(
            checked.wrong.iter().any(|what| what.contains(&expected)),
            "{:?}",
            checked.wrong
        );
        let mut ines = Visit::of(&house).await;
        ines.sign_in("alpine", "ines", "the password of ines").await;
        let seen = ines.get("/log?check=yes").await;
        let shown = expected.chars().skip(1).collect::<String>();
        assert!(seen.text.contains(&shown), "{}", seen.text);

        house.recorder.store.close().await;
        std::fs::remove_dir_all(house.data().join("tenants")).unwrap();
        copy(backup.path(), &house.data().join("tenants"));
        house.restart_recorder().await;
        let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
        assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    }
}

#[tokio::test]
async fn checkpoints_that_are_gone_are_given_again_only_over_what_was_signed() {
    let house = House::new().await;
    let before = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    // As a kill between the head and the row of the checkpoint leaves it, and worse.
    sql(&house, "DELETE FROM checkpoints").await;
    let mut house = house;
    house.restart_recorder().await;
    house
        .recorder
        .log(
            &house.tenant,
            What::CaseClosed {
                case: proto::CaseId::random(&mut system()),
            },
        )
        .await
        .unwrap();
    let after = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(after.size, before.size + 1);
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
}

#[tokio::test]
async fn a_restored_backup_is_taken_up_by_an_explicit_word_that_stands_in_the_log() {
    let mut house = House::new().await;
    let old = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let backup = tempfile::tempdir().unwrap();
    house.recorder.store.close().await;
    copy(&house.data().join("tenants"), backup.path());
    house.restart_recorder().await;
    let recording = house.talk(&["hello"]).await.recording;
    house.intake().await;
    let newest = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let early = adopt(&house, newest.size).await;
    assert!(early.unwrap_err().to_string().contains("nothing to adopt"));

    house.recorder.store.close().await;
    std::fs::remove_dir_all(house.data().join("tenants")).unwrap();
    copy(backup.path(), &house.data().join("tenants"));
    house.restart_recorder().await;
    let case = What::CaseClosed {
        case: proto::CaseId::random(&mut system()),
    };
    let refused = house.recorder.log(&house.tenant, case).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("recorder log adopt")
    );
    // It was made while an entry had no checkpoint yet.
    let newest_row = "DELETE FROM checkpoints WHERE size = (SELECT MAX(size) FROM checkpoints)";
    sql(&house, newest_row).await;
    let wrong = adopt(&house, old.size + 1).await;
    assert!(matches!(wrong, Err(Error::Refused(_))));

    let (before, now) = adopt(&house, old.size).await.unwrap();
    assert_eq!(
        (before.unwrap().size, now.size),
        (newest.size, old.size - 1)
    );
    // What the backup did not hold comes again from the spool.
    house.intake().await;
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    let entries = recorder::log::about(&house.tenant, recording)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn wrong_passphrases_stand_in_the_log_and_few_are_tried() {
    let mut house = House::new().await;
    let talk = house.talk(&["hello"]).await;
    house.intake().await;
    let case = house.case(&[talk.recording]).await;
    let (officer, right) = house.officers[0].clone();
    let approve = async |house: &House, passphrase: &Passphrase| {
        cases::approve(&house.recorder, &house.tenant, case, officer, passphrase).await
    };
    let wrong = Passphrase::new("not the right passphrase".into());
    for _ in 0..recorder::attempts::WRONG_MAX {
        let refused = approve(&house, &wrong).await;
        assert!(matches!(refused, Err(Error::WrongPassphrase { .. })));
    }
    for passphrase in [&wrong, &right] {
        let refused = approve(&house, passphrase).await;
        assert!(matches!(refused, Err(Error::Refused(_))));
    }
    let entries = recorder::log::about(&house.tenant, case).await.unwrap();
    assert_eq!(entries.len(), 1, "no approval");
    let all = recorder::log::entries(&house.tenant).await.unwrap();
    let kinds = all.iter().filter(|e| e.kind == "passphrase_refused");
    assert_eq!(kinds.count(), 5);
    assert!(all.iter().all(|entry| entry.at == entry.at.whole_seconds()));
    house.advance(15 * 60_000);
    approve(&house, &right).await.unwrap();
}

#[tokio::test]
async fn sign_ins_stand_in_the_log_and_refused_ones_as_one_count_an_hour() {
    let house = House::new().await;
    let recorder = std::sync::Arc::new(
        recorder::Recorder::open(
            house.recorder.config.clone(),
            crate::house::clock(&house.time),
        )
        .await
        .unwrap(),
    );
    let mut visit = Visit::to(recorder::console::router(recorder.clone()));
    for (client, name) in [("alpine", "ines"), ("alpine", "nobody"), ("nobody", "ines")] {
        let seen = visit.sign_in(client, name, "a wrong password").await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    }
    visit
        .sign_in("alpine", "omar", "the password of omar")
        .await;
    let kinds = async || -> Vec<String> {
        let entries = recorder::log::entries(&house.tenant).await.unwrap();
        let signs = entries.into_iter().filter(|e| e.kind.contains("sign"));
        signs.map(|entry| entry.kind).collect()
    };
    recorder.log_refusals(false).await;
    assert_eq!(kinds().await, ["officer_signed_in"]);
    house.advance(60 * 60_000);
    for _ in 0..2 {
        recorder.log_refusals(false).await;
        assert_eq!(kinds().await, ["officer_signed_in", "sign_ins_refused"]);
    }
    let entries = recorder::log::entries(&house.tenant).await.unwrap();
    let newest = recorder::log::read(entries.last().unwrap()).unwrap();
    assert!(matches!(newest.what, What::SignInsRefused { times: 2, .. }));
}

#[tokio::test]
async fn a_root_that_was_changed_in_the_control_plane_is_named_by_the_check() {
    let mut house = House::new().await;
    let named = async |house: &House| {
        let said = answered(house, Command::Check {}).await;
        let root =
            "WRONG  client alpine: its root in the database is not the one that it was made with";
        said.iter().any(|line| line == root)
    };
    assert!(!named(&house).await);
    let mine = hex(&crate::house::public(&signing_key()).0);
    let control = find(&house.data(), "control.db");
    run_sql(&control, &format!("UPDATE tenants SET root_key = {mine}")).await;
    house.restart_recorder().await;
    assert!(named(&house).await);
}
