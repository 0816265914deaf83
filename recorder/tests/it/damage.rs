//! Damage: opened up to it, and named with its place; altered statements are not believed.

use std::fs;

use proto::dsse::Document as _;
use proto::{Hash32, ParticipantId};
use recorder::bundle::verify;
use recorder::entropy::system;
use recorder::retrieval::{self, Purpose};
use recorder::vault::placement::{Index, Placement};
use seal::Recipient;
use seal::manifest::Manifest;

use crate::house::{House, Talk, signing_key};

pub(crate) async fn kept(texts: &[&str]) -> (House, Talk) {
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
pub(crate) const INDEX: &str = "t0001-e0001-0001.index.json";
pub(crate) const TEXTS: &[&str] = &["one", "two", "three", "four"];

/// The damage, and how many lines of each track came out.
async fn opened(house: &House, talk: &Talk) -> (Vec<String>, [usize; 2]) {
    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let opened = retrieval::open(
        &house.recorder,
        &house.tenant,
        case,
        talk.recording,
        Purpose::Open,
    )
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
async fn an_altered_manifest_is_not_believed_and_one_out_of_a_bundle_takes_its_place() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
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
    let row = house.tenant.recording(talk.recording).await.unwrap();
    let kept = row.unwrap().manifest.unwrap();
    assert_eq!(
        refused.to_string(),
        format!(
            "nothing can be opened: manifest: is not signed by a node that the recorder has certified; put back the manifest.dsse.json that was kept, from a copy of the vault or an earlier bundle: the file's SHA-256 is {kept}"
        )
    );
    assert_eq!(house.tenant.log_size().await.unwrap(), size);

    let files = crate::bundle::unpack(&bundle);
    let before = crate::bundle::text(&files, "data/manifest.dsse.json");
    assert_eq!(Hash32::of(before.as_bytes()), kept);
    alter(&house, &talk, "manifest.dsse.json", |bytes| {
        *bytes = before.into_bytes();
    });
    assert_eq!(opened(&house, &talk).await, (vec![], [4, 4]));
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
