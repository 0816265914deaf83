//! The intake under kills, the spool's freeing, rotation, and what a visitor kept.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

use proto::RecordingId;
use proto::notice::Modality;
use proto::wire::SealedAt;
use recorder::inspect::{Source, ack};
use recorder::intake::{close, rotate};
use recorder::vault::placement::Placement;
use recorder::vault::{MANIFEST, PLACEMENT};
use seal::manifest::{Cause, Gap, Manifest};
use seal::spool::{Record, RecordedGap, SpoolConfig};

use crate::custody::copy;
use crate::house::House;

#[tokio::test]
async fn a_killed_intake_loses_nothing_and_doubles_nothing() {
    let mut house = House::new().await;
    let text = "x".repeat(900);
    let texts: Vec<&str> = std::iter::repeat_n(text.as_str(), 30).collect();
    let mut recordings = BTreeSet::new();
    for _ in 0..12 {
        recordings.insert(house.talk(&texts).await.recording);
    }
    house.spool.take().unwrap().close().await;
    house.recorder.store.close().await;
    let config = house.folder.path().join("recorder.toml");
    std::fs::write(&config, "data = \"data\"\n").unwrap();
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_recorder"))
            .arg("--config")
            .arg(&config)
            .args(["intake", "run"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let finished = |child: std::process::Child| {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
    };
    // How long an undisturbed run takes, here and now.
    let (data, fresh) = (house.data(), house.folder.path().join("fresh"));
    copy(&data, &fresh);
    let begun = Instant::now();
    finished(run());
    let mut whole = begun.elapsed();
    check_kept(&mut house, &recordings).await;

    // Kills fall into every part of such a run. Where all is kept before enough have fallen, it begins
    // again with the same spool.
    let mut killed = 0;
    let mut runs = 0;
    let mut from_the_start = true;
    restore(&fresh, &data);
    while killed < KILLS {
        runs += 1;
        assert!(
            runs < 20 * KILLS,
            "only {killed} of {runs} were killed at work"
        );
        let begun = Instant::now();
        let mut child = run();
        let due = whole * (killed * 7 % KILLS) / KILLS;
        while begun.elapsed() < due && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = begun.elapsed();
        // SIGKILL.
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.signal() == Some(9) {
            killed += 1;
            from_the_start = false;
        } else {
            assert!(status.success());
            if from_the_start {
                // What was measured was a busy moment's.
                whole = took;
            }
            from_the_start = true;
            check_kept(&mut house, &recordings).await;
            restore(&fresh, &data);
        }
    }
    finished(run());
    check_kept(&mut house, &recordings).await;
    house.restart_recorder().await;
    let (_, exported) = house.export(*recordings.first().unwrap()).await;
    assert!(exported.damage.is_empty());
}

/// So many runs are killed at work.
const KILLS: u32 = 24;

fn restore(fresh: &std::path::Path, data: &std::path::Path) {
    std::fs::remove_dir_all(data).unwrap();
    copy(fresh, data);
}

/// Each recording is kept once, whole, and the spool let go of it. Nothing stays open.
async fn check_kept(house: &mut House, recordings: &BTreeSet<RecordingId>) {
    house.restart_recorder().await;
    let entries = recorder::log::entries(&house.tenant).await.unwrap();
    let kept: Vec<String> = entries
        .iter()
        .filter(|e| e.kind == "recording_kept")
        .map(|e| e.id.clone())
        .collect();
    let expected: BTreeSet<String> = recordings.iter().map(|id| format!("kept-{id}")).collect();
    assert_eq!(kept.len(), recordings.len());
    assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), expected);
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    for id in recordings {
        let row = house.tenant.recording(*id).await.unwrap().unwrap();
        assert_eq!(row.parts, 36);
        let wraps = house.tenant.wraps_of(*id).await.unwrap();
        assert_eq!(wraps.len(), 2);
        assert_eq!(findings(house, *id).await, Vec::<String>::new());
    }
    // Every segment but the newest is free.
    assert_eq!(segments(house).len(), 1, "{:?}", segments(house));
    house.recorder.store.close().await;
}

#[tokio::test]
async fn a_running_session_holds_its_segments_and_lets_go_when_it_is_kept() {
    let mut house = House::new().await;
    let mut live = house.begin().await;
    let text = "y".repeat(2000);
    for _ in 0..3 {
        let texts: Vec<&str> = std::iter::repeat_n(text.as_str(), 20).collect();
        house.talk(&texts).await;
    }
    let pass = house.intake().await;
    assert_eq!((pass.kept.len(), pass.live), (3, 1));
    assert!(pass.freed.is_empty(), "{:?}", pass.freed);
    let row = house
        .tenant
        .recording(live.recording)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.ending, store::Ending::Open);
    assert_eq!(row.modalities, [Modality::Chat]);
    assert!(segments(&house).len() > 1);

    // A call is seen while it runs.
    live.call(&house).await;
    house.intake().await;
    let row = house.tenant.recording(live.recording).await.unwrap();
    let row = row.unwrap();
    let all = [Modality::Chat, Modality::Audio, Modality::Video];
    assert_eq!(
        (row.ending, row.modalities),
        (store::Ending::Open, all.to_vec())
    );

    live.say(&house, "bye").await;
    live.end(&house).await;
    let pass = house.intake().await;
    assert_eq!(pass.kept, [(live.recording, vec![])]);
    assert!(!pass.freed.is_empty());
    assert_eq!(segments(&house).len(), 1);
    // A restarted recorder finds the rest of the spool, and nothing to do.
    house.restart_recorder().await;
    let pass = house.intake().await;
    assert_eq!((pass.kept.len(), pass.live), (0, 0));
}

#[tokio::test]
async fn an_acknowledgement_is_found_at_its_place_and_a_forged_one_is_not() {
    let mut house = House::new().await;
    let talk = house.talk(&["one", "two", "three"]).await;
    house.intake().await;
    let (manifest, placement) = statements(&house, talk.recording).await;
    let source = source(&house, talk.recording);
    let check = |ack: SealedAt| {
        let (source, manifest, placement) = (&source, &manifest, &placement);
        async move {
            ack::acknowledgement(source, manifest, placement, &ack)
                .await
                .unwrap()
                .map(|finding| finding.to_string())
        }
    };
    for ack in &talk.acks {
        assert_eq!(check(*ack).await, None);
    }
    let mut forged = talk.acks[2];
    forged.head = talk.acks[3].head;
    assert_eq!(
        check(forged).await.unwrap(),
        "track 2, epoch 1, part 2: another part stands at the acknowledged place"
    );
    let beyond = SealedAt {
        seq: 99,
        ..talk.acks[2]
    };
    assert_eq!(
        check(beyond).await.unwrap(),
        "track 2, epoch 1, part 99: the record ends before the acknowledged part"
    );
}

#[tokio::test]
async fn rotation_seals_survivors_anew_and_what_an_old_backup_holds_is_lost() {
    let mut house = House::new().await;
    let talk = house.talk(&["one"]).await;
    let live = house.begin().await;
    house.intake().await;
    let backup = house.tenant.wraps_of(talk.recording).await.unwrap();
    assert!(backup.iter().all(|w| w.generation == 1));

    house.advance(25 * 3_600_000);
    assert!(rotate::is_due(&house.recorder).await.unwrap());
    let rotated = rotate::rotate(&house.recorder, &house.intake.generations())
        .await
        .unwrap();
    assert_eq!((rotated.generation, rotated.rewrapped), (2, 2));
    assert!(
        rotated.destroyed.is_empty(),
        "the grace time has not passed"
    );

    // The running session is still sealed to the first generation: it is not destroyed yet.
    house.advance(2 * 3_600_000);
    let destroyed = rotate::destroy_unneeded(&house.recorder, &house.intake.generations())
        .await
        .unwrap();
    assert!(destroyed.is_empty());
    let mut live = live;
    live.end(&house).await;
    assert_eq!(house.intake().await.kept, [(live.recording, vec![])]);
    assert_eq!(rotate::rewrap(&house.recorder).await.unwrap(), 2);
    let destroyed = rotate::destroy_unneeded(&house.recorder, &house.intake.generations())
        .await
        .unwrap();
    assert_eq!(destroyed, [1]);

    // Both still open.
    for recording in [talk.recording, live.recording] {
        let (_, exported) = house.export(recording).await;
        assert!(exported.damage.is_empty(), "{:?}", exported.damage);
    }
    // What was deleted does not come back from a backup of the rows.
    house.tenant.delete_wraps(talk.recording).await.unwrap();
    house.tenant.put_wraps(&backup).await.unwrap();
    let (_, exported) = house.export(talk.recording).await;
    let damage: Vec<String> = exported.damage.iter().map(ToString::to_string).collect();
    assert!(
        damage[0].contains("intake key 1 is destroyed"),
        "{damage:?}"
    );
}

#[tokio::test]
async fn a_recording_whose_node_is_gone_is_closed_as_truncated_and_opens() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "are you there").await;
    // The relay was restarted once before it was gone.
    let started = talk.manifest(&house).started;
    let gap = Gap::within(started, started.plus(5_500), Cause::Restart);
    let recorded = Record::Gap(RecordedGap {
        tenant: house.tenant.id(),
        recording: talk.recording,
        gap: gap.clone(),
    });
    house.spool().append(&[recorded]).await.unwrap();
    let pass = house.intake().await;
    assert_eq!(pass.live, 1);
    let findings = close::close(&house.recorder, &mut house.intake, talk.recording)
        .await
        .unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let (manifest, _) = statements(&house, talk.recording).await;
    let seal::manifest::Ending::Truncated { places, .. } = &manifest.ending else {
        panic!("{:?}", manifest.ending);
    };
    assert_eq!(
        places.iter().map(|p| (p.track, p.seq)).collect::<Vec<_>>(),
        [(1, 1), (2, 2)]
    );
    assert_eq!(manifest.gaps, [gap]);
    let (bundle, exported) = house.export(talk.recording).await;
    assert!(exported.damage.is_empty(), "{:?}", exported.damage);
    let report = recorder::bundle::verify::bundle(bundle.as_slice(), None).await;
    assert!(report.is_good(), "{:?}", report.wrong);
    let told = report.good.iter().filter(|line| {
        line.starts_with("not recorded: ") && line.ends_with("Z: the relay stopped")
    });
    assert_eq!(told.count(), 1, "{:?}", report.good);
    assert_eq!(house.intake().await.live, 0);
}

#[tokio::test]
async fn a_closing_that_was_cut_short_is_taken_up_with_the_manifest_that_the_log_names() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "are you there").await;
    house.intake().await;
    let open = house.tenant.recording(talk.recording).await.unwrap();
    close::close(&house.recorder, &mut house.intake, talk.recording)
        .await
        .unwrap();
    let (logged, _) = statements(&house, talk.recording).await;
    // As a kill between the log's entry and the row leaves it; then the relay says that it was away.
    house.tenant.put_recording(&open.unwrap()).await.unwrap();
    let gap = Gap::within(logged.started, logged.started.plus(5_500), Cause::Restart);
    let recorded = Record::Gap(RecordedGap {
        tenant: house.tenant.id(),
        recording: talk.recording,
        gap,
    });
    house.spool().append(&[recorded]).await.unwrap();
    house.restart_recorder().await;
    assert_eq!(house.intake().await.live, 1);
    close::close(&house.recorder, &mut house.intake, talk.recording)
        .await
        .unwrap();
    let (manifest, _) = statements(&house, talk.recording).await;
    assert_eq!(manifest, logged);
    let (bundle, exported) = house.export(talk.recording).await;
    assert!(exported.damage.is_empty(), "{:?}", exported.damage);
    let report = recorder::bundle::verify::bundle(bundle.as_slice(), None).await;
    assert!(report.is_good(), "{:?}", report.wrong);
}

#[tokio::test]
async fn large_recordings_are_spread_over_objects_and_read_back() {
    let mut house = House::new().await;
    house.spool.take().unwrap().close().await;
    house.open_spool(SpoolConfig {
        min_free_bytes: 0,
        ..SpoolConfig::default()
    });
    let mut talk = house.begin().await;
    // Texts of a megabyte: far more than the protocol takes, to cross the object's limit.
    let text = "z".repeat(1 << 20);
    for _ in 0..20 {
        talk.say(&house, &text).await;
    }
    talk.end(&house).await;
    assert_eq!(house.intake().await.kept, [(talk.recording, vec![])]);
    let (_, placement) = statements(&house, talk.recording).await;
    assert!(placement.objects.len() >= 4, "{}", placement.objects.len());
    assert!(placement.objects.iter().all(|o| o.bytes <= 8 << 20));
    let (bundle, exported) = house.export(talk.recording).await;
    assert!(exported.damage.is_empty());
    let report = recorder::bundle::verify::bundle(bundle.as_slice(), None).await;
    assert!(report.is_good(), "{:?}", report.wrong);
}

fn segments(house: &House) -> Vec<String> {
    std::fs::read_dir(house.spool_folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_str().unwrap().to_owned())
        .filter(|name| name.strip_suffix(".spool").is_some())
        .collect()
}

fn source(house: &House, recording: RecordingId) -> Source {
    Source::vault(&house.recorder.vault, house.tenant.id(), recording)
}

async fn statements(house: &House, recording: RecordingId) -> (Manifest, Placement) {
    let source = source(house, recording);
    let (_, manifest) = source.envelope(MANIFEST).await.unwrap().unwrap();
    let (_, placement) = source.envelope(PLACEMENT).await.unwrap().unwrap();
    (manifest, placement)
}

async fn findings(house: &House, recording: RecordingId) -> Vec<String> {
    let (manifest, placement) = statements(house, recording).await;
    let mut out = Vec::new();
    for track in &manifest.tracks {
        let walked = recorder::inspect::walk::track(
            &source(house, recording),
            &manifest,
            &placement,
            track,
            |_, _, _| Ok(()),
        )
        .await
        .unwrap();
        out.extend(walked.damage.iter().map(ToString::to_string));
    }
    out
}

#[tokio::test]
async fn a_node_that_is_certified_again_stays_believable_for_what_it_signed_before() {
    let mut house = House::new().await;
    let talk = house.talk(&["one"]).await;
    house.intake().await;
    house.advance(300 * 86_400_000);
    let (to, mut from) = tokio::sync::mpsc::channel(8);
    let command = recorder::command::Command::NodeCertify {
        key: crate::house::public(&house.node_key),
        days: 365,
    };
    let intake = tokio::sync::Mutex::new(recorder::intake::Intake::default());
    let answer = recorder::command::Answer(to);
    recorder::command::carry_out(&house.recorder, &intake, command, &answer)
        .await
        .unwrap();
    drop(answer);
    let mut lines = Vec::new();
    while let Some(recorder::command::Reply::Line(line)) = from.recv().await {
        lines.push(line);
    }
    assert_eq!(lines.last().unwrap(), &house.node.to_string());
    let (bundle, _) = house.export(talk.recording).await;
    let report = recorder::bundle::verify::bundle(bundle.as_slice(), None).await;
    assert!(report.is_good(), "{:?}", report.wrong);
}
