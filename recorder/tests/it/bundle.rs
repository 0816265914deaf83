//! Bundles: what is altered in one is found, whoever altered it, the recorder itself among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;

use proto::Hash32;
use proto::dsse::{Document as _, Envelope};
use recorder::bundle::{BundleStatement, verify};

use crate::damage::{INDEX, TEXTS, kept};
use crate::house::House;

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
    assert_eq!(
        report.wrong,
        [
            "transcript.jsonl, line 5: is not what was said: track 2, epoch 1, part 3 holds something else",
            "bundle.dsse.json: is of another payload"
        ]
    );
}

#[tokio::test]
async fn on_the_page_nothing_that_was_typed_turns_a_line_around_or_hides() {
    let turning = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}";
    let hiding = "\0\u{7}\u{8}\r\u{1b}\u{7f}\u{9b}\u{ad}\u{200b}\u{2028}\u{2060}\u{feff}\u{e0041}";
    let harmless =
        "two\nlines, \u{5e9}\u{5dc}\u{5d5}\u{5dd}, \u{1f469}\u{200d}\u{1f4bb}, typed: U+202E";
    let (house, talk) = kept(&[turning, hiding, harmless, "pay \u{202e}001\u{202c} francs"]).await;
    let (bundle, _) = house.export(talk.recording).await;
    let files = unpack(&bundle);
    let page = text(&files, "data/transcript.html");
    for c in turning.chars().chain(hiding.chars()) {
        let sign = format!("<code>U+{:04X}</code>", u32::from(c));
        assert!(page.contains(&sign), "{sign} is not named");
        assert!(!page.contains(c), "{sign} takes effect");
    }
    assert!(
        page.contains(&format!("dir=\"auto\">{harmless}</p>")),
        "{page}"
    );
    assert!(page.contains("pay <code>U+202E</code>001<code>U+202C</code> francs"));
    // The lines keep what was typed, and the check writes the page again from the sealed parts.
    let lines = text(&files, "data/transcript.jsonl");
    assert!(lines.contains("pay \u{202e}001\u{202c} francs"));
    assert!(verify::bundle(bundle.as_slice(), None).await.is_good());
    let let_loose = forged(&house, &bundle, "data/transcript.html", &|text| {
        text.replace("<code>U+202E</code>001", "\u{202e}001")
    })
    .await;
    assert_eq!(let_loose.len(), 1, "{let_loose:?}");
    assert!(let_loose[0].starts_with("transcript.html: is not the page"));
}

#[tokio::test]
async fn words_are_compared_with_the_sealed_parts_though_the_recorder_itself_signs_other_ones() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let forged = async |file: &str, forge: &dyn Fn(String) -> String| {
        forged(&house, &bundle, file, forge).await
    };
    let lines = "data/transcript.jsonl";
    assert_eq!(
        forged(lines, &|text| text.replace("three", "threw")).await,
        [
            "transcript.jsonl, line 5: is not what was said: track 2, epoch 1, part 3 holds something else"
        ]
    );
    assert_eq!(
        forged(lines, &|text| text.replacen(".500Z", ".501Z", 1)).await,
        ["transcript.jsonl, line 3: does not describe track 2, epoch 1, part 2 rightly"]
    );
    let swapped = forged(lines, &|text| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(2, 3);
        lines.join("\n") + "\n"
    })
    .await;
    assert_eq!(
        swapped,
        ["transcript.jsonl, line 4: stands in the wrong order"]
    );
    assert_eq!(
        forged(lines, &|text| text.replace("\"three\"", "\"\\u0074hree\"")).await,
        ["transcript.jsonl: is not written as a recorder writes it"]
    );

    let page = format!(
        "transcript.html: is not the page that version {} of the recorder writes of these words: rely on transcript.jsonl",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        forged("data/transcript.html", &|text| text
            .replace("three", "threw"))
        .await,
        [page.as_str()]
    );

    // Words that are left out, and an excuse for it: the part opens.
    let mut files = unpack(&bundle);
    change(&mut files, lines, |text| lines_without(&text, "three"));
    change(&mut files, "data/damage.json", |_| {
        "[\"track 2, epoch 1, part 3: was altered in t0002-e0001-0001.parts\"]".to_owned()
    });
    assert_eq!(
        signed_again(&house, files).await,
        [
            "transcript.jsonl: track 2, epoch 1, part 3 has no line",
            &page
        ]
    );

    // Keys: another one, one that is kept back, one of an epoch that never was.
    let other = key_of_zeros();
    let keys = "data/data-keys.json";
    let wrong = forged(keys, &|text| {
        let start = text.find("\"key\":\"").unwrap() + 7;
        format!("{}{other}{}", &text[..start], &text[start + 43..])
    })
    .await;
    assert_eq!(
        wrong[..2],
        [
            "data-keys.json: track 1, epoch 1: the key is not the one that the manifest commits to",
            "track 1, epoch 1, part 1: its epoch has no key"
        ]
    );
    let kept_back = forged(keys, &|_| "[]".to_owned()).await;
    assert_eq!(
        kept_back[..3],
        [
            "track 1, epoch 1, part 1: its epoch has no key",
            "track 2, epoch 1, part 1: its epoch has no key",
            "transcript.jsonl, line 1: no sealed part opens to it"
        ]
    );
    assert_eq!(
        forged(keys, &|text| text.replace(
            '[',
            &format!("[{{\"track\":1,\"epoch\":2,\"key\":\"{other}\"}},")
        ))
        .await,
        ["data-keys.json: track 1, epoch 2: is not in the manifest"]
    );
}

#[tokio::test]
async fn the_description_of_a_bundle_is_the_recorders_and_of_the_case_in_the_log() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let info = "bag-info.txt";
    // By anybody: every checksum is made to fit.
    for (from, to) in [
        ("AZ 12/26", "AZ 13/26"),
        ("Alpine Bank", "Harbour Clinic"),
        ("Bagging-Date: 2026", "Bagging-Date: 2025"),
    ] {
        let mut files = unpack(&bundle);
        change(&mut files, info, |text| {
            assert!(text.contains(from), "{text}");
            text.replace(from, to)
        });
        fit_checksums(&mut files);
        let wrong = verify::bundle(pack(&files).as_slice(), None).await.wrong;
        let unsigned = "bag-info.txt: is not the one that the recorder signed";
        assert!(wrong.iter().any(|w| w == unsigned), "{from}: {wrong:?}");
    }
    // By the recorder: the log knows the case.
    let wrong = forged(&house, &bundle, info, &|text| {
        text.replace("AZ 12/26", "AZ 13/26")
    })
    .await;
    assert_eq!(
        wrong.last().unwrap(),
        "bag-info.txt: the reference is not the case's"
    );
    let fingerprint = house.recorder.public().fingerprint().to_string();
    assert_eq!(
        forged(&house, &bundle, info, &|text| text
            .replace(&fingerprint, "another"))
        .await,
        [format!(
            "bag-info.txt: Recorder-Key-Fingerprint is not {fingerprint}"
        )]
    );
}

#[tokio::test]
async fn a_bundle_hands_out_the_keys_of_what_was_opened_and_of_nothing_else() {
    let (house, talk) = kept(TEXTS).await;
    let keys = async |house: &House| {
        let (bundle, _) = house.export(talk.recording).await;
        let report = verify::bundle(bundle.as_slice(), None).await;
        assert!(report.is_good(), "{:?}", report.wrong);
        let files = unpack(&bundle);
        let keys = &files[&format!("{}/data/data-keys.json", root(&files))];
        let keys: Vec<recorder::bundle::DataKey> = serde_json::from_slice(keys).unwrap();
        keys.iter().map(|k| (k.track, k.epoch)).collect::<Vec<_>>()
    };
    assert_eq!(keys(&house).await, [(1, 1), (2, 1)]);
    // Of track 1 nothing can be opened any more, though its wrap is there.
    fs::remove_file(house.vault_folder(talk.recording).join(INDEX)).unwrap();
    assert_eq!(keys(&house).await, [(2, 1)]);
}

#[tokio::test]
async fn what_a_recorder_itself_would_forge_in_a_bundle_is_found() {
    let (house, talk) = kept(TEXTS).await;
    let (bundle, _) = house.export(talk.recording).await;
    let forged = async |file: &str, forge: &dyn Fn(String) -> String| {
        forged(&house, &bundle, file, forge).await
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
    assert_eq!(
        shorter,
        ["transcript.jsonl: track 2, epoch 1, part 3 has no line"]
    );
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

/// 32 bytes of zeros, as a bundle would write them.
fn key_of_zeros() -> String {
    "A".repeat(43)
}

/// What is found wrong after the recorder itself has altered a file, made everything fit, and signed.
async fn forged(
    house: &House,
    bundle: &[u8],
    file: &str,
    forge: &dyn Fn(String) -> String,
) -> Vec<String> {
    let mut files = unpack(bundle);
    change(&mut files, file, forge);
    signed_again(house, files).await
}

/// Makes every checksum and the recorder's own statement fit, as only it can.
pub(crate) async fn signed_again(
    house: &House,
    mut files: BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    fit_checksums(&mut files);
    let list = &files[&format!("{}/manifest-sha256.txt", root(&files))];
    let payload = Hash32::of(list);
    let info = Hash32::of(&files[&format!("{}/bag-info.txt", root(&files))]);
    change(&mut files, "bundle.dsse.json", |text| {
        let envelope: Envelope = serde_json::from_str(&text).unwrap();
        let mut statement: BundleStatement = envelope.payload_unverified().unwrap();
        (statement.payload, statement.info) = (payload, info);
        let signed = statement.sign(house.recorder.keys.signing()).unwrap();
        serde_json::to_string(&signed).unwrap()
    });
    fit_checksums(&mut files);
    verify::bundle(pack(&files).as_slice(), None).await.wrong
}

fn lines_without(text: &str, mark: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(mark)).collect();
    assert!(kept.len() < text.lines().count(), "{mark} is nowhere");
    kept.join("\n") + "\n"
}

pub(crate) fn root(files: &BTreeMap<String, Vec<u8>>) -> String {
    let first = files.keys().next().unwrap();
    first.split('/').next().unwrap().to_owned()
}

pub(crate) fn text(files: &BTreeMap<String, Vec<u8>>, file: &str) -> String {
    let name = format!("{}/{file}", root(files));
    String::from_utf8(files[&name].clone()).unwrap()
}

pub(crate) fn change(
    files: &mut BTreeMap<String, Vec<u8>>,
    file: &str,
    forge: impl Fn(String) -> String,
) {
    let forged = forge(text(files, file));
    files.insert(format!("{}/{file}", root(files)), forged.into_bytes());
}

/// Makes both lists of checksums fit what is there.
pub(crate) fn fit_checksums(files: &mut BTreeMap<String, Vec<u8>>) {
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

pub(crate) fn unpack(bundle: &[u8]) -> BTreeMap<String, Vec<u8>> {
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

pub(crate) fn pack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
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
