//! What the program says: errors that tell what to do before anything is asked, and answers in
//! which people and things go by the names that one knows them by.

use proto::event::{ChatEvent, LeaveReason};
use proto::{Hash32, SessionId};

use super::*;

/// In groups of eight, as the console shows it.
fn grouped(hash: &str) -> String {
    let digits: Vec<char> = hash.chars().collect();
    let groups: Vec<String> = digits.chunks(8).map(|g| g.iter().collect()).collect();
    groups.join(" ")
}

/// A house with a conversation that was handed on, in the vault, and the session's number.
async fn handed_on() -> (House, proto::RecordingId, SessionId) {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "good morning").await;
    let (to, handover) = (None, true);
    talk.event(&house, 1, |n, at| ChatEvent::Asked {
        n,
        at,
        to,
        handover,
    })
    .await;
    let reason = LeaveReason::Transferred;
    talk.event(&house, 1, |n, at| ChatEvent::Left { n, at, reason })
        .await;
    talk.end(&house).await;
    house.intake().await;
    house.spool.take().unwrap().close().await;
    house.recorder.store.close().await;
    std::fs::write(
        house.folder.path().join("recorder.toml"),
        "data = \"data\"\n",
    )
    .unwrap();
    (house, talk.recording, talk.session)
}

fn case_of(recording: &str) -> [&str; 11] {
    [
        "case",
        "open",
        "alpine",
        "--authority",
        "Court",
        "--reference",
        "1/26",
        "--basis",
        "§ 1",
        "--recording",
        recording,
    ]
}

const OPENED_BY: [&str; 4] = ["--officer", "ines", "--officer", "omar"];

#[tokio::test]
async fn a_given_key_that_is_not_the_bundles_stands_beside_the_bundles_own() {
    let (house, recording, _) = handed_on().await;
    let program = Program {
        folder: house.folder.path(),
    };
    let opened = program.good(&case_of(&recording.to_string()), "");
    let bundle = house.folder.path().join("bundle.tar");
    let bundle = bundle.to_str().unwrap();
    let export = ["export", "alpine", last(&opened), "--out", bundle];
    program.good(&[&export[..], &OPENED_BY].concat(), OFFICERS);

    let key = house.recorder.public().fingerprint().to_string();
    let root = house.tenant.info().root_key.fingerprint().to_string();
    // As the console and a bundle's readers copy it: with the spaces.
    for given in [key.clone(), grouped(&key), format!(" {key}\n")] {
        let pins = ["--recorder-key", &given, "--root", &grouped(&root)];
        let checked = program.good(&[&["verify", bundle][..], &pins].concat(), "");
        for line in [
            format!("recorder's key: {key} (as given)"),
            format!("client's root: {root} (as given)"),
        ] {
            assert!(checked.contains(&line), "{checked}");
        }
    }

    let other = Hash32([7; 32]).to_string();
    for (option, whose, own) in [
        ("--recorder-key", "recorder's key", &key),
        ("--root", "client's root", &root),
    ] {
        let done = program.run(&["verify", bundle, option, &grouped(&other)], "");
        let (out, _) = said(&done);
        assert!(!done.status.success());
        let line = format!("{whose}: they DIFFER: given {other}, in the bundle {own}");
        assert!(out.lines().any(|said| said == line), "{out}");
        assert!(!out.contains("(as given)"), "{out}");
        assert_eq!(
            last(&out),
            "The bundle is NOT of the recorder and the client that were given: nothing more was checked."
        );
    }
    let done = program.run(&["verify", bundle, "--recorder-key", "07ca"], "");
    assert!(said(&done).1.contains("a fingerprint is 64 digits"));

    let readme = house.folder.path().join("README.md");
    let text = "# Vestibule: what somebody said\n".repeat(40);
    std::fs::write(&readme, text).unwrap();
    assert_eq!(
        program.refused(&["verify", readme.to_str().unwrap()], ""),
        format!(
            "recorder: this is no bundle: {}: it is not a tar, as `recorder export` and the console hand out\n",
            readme.display()
        )
    );
    // Where it breaks inside, the check says so, without what stands there.
    let mut bytes = std::fs::read(bundle).unwrap();
    bytes.truncate(512);
    bytes.extend_from_slice(&b"what somebody said ".repeat(200));
    std::fs::write(bundle, bytes).unwrap();
    let (out, _) = said(&program.run(&["verify", bundle], ""));
    assert!(out.contains("NOT as it was handed out"), "{out}");
    assert!(!out.contains("somebody"), "{out}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_before_a_passphrase_is_asked_for() {
    let (house, recording, session) = handed_on().await;
    let program = Program {
        folder: house.folder.path(),
    };
    let opened = program.good(&case_of(&recording.to_string()), "");
    let case = last(&opened);
    let third = ["officer", "add", "alpine", "uma", "--name", "Uma"];
    let named = ["--by", "omar", "--by", "omar"];
    let reshare = ["key", "reshare", "alpine", "--by", "omar"];
    let export = ["export", "alpine", case];
    let alone = ["open", "alpine", case, "--officer", "omar"];
    let agent = ["open", "alpine", case, "--officer", "mia"];
    let elsewhere = session.to_string();
    let of_session = [&export[..], &["--recording", &elsewhere]].concat();
    let by = "name them, such as --by ines --by omar";
    let officers = format!(
        "name them, such as --officer ines --officer omar; or let them approve one after the other while the recorder runs: recorder case approve alpine {case} OFFICER"
    );
    for (arguments, told) in [
        (
            third.to_vec(),
            format!(
                "there are sealing keys already, so 2 officers must unlock theirs (0 so far): {by}"
            ),
        ),
        (
            [&third[..], &named].concat(),
            "there are sealing keys already, so 2 officers must unlock theirs (1 so far): name them, such as --by omar --by ines".to_owned(),
        ),
        (
            reshare.to_vec(),
            "there are sealing keys already, so 2 officers must unlock theirs (1 so far): name them, such as --by omar --by ines".to_owned(),
        ),
        (
            export.to_vec(),
            format!("2 officers must unlock their shares together (0 so far): {officers}"),
        ),
        (
            alone.to_vec(),
            format!(
                "2 officers must unlock their shares together (1 so far): {}",
                officers.replace("ines --officer omar", "omar --officer ines")
            ),
        ),
        (
            agent.to_vec(),
            "mia is no officer here, and has no key".to_owned(),
        ),
        (
            vec!["officer", "add", "alpine", "mia", "--name", "Mia"],
            "there is an officer or agent mia already".to_owned(),
        ),
        (
            vec!["agent", "add", "alpine", "ines", "--name", "Ines"],
            "there is an officer or agent ines already".to_owned(),
        ),
        (
            vec!["case", "approve", "alpine", case, "nobody"],
            "there is no officer or agent nobody here".to_owned(),
        ),
        (
            of_session,
            format!("{session} is the number of a session: its recording is {recording}"),
        ),
    ] {
        // With nothing to read: what asks is found out.
        assert_eq!(program.refused(&arguments, ""), format!("recorder: {told}\n"));
    }
    assert_eq!(
        program.refused(
            &[&export[..], &OPENED_BY].concat(),
            "the passphrase of ines\n"
        ),
        "recorder: the passphrase of omar's key is needed and was not given: one a line, in the order in which they would be asked\n"
    );
    let nofile = house.folder.path().join("no.root");
    let rotate = [
        "key",
        "rotate",
        "alpine",
        "--root",
        nofile.to_str().unwrap(),
    ];
    assert_eq!(
        program.refused(&rotate, ""),
        format!(
            "recorder: cannot read the root key {}: is not there: it is the file that `recorder root new` made for the client\n",
            nofile.display()
        )
    );
}

#[tokio::test]
async fn people_and_recordings_go_by_the_names_that_one_knows_them_by() {
    let (house, recording, session) = handed_on().await;
    let program = Program {
        folder: house.folder.path(),
    };
    let (id, number) = (recording.to_string(), session.to_string());
    let listed = program.good(&["list", "alpine", "--session", &number], "");
    assert!(
        listed.starts_with(&id) && listed.ends_with(&format!("  session {session}\n")),
        "{listed}"
    );
    let told =
        format!("recorder: {session} is the number of a session: its recording is {recording}\n");
    assert_eq!(program.refused(&case_of(&number), ""), told);
    assert_eq!(program.refused(&["verify", "alpine", &number], ""), told);

    let opened = program.good(&case_of(&id), "");
    let case = last(&opened);
    let cases = program.good(&["case", "list", "alpine"], "");
    assert!(cases.ends_with("  1 recording\n"), "{cases}");
    let open = [&["open", "alpine", case][..], &OPENED_BY].concat();
    let shown = program.good(&open, OFFICERS);
    let words: Vec<&str> = shown
        .lines()
        .map(|line| line.split_once("Z  ").unwrap().1)
        .collect();
    assert_eq!(
        words,
        [
            "visitor  Blue Heron  joined",
            "agent    Mia  joined",
            "agent    Mia  good morning",
            "agent    Mia  handed the conversation on",
            "agent    Mia  left after handing over",
            "agent    Mia  left",
            "visitor  Blue Heron  ended the conversation",
        ]
    );

    let (ines, _) = &house.officers[0];
    let case = program.good(&["case", "show", "alpine", case], "");
    assert!(case.contains(&format!("  {ines}  ines\n")), "{case}");
    let log = program.good(&["log", "show", "alpine"], "");
    let approved = log.lines().find(|line| line.contains("case_approved"));
    let approved = approved.unwrap();
    assert!(
        approved.ends_with(&format!("  ({ines} is ines)")),
        "{approved}"
    );
}

#[test]
fn the_help_of_every_verb_tells_its_own_options_first_and_those_of_all_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program {
        folder: folder.path(),
    };
    for verb in [
        &["list"][..],
        &["officer", "add"],
        &["export"],
        &["verify"],
        &["key", "rotate"],
    ] {
        let help = program.good(&[verb, &["--help"]].concat(), "");
        let (own, every) = help.split_once("\nOptions of every verb:\n").unwrap();
        assert!(!own.contains("--config") && !own.contains("--secrets"));
        let names: Vec<&str> = every
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--")?.split("  ").next())
            .collect();
        assert_eq!(names, ["config <FILE>", "secrets <FILE>"], "{help}");
    }
}
