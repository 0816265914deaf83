//! What the page of a recording says of what was agreed to, of its sources and of what is missing,
//! while it stays sealed.

use proto::Millis;
use proto::notice::Modality;
use seal::manifest::{Cause, Gap};

use super::Visit;
use crate::house::House;

/// The text between two others.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

/// The rows of a table, each as the text of its cells.
fn rows(table: &str) -> Vec<Vec<String>> {
    let row = |row: &str| {
        let cells = row.split("<td").skip(1);
        let words = |cell: &str| {
            let mut text = String::new();
            for piece in cell.split('>').skip(1) {
                text.push_str(piece.split('<').next().unwrap());
            }
            text.trim().to_owned()
        };
        cells.map(words).collect()
    };
    table.split("<tr>").skip(2).map(row).collect()
}

#[tokio::test]
async fn a_recording_says_which_sources_it_holds_of_whom_and_what_is_missing_of_each_and_why() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    let began = house.recorder.now().whole_seconds();
    talk.call(&house).await;
    let second = |at: i64| Millis(began.0 + at * 1_000);
    let (camera, lost) = (Some(4), Cause::Lost);
    for (from, to) in [(1, 2), (2, 4)] {
        let gap = Gap::within(second(from), second(to), lost);
        talk.gaps.push(Gap {
            track: camera,
            ..gap
        });
    }
    let stopped = Gap::within(second(7), second(9), Cause::Restart);
    talk.gaps.push(stopped);
    let page = format!("/recordings/{}", talk.recording);
    house.intake().await;
    let router = Visit::of(&house).await.router;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let running = ines.get(&page).await.text;
    assert!(running.contains("Known when the recording is in the vault."));
    assert!(running.contains("<dd>Chat, sound, camera so far</dd>"));

    talk.end(&house).await;
    house.intake().await;
    let shown = ines.get(&page).await.text;
    let held = rows(between(
        &shown,
        "aria-label=\"What was recorded of whom\"",
        "</table>",
    ));
    let held: Vec<Vec<&str>> = held
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let [chat, _, sound, camera, agents, _] = held.as_slice() else {
        panic!("{held:?}");
    };
    assert_eq!(chat[..3], ["The visitor", "Chat", "whole"]);
    assert_eq!(sound[..3], ["The visitor", "Sound", "whole"]);
    assert!(sound[3].ends_with(" parts"), "{sound:?}");
    assert_eq!(sound[4], "nothing");
    assert_eq!(
        (camera[1], camera[4]),
        ("Camera", "some of it never arrived: 3 s")
    );
    assert_eq!(agents[..2], ["Mia", "Sound"]);
    assert!(agents[4].starts_with("muted: "), "{agents:?}");

    let missing = rows(between(
        &shown,
        "aria-label=\"What was not recorded\"",
        "</table>",
    ));
    let of: Vec<[&str; 3]> = missing
        .iter()
        .map(|row| [row[3].as_str(), &row[4], &row[5]])
        .collect();
    assert_eq!(
        of,
        [
            ["The visitor", "Camera", "Some of it never arrived"],
            ["The visitor", "Camera", "Some of it never arrived"],
            ["Mia", "Sound", "Muted"],
            ["Everybody", "Everything", "The relay stopped"],
        ]
    );
    // To the second, and in order.
    assert!(missing[0][0].ends_with(char::is_numeric) && missing[0][0].contains(", "));
    assert_eq!((missing[0][0].len(), missing[3][2].as_str()), (21, "2 s"));
    assert!(shown.contains("<details open><summary>4 times in which"));
    // Nothing was opened for it.
    assert!(
        !ines
            .get("/log")
            .await
            .text
            .contains("is about to be opened")
    );
}

#[tokio::test]
async fn a_gap_for_want_of_agreement_says_who_withdrew_where_somebody_did() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    let began = house.recorder.now();
    talk.call(&house).await;
    let [visitor, agent] = talk.people;
    let second = |at: i64| Millis(began.0 + at * 1_000);
    for (at, who, what, given) in [
        (0, visitor, Modality::Video, true),
        (0, agent, Modality::Audio, true),
        (4, agent, Modality::Audio, false),
        (5, visitor, Modality::Video, false),
    ] {
        let changed = house.tenant.change_consent(who, what, given, second(at));
        changed.await.unwrap();
    }
    talk.gaps.clear();
    // The camera waited at first, and again for that it was withdrawn; the sound's withdrawal is another's.
    for (track, from, to) in [(4, 1, 2), (4, 4, 5), (4, 5, 7)] {
        talk.gaps.push(Gap {
            track: Some(track),
            ..Gap::within(second(from), second(to), Cause::Unagreed)
        });
    }
    talk.end(&house).await;
    house.intake().await;
    let router = Visit::of(&house).await.router;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let shown = ines.get(&format!("/recordings/{}", talk.recording)).await;
    let missing = rows(between(
        &shown.text,
        "aria-label=\"What was not recorded\"",
        "</table>",
    ));
    let why: Vec<&str> = missing.iter().map(|row| row[5].as_str()).collect();
    assert_eq!(
        why,
        [
            "Not everyone agreed to it then",
            "Not everyone agreed to it then",
            "The visitor withdrew consent to it",
        ]
    );
}

#[tokio::test]
async fn many_gaps_are_folded_away_and_an_altered_manifest_is_not_believed() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    let began = house.recorder.now().whole_seconds();
    talk.call(&house).await;
    for second in 0..25 {
        let at = Millis(began.0 + second * 400);
        talk.gaps.push(Gap {
            track: Some(4),
            ..Gap::within(at, at, Cause::Lost)
        });
    }
    talk.end(&house).await;
    house.intake().await;
    let page = format!("/recordings/{}", talk.recording);
    let router = Visit::of(&house).await.router;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let shown = ines.get(&page).await.text;
    assert!(shown.contains("<details><summary>26 times in which"));

    let path = house
        .vault_folder(talk.recording)
        .join("manifest.dsse.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut envelope: serde_json::Value = serde_json::from_str(&text).unwrap();
    envelope["signatures"][0]["sig"] = envelope["signatures"][1]["sig"].clone();
    std::fs::write(&path, envelope.to_string()).unwrap();
    let shown = ines.get(&page).await.text;
    assert!(
        shown.contains("It cannot be told from the manifest.")
            && shown.contains("is not signed by a node that the recorder has certified"),
        "{shown}"
    );
    assert!(!shown.contains("What was not recorded"));
}

#[tokio::test]
async fn a_recording_says_who_agreed_to_what_and_withdrew_it_and_how_far_into_the_conversation() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    let [visitor, agent] = talk.people;
    let (sound, picture) = (Modality::Audio, Modality::Video);
    for (after, who, what, given) in [
        (60, visitor, sound, true),
        (62, agent, sound, true),
        (90, visitor, picture, true),
        (95, visitor, picture, false),
        (100, visitor, picture, true),
        (130, visitor, Modality::Chat, false),
    ] {
        let at = Millis(talk.started.0 + after * 1_000);
        let changed = house.tenant.change_consent(who, what, given, at).await;
        changed.unwrap();
    }
    talk.end(&house).await;
    house.intake().await;
    let router = Visit::of(&house).await.router;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let page = format!("/recordings/{}", talk.recording);
    let shown = ines.get(&page).await.text;
    let agreed = rows(between(
        &shown,
        "aria-label=\"What they agreed to\"",
        "</table>",
    ));
    let into = |cell: &str| {
        let (at, into) = cell.split_at_checked(21).unwrap_or(("", cell));
        assert!(at.is_empty() || at.ends_with(char::is_numeric), "{cell}");
        into.trim().to_owned()
    };
    let agreed: Vec<[String; 4]> = agreed
        .iter()
        .map(|row| [row[0].clone(), row[1].clone(), into(&row[2]), into(&row[3])])
        .collect();
    assert_eq!(
        agreed,
        [
            ["The visitor", "Chat", "at the start", "2 min 10 s in"],
            ["The visitor", "Sound", "1 min 0 s in", "not withdrawn"],
            ["The visitor", "Camera", "1 min 30 s in", "1 min 35 s in"],
            ["The visitor", "Camera", "1 min 40 s in", "not withdrawn"],
            ["Mia", "Chat", "at the start", "not withdrawn"],
            ["Mia", "Sound", "1 min 2 s in", "not withdrawn"],
        ]
    );
}
