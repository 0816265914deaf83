//! The Library of Congress' `bagit`: what is handed out is a bag, and a byte changed in it is seen.
//! The opener that `docs/format.md` prints: with the bundle's own keys it reads the bundle's parts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::house::House;

use super::{opener, python};
use crate::session::client;

const VALIDATE: &str = "import bagit, sys; bagit.Bag(sys.argv[1]).validate()";

fn validated(bag: &Path) -> Result<Output> {
    let python = python();
    Command::new(&python)
        .args(["-c", VALIDATE])
        .arg(bag)
        .output()
        .with_context(|| format!("cannot run {}: run scripts/setup", python.display()))
}

/// Unpacks a bundle as anyone would; hands back the one folder that is in it.
fn unpacked(bundle: &Path, into: &Path) -> Result<PathBuf> {
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(bundle)
        .arg("-C")
        .arg(into)
        .output()?;
    let said = String::from_utf8_lossy(&tar.stderr);
    ensure!(tar.status.success(), "tar: {said}");
    let mut folders = fs::read_dir(into)?;
    let bag = folders.next().context("the bundle is empty")??.path();
    ensure!(folders.next().is_none(), "more than one folder is in it");
    Ok(bag)
}

/// The payload files below `folder`.
fn payload(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(payload(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn bagit_validates_a_bundle_and_no_bundle_with_a_changed_byte() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    crate::spoken::talk(&house, &bank, &["in the bag"]).await?;
    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let bag = unpacked(&opened.bundle, folder.path())?;

    let whole = validated(&bag)?;
    let said = String::from_utf8_lossy(&whole.stderr);
    ensure!(whole.status.success(), "bagit refuses the bundle: {said}");

    let files = payload(&bag.join("data"))?;
    ensure!(files.len() > 5, "a bundle of few files: {files:?}");
    for file in files {
        let good = fs::read(&file)?;
        let mut bad = good.clone();
        let at = bad.len() / 2;
        *bad.get_mut(at).context("an empty file in the payload")? ^= 1;
        fs::write(&file, bad)?;
        let flipped = validated(&bag)?;
        let said = String::from_utf8_lossy(&flipped.stderr).into_owned();
        let name = file.file_name().context("a name")?.to_string_lossy();
        ensure!(
            !flipped.status.success()
                && said.contains("BagValidationError")
                && said.contains(&*name),
            "a changed byte in {name}: {said}"
        );
        fs::write(&file, good)?;
    }
    let again = validated(&bag)?;
    ensure!(again.status.success(), "the bundle was not put back whole");
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_opener_reads_a_bundle_with_the_keys_that_are_in_it() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    crate::spoken::talk(&house, &bank, &["Grüezi", "in the bag"]).await?;
    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let data = unpacked(&opened.bundle, folder.path())?.join("data");

    let read = Command::new(python())
        .args(["-c", &opener::printed()?])
        .arg(data.join("sealed"))
        .arg(data.join("data-keys.json"))
        .output()?;
    let said = String::from_utf8_lossy(&read.stderr);
    ensure!(read.status.success(), "{said}");
    let read = lines(&String::from_utf8(read.stdout)?)?;
    let transcript = lines(&fs::read_to_string(data.join("transcript.jsonl"))?)?;
    let words: Vec<&Value> = transcript.iter().filter_map(|l| l.get("event")).collect();
    ensure!(words.len() > 3, "a transcript of few lines: {words:?}");
    ensure!(read.iter().eq(words), "{read:?}");
    house.stop().await
}

fn lines(text: &str) -> Result<Vec<Value>> {
    text.lines()
        .map(|line| serde_json::from_str(line).context("a line of JSON"))
        .collect()
}
