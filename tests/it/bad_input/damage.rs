//! What was altered or cut short after it was kept: the damage is named with its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, agree};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use testkit::house::House;

use super::{bank, is_well};
use crate::matrix::console::ended;

/// What `recorder verify` says of a recording that is not whole.
async fn findings(house: &House, recording: &str) -> Result<String> {
    let done = house
        .recorder_cli(&["verify", "alpine", recording], "")
        .await?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    ensure!(!done.status.success(), "it is believed: {said}");
    Ok(said)
}

fn find(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, wanted)? {
                return Ok(Some(found));
            }
        } else if wanted(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_in_the_vault_is_named_with_its_place() -> Result<()> {
    let mut house = House::start().await?;
    let site = bank(&house)?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    visitor.say(1, "first").await?;
    visitor.say(2, "second").await?;
    visitor.send(&ClientMessage::End {}).await?;
    visitor
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;
    let recording = ended(&house).await?;
    house
        .recorder_says(&["verify", "alpine", &recording], "")
        .await
        .context("it is whole, and not believed")?;

    let vault = house.plan().data().join("vault");
    let of = |ending: &str| {
        let named = |path: &Path| path.to_string_lossy().ends_with(ending);
        find(&vault, &named)?.with_context(|| format!("the vault holds no {ending}"))
    };
    let (parts, manifest) = (of(".parts")?, of("manifest.dsse.json")?);
    let whole = fs::read(&parts)?;
    let mut altered = whole.clone();
    *altered.get_mut(60).context("a part has sixty bytes")? ^= 1;
    fs::write(&parts, altered)?;
    let said = findings(&house, &recording).await?;
    ensure!(said.contains("track 1, epoch 1, part 1"), "{said}");
    fs::write(&parts, whole.get(..whole.len() - 3).unwrap_or_default())?;
    let said = findings(&house, &recording).await?;
    ensure!(said.contains("track 1, epoch 1, part "), "{said}");
    fs::write(&parts, &whole)?;

    let signed = fs::read_to_string(&manifest)?;
    fs::write(
        &manifest,
        signed.replacen("\"payload\":\"ey", "\"payload\":\"ez", 1),
    )?;
    ensure!(
        fs::read_to_string(&manifest)? != signed,
        "nothing was altered"
    );
    let said = findings(&house, &recording).await?;
    ensure!(said.contains("manifest"), "{said}");
    fs::write(&manifest, &signed)?;
    house
        .recorder_says(&["verify", "alpine", &recording], "")
        .await
        .context("it is as it was, and not believed")?;
    house.stop().await
}

/// The relay starts, says where the damage is, and hands back what stands before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_in_the_spool_is_named_with_its_place() -> Result<()> {
    let mut house = House::start().await?;
    let site = bank(&house)?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    for cid in 1..=5 {
        visitor.say(cid, &"kept ".repeat(50)).await?;
    }
    let token = visitor.welcome.resume.clone();
    drop(visitor);
    house.stop().await?;

    let spool = house.plan().data().join("spool");
    let named = |path: &Path| path.extension().is_some_and(|ending| ending == "spool");
    let segment = find(&spool, &named)?.context("the spool has a segment")?;
    let mut bytes = fs::read(&segment)?;
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .context("it is empty")?;
    // Within the third of five messages of the same length, or near it.
    let at = end.checked_sub(900).context("it is short")?;
    *bytes.get_mut(at).context("a place in it")? ^= 1;
    fs::write(&segment, bytes)?;

    house.start_recorder().await?;
    house.start_relay().await?;
    let log = house.plan().path("relay.log");
    let mut line = None;
    for _ in 0..50 {
        let text = fs::read_to_string(&log)?;
        line = text
            .lines()
            .find(|line| line.contains("place="))
            .map(str::to_owned);
        if line.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let line = line.context("no line of the relay's log says where")?;
    ensure!(line.contains("place=segment 1, bytes "), "{line}");
    let hello = Hello::Resume {
        site,
        token,
        name: "Robin".to_owned(),
        have: 0,
    };
    // Whether the session has ended there or goes on, nobody is told that all is well.
    if let Ok(mut visitor) = Participant::enter(&house.widget(), site, &hello, &[]).await {
        let parts = visitor
            .until(|message| match message {
                ServerMessage::Sealed { parts, .. } => Some(parts.len()),
                _ => None,
            })
            .await?;
        ensure!(parts < 6, "{parts} parts came back whole");
    }
    is_well(&house).await?;
    house.stop().await
}
