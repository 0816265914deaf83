//! What was altered or cut short after it was kept: the damage is named with its place.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, agree};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use seal::spool::Record;
use serde_json::Value;
use testkit::house::House;

use super::{bank, is_well};
use crate::matrix::console::ended;
use crate::opened::{exported, listed};
use crate::session::client;
use crate::spoken::talk;

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

/// Where each part of an object begins.
fn offsets(index: &Path) -> Result<Vec<usize>> {
    let index: Value = serde_json::from_slice(&fs::read(index)?)?;
    let parts = index.get("parts").and_then(Value::as_array);
    let parts = parts.context("an index lists parts")?;
    let offset = |part: &Value| usize::try_from(part.get("offset")?.as_u64()?).ok();
    let all: Option<_> = parts.iter().map(offset).collect();
    all.context("each part has an offset")
}

/// What two officers get of it is what stands before the damage, and the bundle says so to whoever
/// has nothing but the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_recording_is_exported_up_to_the_damage_which_is_named_with_its_place()
-> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    talk(&house, &bank, &["first", "second", "third"]).await?;
    let recording = listed(&house, &bank).await?.recording.to_string();
    let vault = house.plan().data().join("vault");
    let of = |ending: &str| {
        let named = |path: &Path| path.to_string_lossy().ends_with(ending);
        find(&vault, &named)?.with_context(|| format!("the vault holds no {ending}"))
    };
    let (parts, begins) = (of(".parts")?, offsets(&of(".index.json")?)?);
    let whole = fs::read(&parts)?;
    // Joined, and then what was said.
    let third = *begins.get(2).context("a third part")?;
    let fourth = *begins.get(3).context("a fourth part")?;

    let mut altered = whole.clone();
    *altered
        .get_mut(third + 60)
        .context("a part has sixty bytes")? ^= 1;
    let cut = whole.get(..fourth + 7).context("a part has seven bytes")?;
    for (damaged, said, place, what) in [
        (&*altered, &["first"] as &[&str], 3, "was altered in "),
        (cut, &["first", "second"], 4, "is cut off"),
    ] {
        fs::write(&parts, damaged)?;
        let exported = exported(&house, &bank, &recording).await?;
        let found = format!("track 1, epoch 1, part {place}: {what}");
        let line = format!("damaged: {found}");
        ensure!(exported.said.contains(&line), "{line}: {}", exported.said);
        let words = exported.opened.said();
        ensure!(words == said, "{place}: {words:?}");
        let verdict = exported.verdict;
        let last = "The bundle is whole, and says itself what of the recording is not.";
        ensure!(verdict.contains(last), "{verdict}");
        ensure!(verdict.contains(&format!("damaged  {found}")), "{verdict}");
        ensure!(!verdict.contains("WRONG"), "{verdict}");
    }
    fs::write(&parts, &whole)?;
    let exported = exported(&house, &bank, &recording).await?;
    ensure!(
        exported.verdict.contains("The bundle is whole."),
        "{}",
        exported.verdict
    );
    house.stop().await
}

/// One byte of an acknowledged message: whole ones stand behind it, so it is no torn end. The relay
/// says so, hands back what stands before it, and ends the record there; what stands behind is kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_in_the_spool_is_named_with_its_place() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let site = bank.site.context("the bank has a site")?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    for cid in 1..=5 {
        visitor.say(cid, &format!("kept {cid}")).await?;
    }
    let token = visitor.welcome.resume.clone();
    drop(visitor);
    house.stop().await?;

    let spool = house.plan().data().join("spool");
    let named = |path: &Path| path.extension().is_some_and(|ending| ending == "spool");
    let segment = find(&spool, &named)?.context("the spool has a segment")?;
    let folder = segment.parent().context("in a folder")?;
    let parts = seal::spool::read::scan(folder)?.records.into_iter();
    let mut parts = parts.filter(|located| matches!(located.record, Record::Part(_)));
    // Joined, and then what was said: the third of five.
    let third = parts.nth(3).context("there are six parts")?.at;
    let mut bytes = fs::read(&segment)?;
    let at = usize::try_from(third.offset + third.length - 20)?;
    *bytes.get_mut(at).context("a place in it")? ^= 1;
    fs::write(&segment, bytes)?;

    house.start_recorder().await?;
    house.start_relay().await?;
    let hello = Hello::Resume {
        site,
        token,
        name: "Robin".to_owned(),
        have: 0,
    };
    let mut visitor = Participant::enter(&house.widget(), site, &hello, &[]).await?;
    let log = fs::read_to_string(house.plan().path("relay.log"))?;
    let place = format!(
        "place=segment 1, bytes {} to {}: a frame with altered bytes",
        third.offset,
        third.offset + third.length
    );
    let line = log.lines().find(|line| line.contains(&place));
    let line = line.with_context(|| format!("no line says {place}: {log}"))?;
    ensure!(line.contains("ERROR"), "{line}");
    ensure!(line.contains("may have been acknowledged"), "{line}");
    let handed_back = visitor
        .until(|message| match message {
            ServerMessage::Sealed { parts, .. } => Some(parts.len()),
            _ => None,
        })
        .await?;
    // Joined, two messages, and that it ended.
    ensure!(handed_back == 4, "{handed_back} parts were handed back");
    visitor
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;

    let recording = ended(&house).await?;
    let verified = house
        .recorder_says(&["verify", "alpine", &recording], "")
        .await?;
    let broken = "ending: breaks off (the spool was damaged): track 1 after part 3";
    ensure!(verified.contains(broken), "{verified}");
    ensure!(verified.contains("Z: the relay stopped"), "{verified}");
    let exported = exported(&house, &bank, &recording).await?;
    let words = exported.opened.said();
    ensure!(words == ["kept 1", "kept 2"], "{words:?}");
    ensure!(exported.verdict.contains(broken), "{}", exported.verdict);
    let miscounted = "do not count up without a gap";
    ensure!(
        exported.verdict.contains(miscounted),
        "{}",
        exported.verdict
    );
    // Nothing proves where the two behind it belong; they are not lost.
    let vault = house.plan().data().join("vault");
    let named = |path: &Path| path.to_string_lossy().ends_with("t0001-e0001.behind.json");
    let index = find(&vault, &named)?.context("what stands behind is not kept")?;
    ensure!(offsets(&index)?.len() == 2, "{}", index.display());
    is_well(&house).await?;
    house.stop().await
}
