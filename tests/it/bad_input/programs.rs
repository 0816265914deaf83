//! The two programs with a wrong configuration, key or port: one line that says which and what to
//! do, and an exit status that is not zero.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::house::{House, programs};
use tokio::process::Command;
use tokio::time::timeout;

/// Runs a program that should refuse at once; hands back its one line.
async fn refusal(program: &str, config: &Path, verb: &[&str]) -> Result<String> {
    let run = Command::new(programs()?.join(program))
        .arg("--config")
        .arg(config)
        .args(verb)
        .kill_on_drop(true)
        .output();
    let done = timeout(Duration::from_secs(20), run)
        .await
        .with_context(|| format!("{program} serves, and should have refused"))??;
    let said = String::from_utf8(done.stderr)?;
    ensure!(
        !done.status.success(),
        "{program} ended well, and said: {said}"
    );
    ensure!(
        done.status.code().is_some(),
        "{program} was killed by a signal: {}",
        done.status
    );
    let lines: Vec<&str> = said.lines().filter(|line| !is_log(line)).collect();
    let [line] = lines.as_slice() else {
        anyhow::bail!("{program} said more or less than one line:\n{said}");
    };
    Ok((*line).to_owned())
}

/// What it logged before it saw.
fn is_log(line: &str) -> bool {
    line.starts_with("20") && line.contains(" INFO ")
        || line.starts_with("20") && line.contains(" WARN ")
}

/// The line must hold each of these.
fn says(line: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(line.contains(word), "it does not say {word:?}: {line}");
    }
    Ok(())
}

/// A configuration file beside the good one, with something in it replaced.
fn changed(good: &Path, from: &str, to: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(good)?;
    ensure!(
        text.contains(from),
        "{from:?} does not stand in {}",
        good.display()
    );
    let file = good.with_extension("changed.toml");
    fs::write(&file, text.replacen(from, to, 1))?;
    Ok(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_start_says_which_and_what_to_do() -> Result<()> {
    let mut house = House::start().await?;
    house.stop().await?;
    let good = demo::config::relay_file(house.plan());
    let serve = &["serve"];

    let line = refusal("relay", &house.plan().path("nowhere.toml"), serve).await?;
    says(&line, &["nowhere.toml", "cannot be read", "--config"])?;
    let line = refusal("relay", house.folder(), serve).await?;
    says(&line, &["cannot be read"])?;
    let file = changed(&good, "[spool]\n", "[spool]\nsegment_gib = 1\n")?;
    says(
        &refusal("relay", &file, serve).await?,
        &["changed.toml", "line ", "segment_gib"],
    )?;
    let file = changed(&good, "[spool]\n", "[spool]\nsegment_mib = \"much\"\n")?;
    says(
        &refusal("relay", &file, serve).await?,
        &["line ", "invalid type"],
    )?;
    let file = changed(&good, "[spool]\n", "[spool\n")?;
    says(&refusal("relay", &file, serve).await?, &["line "])?;
    let file = changed(&good, "[spool]\n", "[spool]\nsegment_mib = 0\n")?;
    says(
        &refusal("relay", &file, serve).await?,
        &["segment_mib", "between"],
    )?;
    let file = changed(&good, "sqlite:data", "oracle:data")?;
    says(&refusal("relay", &file, serve).await?, &["[store] url"])?;
    let file = changed(&good, "sqlite:data", "sqlite:nowhere/at/all")?;
    says(
        &refusal("relay", &file, serve).await?,
        &["[store] url", "no recorder has set up", "recorder init"],
    )?;

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, house.plan().relay))?;
    let line = refusal("relay", &good, serve).await?;
    says(
        &line,
        &[
            "[listen] address",
            &house.plan().relay.to_string(),
            "another process",
        ],
    )?;
    drop(taken);

    let key = house.plan().data().join("relay/node.key");
    let whole = fs::read(&key)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    says(
        &refusal("relay", &good, serve).await?,
        &["node.key", "chmod 400"],
    )?;
    fs::remove_file(&key)?;
    says(
        &refusal("relay", &good, serve).await?,
        &["node.key", "relay node-key"],
    )?;
    for wrong in [
        whole.get(..31).unwrap_or_default(),
        &[whole.as_slice(), b"\n"].concat(),
    ] {
        put_key(&key, wrong)?;
        says(
            &refusal("relay", &good, serve).await?,
            &["node.key", "32 bytes", "relay node-key"],
        )?;
    }
    put_key(&key, &[7; 32])?;
    says(
        &refusal("relay", &good, serve).await?,
        &["not certified", "recorder node certify"],
    )?;
    put_key(&key, &whole)?;

    // And with everything as it was, it serves again.
    house.start_recorder().await?;
    house.start_relay().await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_cannot_start_says_which_and_what_to_do() -> Result<()> {
    let mut house = House::start().await?;
    house.stop().await?;
    let good = demo::config::recorder_file(house.plan());
    let serve = &["serve"];

    let line = refusal("recorder", &house.plan().path("nowhere.toml"), serve).await?;
    says(&line, &["nowhere.toml", "--config"])?;
    let file = changed(&good, "[intake]\n", "[intake]\nevery_day = 1\n")?;
    says(
        &refusal("recorder", &file, serve).await?,
        &["changed.toml", "line ", "every_day"],
    )?;
    let file = changed(&good, "[intake]\n", "[intake\n")?;
    says(&refusal("recorder", &file, serve).await?, &["line "])?;

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, house.plan().recorder))?;
    let line = refusal("recorder", &good, serve).await?;
    says(&line, &[&house.plan().recorder.to_string()])?;
    drop(taken);

    let key = house.plan().data().join("recorder/master.key");
    let whole = fs::read(&key).context("the master key")?;
    fs::remove_file(&key)?;
    says(&refusal("recorder", &good, serve).await?, &["master.key"])?;
    put_key(&key, whole.get(..31).unwrap_or_default())?;
    let line = refusal("recorder", &good, serve).await?;
    says(&line, &["master.key", "32 bytes", "backup"])?;
    // A key that is not the one under which everything is sealed.
    put_key(&key, &[7; 32])?;
    says(
        &refusal("recorder", &good, serve).await?,
        &["recorder.sealed", "master key is another", "backup"],
    )?;
    put_key(&key, &whole)?;

    // Rows that are not its own: it does not begin new ones beside them.
    let file = changed(&good, "sqlite:data", "sqlite:nowhere/at/all")?;
    says(
        &refusal("recorder", &file, serve).await?,
        &["nowhere/at/all", "no recorder's key", "[store]"],
    )?;
    for folder in ["spool", "vault"] {
        let (there, aside) = (house.plan().data().join(folder), house.plan().path("aside"));
        fs::rename(&there, &aside)?;
        fs::write(&there, "")?;
        says(
            &refusal("recorder", &good, serve).await?,
            &[&format!("data/{folder}"), &format!("[{folder}]")],
        )?;
        fs::remove_file(&there)?;
        fs::rename(&aside, &there)?;
    }

    house.start_recorder().await?;
    // A second one beside it would write the same files.
    let line = refusal("recorder", &good, serve).await?;
    says(&line, &["in use"])?;
    house.start_relay().await?;
    house.stop().await
}

fn put_key(file: &Path, bytes: &[u8]) -> Result<()> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    fs::write(file, bytes)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o400))?;
    Ok(())
}
