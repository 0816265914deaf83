//! Forged bundles: whoever has every signing key can write other words, and a whole bundle around
//! them. What holds against that is the log, and what the reader knows of it from before.

use std::collections::BTreeMap;

use proto::dsse::{Document, Envelope};
use proto::keys::SealingKey;
use proto::{CaseId, Hash32, PublicKey, RecordingId};
use recorder::bundle::verify::{self, Pins};
use recorder::bundle::{BundleStatement, DataKey, Keys, names};
use recorder::command::{Answer, Command, Reply, carry_out};
use recorder::entropy::system;
use recorder::log::{self, What};
use recorder::open::{key::EpochKey, tink};
use recorder::transcript::{Line, jsonl};
use recorder::vault::placement::{Index, Placement};
use seal::DataKey as Sealing;
use seal::manifest::Manifest;
use seal::merkle;

use crate::bundle::{change, fit_checksums, pack, root, signed_again, unpack};
use crate::damage::{TEXTS, kept};
use crate::house::{House, public, signing_key};

type Files = BTreeMap<String, Vec<u8>>;

fn json<T: serde::de::DeserializeOwned>(files: &Files, name: &str) -> T {
    let bytes = &files[&format!("{}/data/{name}", root(files))];
    serde_json::from_slice(bytes).unwrap()
}

fn put(files: &mut Files, name: &str, bytes: impl Into<Vec<u8>>) {
    let name = format!("{}/data/{name}", root(files));
    files.insert(name, bytes.into());
}

fn document<D: Document>(files: &Files, name: &str) -> D {
    let envelope: Envelope = json(files, name);
    envelope.payload_unverified().unwrap()
}

/// `three` becomes `threw`, in the sealed part itself: sealed again under the same data key, with a
/// manifest and a placement that the stolen keys of node and recorder sign.
fn other_words(house: &House, files: &mut Files) {
    let (parts, name) = (
        "sealed/t0002-e0001-0001.parts",
        "sealed/t0002-e0001-0001.index.json",
    );
    let keys: Vec<DataKey> = json(files, names::DATA_KEYS);
    let key = &keys.iter().find(|key| key.track == 2).unwrap().key;
    let key = *EpochKey::from_bundle(key).unwrap().at_step(0).unwrap();
    let mut index: Index = json(files, name);
    let sealed = files[&format!("{}/data/{parts}", root(files))].clone();
    let (mut out, mut prev, mut hashes) = (Vec::new(), Hash32::ZERO, Vec::new());
    let lines = files[&format!("{}/data/{}", root(files), names::LINES)].clone();
    let mut lines: Vec<Line> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let mut page =
        String::from_utf8(files[&format!("{}/data/{}", root(files), names::PAGE)].clone()).unwrap();
    for at in 0..index.parts.len() {
        let entry = index.parts[at];
        let header = index.header(&entry);
        let from = usize::try_from(entry.offset).unwrap();
        let to = from + usize::try_from(entry.length).unwrap();
        let plaintext = tink::open(&key, &header.associated_data(), &sealed[from..to]).unwrap();
        let said = String::from_utf8(plaintext.to_vec()).unwrap();
        let said = said.replace("three", "threw");
        let header = seal::PartHeader { prev, ..header };
        let sealing = Sealing::from_bytes(key);
        let part = seal::part::seal(&sealing, header, said.as_bytes(), &mut system()).unwrap();
        for line in lines.iter_mut().filter(|line| line.part == entry.hash) {
            line.part = part.hash;
            line.event = proto::event::ChatEvent::from_padded(said.as_bytes()).unwrap();
        }
        page = page.replace(&entry.hash.to_string(), &part.hash.to_string());
        let entry = &mut index.parts[at];
        (entry.prev, entry.hash) = (prev, part.hash);
        (entry.offset, entry.length) = (out.len() as u64, part.bytes.len() as u64);
        out.extend_from_slice(&part.bytes);
        prev = part.hash;
        hashes.push(part.hash);
    }
    let mut manifest: Manifest = document(files, "manifest.dsse.json");
    let track = manifest.tracks.iter_mut().find(|t| t.track == 2).unwrap();
    (track.head, track.epochs[0].root) = (prev, merkle::parts_root(&hashes));
    let mut signed = manifest.sign(&house.node_key).unwrap();
    signed.countersign(house.recorder.keys.signing());
    let mut placement: Placement = document(files, "placement.dsse.json");
    placement.manifest = Hash32::of(&signed.payload);
    let index = serde_json::to_vec(&index).unwrap();
    for object in placement.objects.iter_mut().filter(|o| o.track == 2) {
        object.bytes = out.len() as u64;
        object.sha256 = Hash32::of(&out);
        object.index_sha256 = Hash32::of(&index);
    }
    let placed = placement.sign(house.recorder.keys.signing()).unwrap();
    put(files, parts, out);
    put(files, name, index);
    put(
        files,
        "manifest.dsse.json",
        serde_json::to_vec(&signed).unwrap(),
    );
    put(
        files,
        "placement.dsse.json",
        serde_json::to_vec(&placed).unwrap(),
    );
    put(files, names::LINES, jsonl(&lines).unwrap().as_slice());
    put(files, names::PAGE, page.replace("three", "threw"));
}

#[tokio::test]
async fn with_every_signing_key_no_other_words_fit_the_log_as_it_is() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let mut files = unpack(&bundle);
    other_words(&house, &mut files);
    assert_eq!(
        signed_again(&house, files).await,
        ["manifest.dsse.json: is not the one that the log says came into the vault"]
    );

    // In the vault it is the same.
    let mut files = unpack(&bundle);
    other_words(&house, &mut files);
    for (name, bytes) in &files {
        let name = name.split_once("/data/").map_or("", |(_, name)| name);
        let name = name.strip_prefix("sealed/").unwrap_or(name);
        let path = house.vault_folder(talk.recording).join(name);
        if path.is_file() {
            std::fs::write(path, bytes).unwrap();
        }
    }
    let command = Command::Verify {
        client: "alpine".into(),
        recording: talk.recording,
        ack: None,
    };
    let said = answered(&house, command).await;
    let wrong: Vec<_> = said.iter().filter(|l| l.starts_with("WRONG")).collect();
    assert_eq!(
        wrong,
        ["WRONG  manifest: is not the one that the log says came into the vault"]
    );
}

/// The lines that a command answers with.
pub(crate) async fn answered(house: &House, command: Command) -> Vec<String> {
    let (answer, mut said) = tokio::sync::mpsc::channel(256);
    let intake = tokio::sync::Mutex::new(recorder::intake::Intake::default());
    let answer = Answer(answer);
    carry_out(&house.recorder, &intake, command, &answer)
        .await
        .unwrap();
    drop(answer);
    let mut lines = Vec::new();
    while let Some(reply) = said.recv().await {
        if let Reply::Line(line) = reply {
            lines.push(line);
        }
    }
    lines
}

/// What the log holds now, as a bundle would carry it, and which opening and case it is of.
async fn retold(
    house: &House,
    bundle: &[u8],
    recording: RecordingId,
    case: CaseId,
    opening: &str,
) -> Files {
    let mut files = unpack(bundle);
    let mut entries = log::about(&house.tenant, recording).await.unwrap();
    entries.extend(log::about(&house.tenant, case).await.unwrap());
    entries.extend(log::beginning(&house.tenant).await.unwrap());
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    let proven = log::prove(&house.tenant, &entries).await.unwrap();
    let lines = proven.entries.iter().map(|entry| {
        let line = serde_json::to_string(entry).unwrap();
        format!("{line}\n")
    });
    put(&mut files, names::CUSTODY, lines.collect::<String>());
    put(&mut files, names::CHECKPOINT, proven.checkpoint);
    let leaves: Vec<u8> = proven.leaves.iter().flat_map(|leaf| leaf.0).collect();
    put(&mut files, names::LEAVES, leaves);
    let statement = &files[&format!("{}/bundle.dsse.json", root(&files))];
    let envelope: Envelope = serde_json::from_slice(statement).unwrap();
    let statement: BundleStatement = envelope.payload_unverified().unwrap();
    let before = statement.case.to_string();
    change(&mut files, "bundle.dsse.json", |text| {
        assert!(!text.is_empty());
        let mut statement = statement.clone();
        (statement.case, statement.opening) = (case, opening.to_owned());
        let signed = statement.sign(house.recorder.keys.signing()).unwrap();
        serde_json::to_string(&signed).unwrap()
    });
    for file in ["bag-info.txt", "data/transcript.html"] {
        change(&mut files, file, |text| {
            text.replace(&before, &case.to_string())
        });
    }
    files
}

#[tokio::test]
async fn an_opening_counts_only_under_its_own_good_case_that_covers_it_after_enough_approvals() {
    let (mut house, talk) = kept(TEXTS).await;
    let other = house.talk(&["other"]).await.recording;
    house.intake().await;
    let id = talk.recording;
    let (bundle, _) = house.export(id).await;
    let officers: Vec<_> = house.officers.iter().map(|(who, _)| *who).collect();
    let opening = async |house: &House, case: CaseId, officers: &[proto::StaffId]| {
        let what = What::Opening {
            case,
            recording: id,
            officers: officers.to_vec(),
            purpose: "export".into(),
        };
        house.recorder.log(&house.tenant, what).await.unwrap()
    };
    let approved = async |house: &House, recordings: &[RecordingId]| {
        let case = house.case(recordings).await;
        house.approve(case, 0).await;
        house.approve(case, 1).await;
        case
    };
    let wrong = async |house: &House, case: CaseId, opening: &str| {
        let files = retold(house, &bundle, id, case, opening).await;
        signed_again(house, files).await
    };

    let good = approved(&house, &[id]).await;
    let opened = opening(&house, good, &officers).await;
    let found = wrong(&house, good, &opened).await;
    assert!(found.is_empty(), "{found:?}");

    let of_another = opening(&house, approved(&house, &[id]).await, &officers).await;
    assert_eq!(
        wrong(&house, good, &of_another).await,
        ["custody.jsonl: the opening is of another case"]
    );
    let elsewhere = approved(&house, &[other]).await;
    let opened = opening(&house, elsewhere, &officers).await;
    assert_eq!(
        wrong(&house, elsewhere, &opened).await,
        ["custody.jsonl: the case does not cover this recording"]
    );
    let lone = house.case(&[id]).await;
    house.approve(lone, 0).await;
    for officers in [
        vec![officers[0]],
        vec![officers[0], officers[0]],
        officers.clone(),
    ] {
        let opened = opening(&house, lone, &officers).await;
        assert_eq!(
            wrong(&house, lone, &opened).await,
            ["custody.jsonl: it was opened without the approvals of two officers"]
        );
    }
    let case = approved(&house, &[id]).await;
    let early = opening(&house, case, &officers).await;
    recorder::cases::close(&house.recorder, &house.tenant, case)
        .await
        .unwrap();
    let late = opening(&house, case, &officers).await;
    assert_eq!(wrong(&house, case, &early).await, [""; 0]);
    assert_eq!(
        wrong(&house, case, &late).await,
        ["custody.jsonl: the case was closed before the opening"]
    );
    house.advance(30 * 86_400_000);
    let opened = opening(&house, good, &officers).await;
    assert_eq!(
        wrong(&house, good, &opened).await,
        ["custody.jsonl: the case was past its last day at the opening"]
    );
}

#[tokio::test]
async fn the_root_is_the_one_that_the_client_was_made_with_and_that_the_reader_knows() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let mine = signing_key();
    let mut files = unpack(&bundle);
    let mut keys: Keys = json(&files, names::KEYS);
    keys.root = public(&mine);
    for sealing in &mut keys.sealing {
        let key: SealingKey = sealing.payload_unverified().unwrap();
        *sealing = key.sign(&mine).unwrap();
    }
    put(&mut files, names::KEYS, serde_json::to_vec(&keys).unwrap());
    assert_eq!(
        signed_again(&house, files.clone()).await,
        ["keys.json: the root is not the one that the client was made with"]
    );
    change(&mut files, "data/custody.jsonl", |text| {
        let kept = text.lines().filter(|line| !line.contains("tenant_made"));
        kept.collect::<Vec<_>>().join("\n") + "\n"
    });
    assert_eq!(
        signed_again(&house, files).await,
        ["custody.jsonl: the log does not say with which root the client was made"]
    );

    let pinned = async |root: &PublicKey| {
        let pins = Pins {
            root: Some(vec![root.fingerprint()]),
            ..Pins::default()
        };
        verify::pinned(bundle.as_slice(), &pins).await
    };
    let right = pinned(&public(&house.root)).await;
    assert!(right.is_good(), "{:?}", right.wrong);
    let wrong = pinned(&public(&mine)).await.wrong;
    assert!(
        wrong[0].ends_with("is not the one that was given"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_bundle_continues_the_checkpoint_that_the_reader_kept_or_the_log_was_changed() {
    let (mut house, talk) = kept(TEXTS).await;
    let old = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    let younger = house.talk(&["younger"]).await.recording;
    house.intake().await;
    let (bundle, _) = house.export(talk.recording).await;
    let (later, _) = house.export(younger).await;
    let pinned = async |bundle: &[u8], note: &str| {
        let pins = Pins {
            checkpoint: Some(note.to_owned()),
            ..Pins::default()
        };
        verify::pinned(bundle, &pins).await
    };
    let said = |report: &verify::Report| {
        let mut good = report.good.iter();
        good.find(|line| line.starts_with("log: ")).cloned()
    };
    let report = pinned(&bundle, &old.note).await;
    assert!(report.is_good(), "{:?}", report.wrong);
    let size = old.size;
    assert_eq!(
        said(&report).unwrap(),
        format!(
            "log: continues the checkpoint of {size} entries that was given; the recording was in it: nobody has replaced it since"
        )
    );
    let report = pinned(&later, &old.note).await;
    assert!(report.is_good(), "{:?}", report.wrong);
    assert!(
        said(&report)
            .unwrap()
            .ends_with("is younger: it says nothing of this recording")
    );

    // Whoever has the recorder's key writes another log, and signs it.
    let mut files = unpack(&bundle);
    let mut leaves = Vec::new();
    for index in 0..size {
        leaves.push(merkle::leaf(&index.to_be_bytes()));
    }
    let forged = log::checkpoint::Checkpoint {
        origin: log::checkpoint::origin(house.tenant.id()),
        size,
        root: merkle::root(&leaves),
    };
    let report = pinned(&bundle, &forged.sign(house.recorder.keys.signing())).await;
    assert_eq!(
        report.wrong,
        [format!(
            "checkpoint: does not continue the checkpoint of {size} entries that was given: the log was changed since, or is another"
        )]
    );
    // A later one than the bundle's is not continued either; one that is nobody's is none.
    let newest = house.tenant.newest_checkpoint().await.unwrap().unwrap();
    assert!(!pinned(&bundle, &newest.note).await.is_good());
    let stranger = forged.sign(&signing_key());
    assert!(!pinned(&bundle, &stranger).await.is_good());

    // The leaves are the checkpoint's, and no others.
    put(&mut files, names::LEAVES, vec![0; 64]);
    assert_eq!(
        signed_again(&house, files).await,
        ["log-leaves: is not the tree of the signed checkpoint"]
    );
}

#[tokio::test]
async fn numbers_without_end_and_bytes_without_end_are_refused_and_nothing_breaks() {
    let (house, talk) = kept(&["hello"]).await;
    let (bundle, _) = house.export(talk.recording).await;
    let mut files = unpack(&bundle);
    change(&mut files, "data/custody.jsonl", |text| {
        let (first, rest) = text.split_once('\n').unwrap();
        let mut entry: log::ProvenEntry = serde_json::from_str(first).unwrap();
        entry.index = u64::MAX;
        format!("{}\n{rest}", serde_json::to_string(&entry).unwrap())
    });
    let wrong = signed_again(&house, files).await;
    assert_eq!(
        wrong[0],
        "custody.jsonl, line 1: does not stand in the signed log"
    );

    // So many parts that they cannot be counted.
    let mut files = unpack(&bundle);
    let mut manifest: Manifest = document(&files, "manifest.dsse.json");
    let epoch = manifest.tracks[0].epochs[0].clone();
    manifest.tracks[0].epochs.push(seal::manifest::Epoch {
        epoch: 2,
        parts: u64::MAX,
        ..epoch
    });
    let mut placement: Placement = document(&files, "placement.dsse.json");
    let object = placement.objects[0].clone();
    for first in [1, 2] {
        let more = recorder::vault::placement::Object {
            epoch: 2,
            first,
            parts: u64::MAX,
            ..object.clone()
        };
        placement.objects.push(more);
    }
    let key = house.recorder.keys.signing();
    let (manifest, placement) = (manifest.sign(key).unwrap(), placement.sign(key).unwrap());
    put(
        &mut files,
        "manifest.dsse.json",
        serde_json::to_vec(&manifest).unwrap(),
    );
    put(
        &mut files,
        "placement.dsse.json",
        serde_json::to_vec(&placement).unwrap(),
    );
    let wrong = signed_again(&house, files).await;
    assert!(
        wrong.contains(&"manifest: track 1 does not add up".to_owned()),
        "{wrong:?}"
    );

    // A file of two gibibytes, of which no byte is read.
    let mut header = tar::Header::new_gnu();
    header.set_path("vestibule/data/large").unwrap();
    header.set_size(2 << 30);
    header.set_mode(0o644);
    header.set_cksum();
    let mut files = unpack(&bundle);
    fit_checksums(&mut files);
    let endless = std::io::Read::chain(header.as_bytes().as_slice(), std::io::repeat(0));
    let wrong = verify::bundle(endless, None).await.wrong;
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].starts_with("bundle: data/large: this program checks bundles of at most"),
        "{wrong:?}"
    );
    drop(pack(&files));
}
