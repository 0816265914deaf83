//! What every file begins with, how long it may be, what no file holds, and that the papers name
//! what is there.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::{files, none, read, texts};

/// Lines that a file may have, unless its first comment says `Long because …`.
const LONGEST: usize = 500;

/// What source never holds. Written in pieces, so that this file holds none of it either.
fn forbidden() -> Vec<String> {
    [
        ["dbg", "!("],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["#[ig", "nore"],
        ["allow(", "clippy"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["inner", "HTML"],
        ["outer", "HTML"],
        ["insertAdjacent", "HTML"],
    ]
    .iter()
    .map(|pieces| pieces.concat())
    .collect()
}

#[test]
fn every_rust_file_begins_by_saying_what_it_is() -> Result<()> {
    let mut complaints = Vec::new();
    for (path, text) in texts(&[".rs"])? {
        complaints.extend(first_line_complaint(&path, &text));
    }
    none(&complaints);
    Ok(())
}

#[test]
fn files_are_short_or_say_why_not() -> Result<()> {
    let mut complaints = Vec::new();
    for (path, text) in texts(&[".rs", ".js", ".css", ".html", ".sh", ".py"])? {
        complaints.extend(length_complaint(&path, &text));
    }
    none(&complaints);
    Ok(())
}

#[test]
fn nothing_is_left_open_and_no_test_is_left_out() -> Result<()> {
    let mut complaints = Vec::new();
    for (path, text) in texts(&[".rs", ".js", ".html"])? {
        complaints.extend(left_open_complaints(&path, &text));
    }
    none(&complaints);
    Ok(())
}

#[test]
fn no_file_names_a_path_of_one_machine() -> Result<()> {
    let mut complaints = Vec::new();
    let endings = [
        ".rs",
        ".js",
        ".css",
        ".html",
        ".md",
        ".toml",
        ".sh",
        ".py",
        ".json",
        "Makefile",
        "run",
        "setup",
        "check",
        "test",
        "Dockerfile",
        ".yaml",
        ".yml",
        ".service",
    ];
    for (path, text) in texts(&endings)? {
        complaints.extend(machine_path_complaints(&path, &text));
    }
    none(&complaints);
    Ok(())
}

#[test]
fn the_architecture_page_names_every_folder_and_every_module() -> Result<()> {
    let page = read("ARCHITECTURE.md")?;
    let complaints: Vec<String> = rooms(&files()?)
        .into_iter()
        .filter(|room| !page.contains(&format!("`{room}`")))
        .map(|room| format!("ARCHITECTURE.md does not name `{room}`"))
        .collect();
    none(&complaints);
    Ok(())
}

#[test]
fn a_breach_of_each_rule_is_seen() {
    assert!(first_line_complaint("a.rs", "use std::fs;\n").is_some());
    assert!(first_line_complaint("a.rs", "#![cfg(test)]\n//! Says.\n").is_none());
    let long = "x\n".repeat(LONGEST + 1);
    assert!(length_complaint("a.rs", &long).is_some());
    assert!(
        length_complaint("a.rs", &format!("//! Long because it is a table.\n{long}")).is_none()
    );
    for word in forbidden() {
        assert_eq!(
            left_open_complaints("a.rs", &format!("x {word} y")).len(),
            1,
            "{word}"
        );
    }
    assert_eq!(
        machine_path_complaints("a.md", &["see /ro", "ot/x"].concat()).len(),
        1
    );
    let listed = [
        "relay/src/ws/mod.rs",
        "relay/src/clock.rs",
        "docs/format.md",
    ]
    .map(str::to_owned);
    assert_eq!(
        rooms(&listed).into_iter().collect::<Vec<_>>(),
        ["docs/", "relay/", "relay::clock", "relay::ws"]
    );
}

fn first_line_complaint(path: &str, text: &str) -> Option<String> {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!["))?;
    (!first.starts_with("//! ")).then(|| format!("{path}: its first line does not say what it is"))
}

fn length_complaint(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let said = text
        .lines()
        .take(20)
        .any(|line| line.contains("Long because "));
    (lines > LONGEST && !said)
        .then(|| format!("{path}: {lines} lines; split it, or say `Long because …` at its top"))
}

fn left_open_complaints(path: &str, text: &str) -> Vec<String> {
    forbidden()
        .iter()
        .filter(|word| text.contains(*word))
        .map(|word| format!("{path}: holds {word}"))
        .collect()
}

fn machine_path_complaints(path: &str, text: &str) -> Vec<String> {
    let paths: Vec<String> = ["work", "farm", "root", "home"]
        .iter()
        .map(|folder| format!("/{folder}/"))
        .collect();
    text.lines()
        .filter(|line| {
            paths.iter().any(|machine| {
                line.match_indices(machine.as_str()).any(|(at, _)| {
                    // `http://host/home/` and `repo/work/` name no machine's root folder.
                    line.get(..at)
                        .and_then(|before| before.chars().next_back())
                        .is_none_or(|before| !before.is_alphanumeric() && !"._-}".contains(before))
                })
            })
        })
        .map(|line| format!("{path}: {}", line.trim()))
        .collect()
}

/// Top folders as `name/`, and the modules of relay and recorder as `relay::name`.
fn rooms(files: &[String]) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for path in files {
        let Some((top, rest)) = path.split_once('/') else {
            continue;
        };
        if !top.starts_with('.') {
            rooms.insert(format!("{top}/"));
        }
        if let Some(inside) = rest.strip_prefix("src/")
            && ["relay", "recorder"].contains(&top)
            && Path::new(inside)
                .extension()
                .is_some_and(|kind| kind == "rs")
        {
            let module = inside.split('/').next().unwrap_or_default();
            let module = module.trim_end_matches(".rs");
            if !["lib", "main"].contains(&module) {
                rooms.insert(format!("{top}::{module}"));
            }
        }
    }
    rooms
}
