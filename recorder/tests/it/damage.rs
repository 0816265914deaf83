//! Damage: opened up to it, and named with its place; altered statements are not believed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;

use proto::dsse::{Document as _, Envelope};
use proto::{Hash32, ParticipantId};
use recorder::bundle::{BundleStatement, verify};
use recorder::entropy::system;
use recorder::vault::placement::{Index, Placement};
use seal::Recipient;
use seal::manifest::Manifest;

use crate::house::{House, Talk, signing_key};

async fn kept(texts: &[&str]) -> (House, Talk) {
    let mut house = House::new().await;
    let talk = house.talk(texts).await;
    let pass = house.intake().await;
    assert_eq!(pass.kept, [(talk.recording, vec![])]);
    (house, talk)
}

/// Alters one file of the vault.
fn alter(house: &House, talk: &Talk, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = house.vault_folder(talk.recording).join(name);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

fn index(house: &House, talk: &Talk, name: &str) -> Index {
    let path = house.vault_folder(talk.recording).join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Track 1 holds: joined, said, said, ended, end part.
const OBJECT: &str = "t0001-e0001-0001.parts";
const INDEX: &str = "t0001-e0001-0001.index.json";
const TEXTS: &[&str] = &["one", "two", "three", "four"];

/// The damage, and how many lines of each track came out.
async fn opened(house: &House, talk: &Talk) -> (Vec<String>, [usize; 2]) {
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let opened =
        recorder::retrieval::open(&house.recorder, &house.tenant, case, talk.recording, "open")
            .await
            .unwrap();
    let count = |track| opened.lines.iter().filter(|l| l.track == track).count();
    let damage = opened.damage.iter().map(ToString::to_string).collect();
    (damage, [count(1), count(2)])
}

#[tokio::test]
async fn an_altered_part_is_named_and_what_stands_before_it_is_opened() {
    let (house, talk) = kept(TEXTS).await;
    let third = index(&house, &talk, INDEX).parts[2];
    alter(&house, &talk, OBJECT, |bytes| {
        bytes[usize::try_from(third.offset).unwrap() + 50] ^= 1;
    });
    let (damage, lines) = opened(&house, &talk).await;
    assert_eq!(
        damage,
        [format!("track 1, epoch 1, part 3: was altered in {OBJECT}")]
    );
    assert_eq!(lines, [2, 4]);

    // The bundle says so itself, and is whole as a bundle.
    let (bundle, exported) = house.export(talk.recording).await;
    assert_eq!(exported.damage.len(), 1);
    let report = verify::bundle(bundle.as_slice(), None).await;
    assert!(report.is_good(), "{:?}", report.wrong);
    assert_eq!(report.damage, damage);
}

#[tokio::test]
async fn a_truncated_object_is_opened_up_to_the_cut() {
    let (house, talk) = kept(TEXTS).await;
    let last = *index(&house, &talk, INDEX).parts.last().unwrap();
    alter(&house, &talk, OBJECT, |bytes| {
        bytes.truncate(usize::try_from(last.offset).unwrap() + 7);
    });
    let (damage, lines) = opened(&house, &talk).await;
    assert_eq!(
        damage,
        [format!(
            "track 1, epoch 1, part 5: is cut off: {OBJECT} ends before it"
        )]
    );
    assert_eq!(lines, [4, 4]);
}

#[tokio::test]
async fn a_missing_object_an_altered_index_and_added_bytes_are_named() {
    let (house, talk) = kept(TEXTS).await;
    alter(&house, &talk, OBJECT, |bytes| bytes.push(0));
    let (damage, _) = opened(&house, &talk).await;
    assert_eq!(
        damage,
        [format!("{OBJECT}: holds something besides its parts")]
    );

    alter(&house, &talk, INDEX, |bytes| {
        let at = bytes.iter().rposition(|b| *b == b'1').unwrap();
        bytes[at] = b'2';
    });
    let (damage, lines) = opened(&house, &talk).await;
    assert_eq!(
        damage,
        [format!("track 1, epoch 1, part 1: {INDEX} was altered")]
    );
    assert_eq!(lines, [0, 4]);

    fs::remove_file(house.vault_folder(talk.recording).join(INDEX)).unwrap();
    let (damage, _) = opened(&house, &talk).await;
    assert_eq!(
        damage,
        [format!("track 1, epoch 1, part 1: {INDEX} is not there")]
    );
}

#[tokio::test]
async fn a_part_moved_to_another_place_does_not_open_even_with_a_forged_index_and_placement() {
    let (house, talk) = kept(TEXTS).await;
    // Someone with the recorder's own signing key swaps two parts and signs a new placement.
    let folder = house.vault_folder(talk.recording);
    let mut index = index(&house, &talk, INDEX);
    let (a, b) = (index.parts[1], index.parts[2]);
    (
        index.parts[1].offset,
        index.parts[1].length,
        index.parts[1].hash,
    ) = (b.offset, b.length, b.hash);
    (
        index.parts[2].offset,
        index.parts[2].length,
        index.parts[2].hash,
    ) = (a.offset, a.length, a.hash);
    index.parts[2].prev = b.hash;
    index.parts[3].prev = a.hash;
    let bytes = serde_json::to_vec(&index).unwrap();
    fs::write(folder.join(INDEX), &bytes).unwrap();
    let path = folder.join("placement.dsse.json");
    let envelope: proto::dsse::Envelope =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut placement: Placement = envelope.payload_unverified().unwrap();
    let object = placement
        .objects
        .iter_mut()
        .find(|o| o.index == INDEX)
        .unwrap();
    object.index_sha256 = Hash32::of(&bytes);
    let signed = placement.sign(house.recorder.keys.signing()).unwrap();
    fs::write(&path, serde_json::to_vec(&signed).unwrap()).unwrap();

    let (damage, lines) = opened(&house, &talk).await;
    assert_eq!(lines, [1, 4]);
    assert!(
        damage[0].starts_with("track 1, epoch 1, part 2: segment 0 does not open"),
        "{damage:?}"
    );
}

#[tokio::test]
async fn an_altered_manifest_is_not_believed() {
    let (house, talk) = kept(TEXTS).await;
    alter(&house, &talk, "manifest.dsse.json", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut envelope: proto::dsse::Envelope = serde_json::from_str(&text).unwrap();
        let mut manifest: Manifest = envelope.payload_unverified().unwrap();
        manifest.policy.keep_max = manifest.policy.keep_min;
        envelope.payload = serde_json::to_vec(&manifest).unwrap();
        *bytes = serde_json::to_vec(&envelope).unwrap();
    });
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let size = house.tenant.log_size().await.unwrap();
    let refused = house.export_under(case, talk.recording).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "nothing can be opened: manifest: is not signed by a node that the recorder has certified"
    );
    assert_eq!(house.tenant.log_size().await.unwrap(), size);
}

#[tokio::test]
async fn an_unknown_recipient_in_a_manifest_is_found() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "hello").await;
    let mut manifest = talk.manifest(&house);
    let stranger = ParticipantId::random(&mut system());
    manifest.tracks[0].epochs[0]
        .recipients
        .push(Recipient::Receipt {
            participant: stranger,
        });
    manifest.ending = seal::manifest::Ending::Abandoned {};
    talk.end_with(&house, &manifest).await;
    let pass = house.intake().await;
    let findings: Vec<String> = pass.kept[0].1.iter().map(ToString::to_string).collect();
    assert!(
        findings.contains(&format!(
            "track 1, epoch 1: is wrapped to the unknown recipient {stranger}"
        )),
        "{findings:?}"
    );
    let (bundle, _) = house.export(talk.recording).await;
    let report = verify::bundle(bundle.as_slice(), None).await;
    assert!(report.wrong.iter().any(|w| w.contains("unknown recipient")));
}

#[tokio::test]
async fn a_manifest_of_an_uncertified_node_waits_in_the_spool_until_it_is_certified() {
    let mut house = House::new().await;
    let right = std::mem::replace(&mut house.node_key, signing_key());
    let talk = house.talk(&["hello"]).await;
    let pass = house.intake().await;
    assert!(pass.kept.is_empty());
    assert!(
        pass.refused[0].1.contains("not signed by a node"),
        "{pass:?}"
    );
    assert!(!house.vault_folder(talk.recording).exists());
    drop(right);
    house.certify().await;
    house.advance(31_000);
    assert_eq!(house.intake().await.kept, [(talk.recording, vec![])]);
}

#[tokio::test]
async fn a_damaged_spool_gives_what_it_still_has() {
    let mut house = House::new().await;
    let talk = house.talk(TEXTS).await;
    // Flip a byte in the middle of the fourth part of track 1.
    let path = house.spool_folder().join("00000001.spool");
    let mut bytes = fs::read(&path).unwrap();
    let batch = seal::spool::read::scan(&house.spool_folder()).unwrap();
    let at = batch
        .records
        .iter()
        .filter(|l| matches!(&l.record, seal::spool::Record::Part(p) if p.header.track == 1))
        .nth(3)
        .unwrap()
        .at;
    bytes[usize::try_from(at.offset + at.length - 20).unwrap()] ^= 1;
    // A segment after it makes it a finished one, in which reading goes on behind the damage.
    fs::write(&path, &bytes).unwrap();
    fs::write(
        house.spool_folder().join("00000002.spool"),
        seal::spool::segment_header(2),
    )
    .unwrap();
    let pass = house.intake().await;
    assert_eq!(pass.damage.len(), 1, "{pass:?}");
    assert!(pass.damage[0].contains("segment 1, bytes"), "{pass:?}");
    let findings: Vec<String> = pass.kept[0].1.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        ["track 1, epoch 1, part 4: is missing: part 5 stands here"]
    );
    let (damage, lines) = opened(&house, &talk).await;
    assert_eq!(lines, [3, 4]);
    assert!(
        damage.iter().any(|d| d.contains("part 4: is missing")),
        "{damage:?}"
    );
}

#[tokio::test]
async fn every_altered_file_of_a_bundle_is_found() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let files = unpack(&bundle);
    assert!(files.len() > 12, "{:?}", files.keys());
    for name in files.keys() {
        let mut altered = files.clone();
        let bytes = altered.get_mut(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let report = verify::bundle(pack(&altered).as_slice(), None).await;
        assert!(!report.is_good(), "{name} was altered, unseen");

        let mut without = files.clone();
        without.remove(name);
        let report = verify::bundle(pack(&without).as_slice(), None).await;
        assert!(!report.is_good(), "{name} was taken out, unseen");
    }
    assert!(
        verify::bundle(pack(&files).as_slice(), None)
            .await
            .is_good()
    );
}

#[tokio::test]
async fn a_transcript_with_other_words_is_found_though_its_checksums_were_made_to_fit() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let mut files = unpack(&bundle);
    change(&mut files, "data/transcript.jsonl", |text| {
        text.replace("three", "threw")
    });
    fit_checksums(&mut files);
    let report = verify::bundle(pack(&files).as_slice(), None).await;
    assert_eq!(report.wrong, ["bundle.dsse.json: is of another payload"]);
}

#[tokio::test]
async fn what_a_recorder_itself_would_forge_in_a_bundle_is_found() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let forged = async |file: &str, forge: &dyn Fn(String) -> String| {
        let mut files = unpack(&bundle);
        change(&mut files, file, forge);
        fit_checksums(&mut files);
        // It signs its forgery, as only it can.
        let list = &files[&format!("{}/manifest-sha256.txt", root(&files))];
        let payload = Hash32::of(list);
        change(&mut files, "bundle.dsse.json", |text| {
            let envelope: Envelope = serde_json::from_str(&text).unwrap();
            let mut statement: BundleStatement = envelope.payload_unverified().unwrap();
            statement.payload = payload;
            let signed = statement.sign(house.recorder.keys.signing()).unwrap();
            serde_json::to_string(&signed).unwrap()
        });
        fit_checksums(&mut files);
        verify::bundle(pack(&files).as_slice(), None).await.wrong
    };
    let same = forged("data/custody.jsonl", &|text| text).await;
    assert!(same.is_empty(), "{same:?}");

    let stranger = house.agent.to_string();
    let officer = house.officers[0].0.to_string();
    let other_officer = forged("data/custody.jsonl", &|text| {
        text.replace(&officer, &stranger)
    })
    .await;
    let wrong = other_officer;
    assert!(
        wrong[0].ends_with("does not stand in the signed log"),
        "{wrong:?}"
    );
    let unapproved = forged("data/custody.jsonl", &|text| {
        lines_without(&text, "case_approved")
    })
    .await;
    assert_eq!(
        unapproved,
        ["custody.jsonl: it was opened without the approvals of two officers"]
    );
    let unannounced = forged("data/custody.jsonl", &|text| {
        lines_without(&text, "\"opening\\\"")
    })
    .await;
    assert_eq!(
        unannounced,
        ["custody.jsonl: the opening is not in the log"]
    );
    let shorter = forged("data/transcript.jsonl", &|text| {
        lines_without(&text, "three")
    })
    .await;
    assert_eq!(shorter, ["transcript.jsonl: has 7 lines for 8 parts"]);
    let doubled = forged("data/transcript.jsonl", &|text| {
        let first = text.lines().next().unwrap().to_owned();
        format!("{first}\n{text}")
    })
    .await;
    assert!(
        doubled[0].ends_with("its part has a line already"),
        "a line twice"
    );
    let notice = format!("data/notice-{}.json", house.notice);
    let reworded = forged(&notice, &|text| text.replace("Alpine", "Apline")).await;
    assert_eq!(
        reworded,
        [format!("notice-{}.json: was altered", house.notice)]
    );
}

fn lines_without(text: &str, mark: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(mark)).collect();
    assert!(kept.len() < text.lines().count(), "{mark} is nowhere");
    kept.join("\n") + "\n"
}

fn root(files: &BTreeMap<String, Vec<u8>>) -> String {
    let first = files.keys().next().unwrap();
    first.split('/').next().unwrap().to_owned()
}

fn change(files: &mut BTreeMap<String, Vec<u8>>, file: &str, forge: impl Fn(String) -> String) {
    let name = format!("{}/{file}", root(files));
    let text = String::from_utf8(files[&name].clone()).unwrap();
    files.insert(name, forge(text).into_bytes());
}

/// Makes both lists of checksums fit what is there.
fn fit_checksums(files: &mut BTreeMap<String, Vec<u8>>) {
    let root = root(files);
    for (list, payload) in [
        ("manifest-sha256.txt", true),
        ("tagmanifest-sha256.txt", false),
    ] {
        let mut out = String::new();
        for (name, bytes) in &*files {
            let name = name.strip_prefix(&format!("{root}/")).unwrap();
            if name.starts_with("data/") == payload && name != list {
                writeln!(out, "{}  {name}", Hash32::of(bytes)).unwrap();
            }
        }
        files.insert(format!("{root}/{list}"), out.into_bytes());
    }
}

#[tokio::test]
async fn another_recorders_key_is_told_from_the_one_that_was_given() {
    let (house, talk) = kept(&["hello"]).await;
    let (bundle, _) = house.export(talk.recording).await;
    let right = house.recorder.public().fingerprint();
    assert!(
        verify::bundle(bundle.as_slice(), Some(right))
            .await
            .is_good()
    );
    let wrong = Hash32::of(b"another");
    assert!(
        !verify::bundle(bundle.as_slice(), Some(wrong))
            .await
            .is_good()
    );
}

fn unpack(bundle: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in tar::Archive::new(bundle).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            out.insert(name, bytes);
        }
    }
    out
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    tar.into_inner().unwrap()
}
