//! Who may use whom: between crates, inside the relay, and what no pure module touches.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;

use super::{none, read, texts};

/// Each crate, and the crates of this workspace that it may use.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("proto", "proto", &[]),
    ("store", "store", &["proto"]),
    ("seal", "seal", &["proto"]),
    ("relay", "relay", &["proto", "store", "seal"]),
    ("recorder", "recorder", &["proto", "store", "seal"]),
    ("loadtest", "loadtest", &["proto"]),
    ("demo", "demo", &["proto"]),
    ("tests/testkit", "testkit", &["proto", "demo", "loadtest"]),
];

/// The relay's rows, from the top: a row may use only itself and the rows below it.
const ROWS: &[&[&str]] = &[
    &["main", "cli"],
    &["app"],
    &["http", "ws"],
    &["room"],
    &["media"],
    &["config", "clock", "telemetry", "shutdown"],
];

/// Words into effects, without input, output or a clock: paths that begin so.
const PURE: &[&str] = &[
    "proto/src/",
    "seal/src/part.rs",
    "seal/src/key.rs",
    "seal/src/wrap.rs",
    "seal/src/track.rs",
    "seal/src/merkle.rs",
    "seal/src/manifest.rs",
    "relay/src/media/demux.rs",
    "relay/src/media/numbers.rs",
    "relay/src/media/order.rs",
    "relay/src/media/pictures.rs",
    "relay/src/media/sdp",
    "relay/src/media/sfu.rs",
    "relay/src/media/tap.rs",
    "seal/src/media/",
    "recorder/src/open/",
    "recorder/src/media/",
    "recorder/src/transcript.rs",
    "recorder/src/keys/officer.rs",
    "recorder/src/keys/shares.rs",
    "recorder/src/log/checkpoint.rs",
    "recorder/src/log/note.rs",
];

/// All of the relay's room is pure but for these: four carry effects out, one finds rooms, one keeps
/// a file.
const ROOM: &str = "relay/src/room/";
const ROOM_DRIVERS: &[&str] = &[
    "relay/src/room/alive.rs",
    "relay/src/room/append.rs",
    "relay/src/room/consents.rs",
    "relay/src/room/driver.rs",
    "relay/src/room/line.rs",
    "relay/src/room/lobby.rs",
];

/// What a pure module does without.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "SystemTime",
    "Instant",
    "std::thread",
    "sqlx",
];

#[test]
fn crates_use_only_the_crates_below_them() -> Result<()> {
    let mut complaints = Vec::new();
    for (folder, name, allowed) in CRATES {
        let manifest = read(&format!("{folder}/Cargo.toml"))?;
        complaints.extend(crate_complaints(name, &manifest, allowed)?);
    }
    none(&complaints);
    Ok(())
}

#[test]
fn the_relay_is_built_without_the_recorder() -> Result<()> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "relay",
            "--offline",
            "--edges",
            "normal,build,dev",
        ])
        .current_dir(testkit::checkout())
        .output()?;
    assert!(tree.status.success());
    let tree = String::from_utf8(tree.stdout)?;
    assert!(
        tree.contains("seal v"),
        "cargo tree shows the relay's crates"
    );
    assert!(
        !tree.contains("recorder v"),
        "the relay depends on the recorder"
    );
    Ok(())
}

#[test]
fn inside_the_relay_a_row_uses_only_the_rows_below_it() -> Result<()> {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for (path, text) in texts(&[".rs"])? {
        if let Some(inside) = path.strip_prefix("relay/src/") {
            seen += 1;
            complaints.extend(row_complaints(inside, &text));
        }
    }
    assert!(seen > 5, "the relay's files were found");
    none(&complaints);
    Ok(())
}

#[test]
fn pure_modules_touch_neither_disk_nor_net_nor_clock() -> Result<()> {
    let mut complaints = Vec::new();
    let mut met = BTreeSet::new();
    for (path, text) in texts(&[".rs"])? {
        if ROOM_DRIVERS.contains(&path.as_str()) {
            met.extend(ROOM_DRIVERS.iter().filter(|driver| **driver == path));
        } else if let Some(rule) = PURE
            .iter()
            .chain([&ROOM])
            .find(|rule| path.starts_with(*rule))
        {
            met.insert(*rule);
            complaints.extend(pure_complaints(&path, &text));
        }
    }
    let rules = PURE.iter().chain(ROOM_DRIVERS).chain([&ROOM]);
    for rule in rules.filter(|rule| !met.contains(*rule)) {
        complaints.push(format!("no file begins with {rule}: has it moved?"));
    }
    none(&complaints);
    Ok(())
}

#[test]
fn a_breach_of_each_rule_is_seen() -> Result<()> {
    let manifest = "[dependencies]\nproto.workspace = true\nrecorder.workspace = true\n";
    assert_eq!(crate_complaints("relay", manifest, &["proto"])?.len(), 1);
    assert_eq!(
        row_complaints("room/mod.rs", "use crate::http::Door;").len(),
        1
    );
    assert_eq!(
        row_complaints("ws/mod.rs", "fn f() { crate::app::g() }").len(),
        1
    );
    assert_eq!(
        row_complaints("room/mod.rs", "use crate::{app, clock, ws::{a, b}};").len(),
        2
    );
    assert!(row_complaints("ws/mod.rs", "use crate::room::Room;").is_empty());
    assert_eq!(
        pure_complaints("x.rs", "let t = std::time::SystemTime::now();").len(),
        1
    );
    assert!(pure_complaints("x.rs", "// SystemTime is for others").is_empty());
    Ok(())
}

fn crate_complaints(name: &str, manifest: &str, allowed: &[&str]) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let ours: BTreeSet<&str> = CRATES.iter().map(|(_, name, _)| *name).collect();
    let mut complaints = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let Some(used) = manifest.get(section).and_then(toml::Value::as_table) else {
            continue;
        };
        for used in used.keys() {
            if ours.contains(used.as_str()) && used != name && !allowed.contains(&used.as_str()) {
                complaints.push(format!("{name} may not use {used} ([{section}])"));
            }
        }
    }
    Ok(complaints)
}

/// Which row a module of the relay stands in; `lib.rs` stands above all.
fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn row_complaints(inside: &str, text: &str) -> Vec<String> {
    let own = inside
        .split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs");
    if own == "lib" {
        return Vec::new();
    }
    let Some(own_row) = row(own) else {
        return vec![format!(
            "relay/src/{inside}: {own} stands in no row of the house"
        )];
    };
    let mut complaints = Vec::new();
    for used in crate_paths(text) {
        match row(&used) {
            _ if used == own => {}
            Some(used_row) if used_row >= own_row => {}
            Some(_) => complaints.push(format!("relay/src/{inside}: {own} may not use {used}")),
            // A name that the crate's root re-exports is no module.
            None => {}
        }
    }
    complaints
}

/// The first segment of every `crate::…` path, those of `use crate::{a, b::c}` included.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in code(text) {
        for (at, _) in line.match_indices("crate::") {
            let Some(rest) = line.get(at + "crate::".len()..) else {
                continue;
            };
            let group = rest.strip_prefix('{');
            let parts: Vec<&str> = match group {
                Some(group) => group.split(['{', '}', ',']).collect(),
                None => vec![rest],
            };
            for part in parts {
                let name: String = part
                    .trim_start()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if !name.is_empty() {
                    found.insert(name);
                }
            }
        }
    }
    found
}

fn pure_complaints(path: &str, text: &str) -> Vec<String> {
    // Tests at a file's end may use what they like.
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut complaints = Vec::new();
    for line in code(text) {
        for word in IMPURE {
            if line
                .match_indices(word)
                .any(|(at, _)| stands_alone(line, at, word.len()))
            {
                complaints.push(format!(
                    "{path}: a pure module names {word}: {}",
                    line.trim()
                ));
            }
        }
    }
    complaints
}

fn stands_alone(line: &str, at: usize, length: usize) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !letter(line.get(..at).and_then(|before| before.chars().next_back()))
        && !letter(
            line.get(at + length..)
                .and_then(|after| after.chars().next()),
        )
}

/// Lines without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .filter(|line| !line.trim().is_empty())
}
