//! What two officers open again: the whole way from the list to the bundle, on the command line.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use demo::people::{Client, Person};
use proto::event::ChatEvent;
use proto::{Hash32, RecordingId};
use recorder::transcript::Line;
use serde::Deserialize;
use testkit::house::House;
use tokio::time::sleep;

/// How long an ended session may take until it stands in the vault.
const INTAKE: usize = 150;

/// A recording as `recorder list --json` shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Listed {
    /// Which.
    pub(crate) recording: RecordingId,
    ended: Option<i64>,
    started: i64,
}

/// An opened recording.
pub(crate) struct Opened {
    /// What was opened, line by line.
    pub(crate) lines: Vec<Line>,
    /// The bundle's file.
    pub(crate) bundle: PathBuf,
}

impl Opened {
    /// Who said what, by the names with which they came in, in order.
    pub(crate) fn spoken(&self) -> Result<Vec<(String, String)>> {
        let mut names = BTreeMap::new();
        let mut spoken = Vec::new();
        for line in &self.lines {
            match &line.event {
                ChatEvent::Joined {
                    participant, name, ..
                } => {
                    ensure!(*participant == line.participant, "another one's coming");
                    names.insert(line.participant, name.clone());
                }
                ChatEvent::Said { text, .. } => {
                    let name = names.get(&line.participant);
                    let name = name.context("someone speaks who never came in")?;
                    spoken.push((name.clone(), text.clone()));
                }
                _ => {}
            }
        }
        Ok(spoken)
    }

    /// The texts, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.lines
            .iter()
            .filter_map(|line| match &line.event {
                ChatEvent::Said { text, .. } => Some(text.clone()),
                _ => None,
            })
            .collect()
    }
}

/// The newest ended recording, found by its metadata, opened by two officers, exported, and
/// checked by someone who has nothing but the file.
pub(crate) async fn newest(house: &House, client: &Client) -> Result<Opened> {
    let found = listed(house, client).await?;
    let recording = found.recording.to_string();
    let case = open_case(house, client, &recording).await?;
    let bundle = house.folder().join(format!("{case}.tar"));
    let out = bundle.to_string_lossy();
    let export = ["export", &client.slug, &case, "--out", &out];

    let [first, second] = client.officers.as_slice() else {
        bail!("{} has two officers", client.name)
    };
    approve(house, client, &case, first).await?;
    let alone = house.recorder_cli(&export, "").await?;
    ensure!(
        !alone.status.success(),
        "one officer alone opened a recording"
    );
    let holds_nothing = std::fs::metadata(&bundle).map_or(true, |file| file.len() == 0);
    ensure!(holds_nothing, "a refused export left something behind");
    // Where it left an empty file, the next must not be refused because of it.
    approve(house, client, &case, second).await?;
    house.recorder_says(&export, "").await?;

    let recorder_key = house.recorder_says(&["key", "show"], "").await?;
    let recorder_key: proto::PublicKey = last_line(&recorder_key)?.parse()?;
    let fingerprint = recorder_key.fingerprint().to_string();
    let verdict = alone_with_the_file(&["verify", &out, "--recorder-key", &fingerprint]).await?;
    ensure!(verdict.contains("The bundle is whole."), "{verdict}");
    let wrong = Hash32::of(b"another recorder").to_string();
    let doubted = alone_with_the_file(&["verify", &out, "--recorder-key", &wrong]).await;
    ensure!(doubted.is_err(), "a bundle of another recorder is believed");

    let files = unpacked(&bundle)?;
    let lines = transcript(&files)?;
    Ok(Opened { lines, bundle })
}

/// A recording that both officers have agreed to open: the exported bundle, what the command said of
/// it, and what a check of the file alone says.
pub(crate) struct Exported {
    /// What was opened.
    pub(crate) opened: Opened,
    /// By the command.
    pub(crate) said: String,
    /// By a check of the file.
    pub(crate) verdict: String,
}

/// Exports a recording from the command line, whatever state it is in.
pub(crate) async fn exported(house: &House, client: &Client, recording: &str) -> Result<Exported> {
    let case = open_case(house, client, recording).await?;
    for officer in &client.officers {
        approve(house, client, &case, officer).await?;
    }
    let bundle = house.folder().join(format!("{case}.tar"));
    let out = bundle.to_string_lossy();
    let export = ["export", &client.slug, &case, "--out", &out];
    let said = house.recorder_says(&export, "").await?;
    let verdict = alone_with_the_file(&["verify", &out]).await?;
    let lines = transcript(&unpacked(&bundle)?)?;
    Ok(Exported {
        opened: Opened { lines, bundle },
        said,
        verdict,
    })
}

async fn open_case(house: &House, client: &Client, recording: &str) -> Result<String> {
    let case = house
        .recorder_says(
            &[
                "case",
                "open",
                &client.slug,
                "--authority",
                "District Court",
                "--reference",
                "AZ 4711/26",
                "--basis",
                "Order of 2026-11-20",
                "--recording",
                recording,
            ],
            "",
        )
        .await?;
    last_line(&case)
}

/// The lines of an unpacked bundle.
fn transcript(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Line>> {
    let transcript = files
        .iter()
        .find(|(name, _)| name.ends_with("/data/transcript.jsonl"))
        .context("the bundle holds no transcript")?;
    let lines = transcript.1.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()?)
}

/// The newest recording in the list, once it has ended and is kept.
pub(crate) async fn listed(house: &House, client: &Client) -> Result<Listed> {
    for _ in 0..INTAKE {
        let list = house
            .recorder_says(&["list", &client.slug, "--json"], "")
            .await?;
        let mut rows: Vec<Listed> = list
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        rows.sort_by_key(|row| row.started);
        if let Some(row) = rows.pop()
            && row.ended.is_some()
        {
            return Ok(row);
        }
        sleep(Duration::from_millis(200)).await;
    }
    bail!("no ended recording came into the vault")
}

/// The files of a bundle, by name.
pub(crate) fn unpacked(bundle: &std::path::Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(std::fs::File::open(bundle)?);
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

async fn approve(house: &House, client: &Client, case: &str, officer: &Person) -> Result<()> {
    let passphrase = officer.passphrase.as_deref().context("officers have one")?;
    house
        .recorder_says(
            &["case", "approve", &client.slug, case, &officer.sign_in],
            &format!("{passphrase}\n"),
        )
        .await?;
    Ok(())
}

/// The recorder's program as a stranger has it: no configuration, no data, no server.
async fn alone_with_the_file(arguments: &[&str]) -> Result<String> {
    let nowhere = tempfile::tempdir()?;
    let done = tokio::process::Command::new(testkit::house::programs()?.join("recorder"))
        .args(arguments)
        .current_dir(nowhere.path())
        .stdin(std::process::Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8(done.stdout)?;
    ensure!(
        done.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(said)
}

fn last_line(text: &str) -> Result<String> {
    Ok(text
        .lines()
        .last()
        .context("the recorder printed nothing")?
        .trim()
        .to_owned())
}
