//! The house is as it is said to be: who may use whom, what is pure, what every file begins with.
//!
//! Each rule is a function from text to complaints, so that each can be shown a breach too.

mod layers;
mod pages;
mod text;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Paths of every file of the project, from its root.
fn files() -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(testkit::checkout())
        .output()
        .context("git is needed to tell the project's files from others")?;
    let mut paths: Vec<String> = String::from_utf8(listed.stdout)?
        .lines()
        .filter(|path| testkit::checkout().join(path).is_file())
        .map(str::to_owned)
        .collect();
    paths.sort();
    anyhow::ensure!(paths.len() > 50, "git lists no files");
    Ok(paths)
}

/// Path and text of every file whose name ends in one of these.
fn texts(endings: &[&str]) -> Result<Vec<(String, String)>> {
    files()?
        .into_iter()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .map(|path| {
            let bytes = fs::read(testkit::checkout().join(&path))?;
            Ok((path, String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(testkit::checkout().join(path)).with_context(|| path.to_owned())
}

/// Fails with every complaint, one a line.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
