//! aiortc, by way of Python: a visitor who is no browser calls through the real gate and protocol,
//! and what two officers open is what it sent.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::call::caller::{Caller, Log};
use loadtest::participant::{Participant, accept, sign_in};
use proto::notice::Modality;
use testkit::house::House;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UdpSocket;
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use super::python;
use crate::call::{film, films, notice};
use crate::session::client;

const BOTH: [Modality; 2] = [Modality::Audio, Modality::Video];
/// Seconds of the call.
const LASTS: u32 = 6;
/// Of what was sent, before it is compared: 48 kHz to the film's 8, and both to 2.
const SENT_STEP: usize = 24;
const HEARD_STEP: usize = 4;
/// Samples a second that are compared.
const RATE: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_sends_is_what_is_opened() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let site = bank.site.context("the bank has a site")?;
    let mia = bank.agents.first().context("the bank has agents")?;
    let folder = tempfile::tempdir()?;
    let sent = folder.path().join("sent.s16");
    let decoy = UdpSocket::bind(("127.0.0.1", 0)).await?;
    let python = python();
    let mut stranger = Command::new(&python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("it/strangers/aiortc_visitor.py"))
        .arg(house.plan().relay.to_string())
        .arg(site.to_string())
        .arg(LASTS.to_string())
        .arg(&sent)
        .arg(decoy.local_addr()?.port().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}: run scripts/setup", python.display()))?;
    let mut said = BufReader::new(stranger.stdout.take().context("its output")?).lines();

    let desk = house.desk();
    let cookie = sign_in(&desk, &bank.slug, &mia.sign_in, &mia.password).await?;
    let session = says(&mut said, "session ").await?;
    let accepted = accept(&desk, &cookie, session.parse()?).await?;
    let headers = [("cookie", cookie.as_str())];
    let agent = Participant::join(&desk, accepted.site, accepted.join, None, &headers).await?;
    let mut agent = Caller::new(agent, &BOTH, Log::default())?;
    agent.agree(&BOTH, notice(&house, &bank).await?).await?;
    says(&mut said, "called").await?;
    agent.until("the ring", |seen| seen.call.is_some()).await?;
    agent.call(false).await?;
    agent
        .until("a connection", |seen| !seen.connected.is_empty())
        .await?;
    agent.play(true).await?;
    says(&mut said, "connected").await?;
    let came = says(&mut said, "over ").await?;
    let came: std::collections::BTreeMap<String, u64> = serde_json::from_str(&came)?;
    for kind in ["audio", "video"] {
        ensure!(came.get(kind).is_some_and(|count| *count > 20), "{came:?}");
    }
    ensure!(stranger.wait().await?.success(), "the stranger failed");
    let mut datagram = [0; 2000];
    ensure!(
        decoy.try_recv(&mut datagram).is_err(),
        "something was sent to a port that an offer named"
    );

    let opened = crate::opened::newest(&house, &bank).await?;
    let films = films(&opened.bundle, folder.path()).await?;
    let film = film(&films, "visitor")?;
    let pictures = film.pictures(film.only("video")?).await?;
    ensure!(pictures.len() > 60, "{} pictures", pictures.len());
    let start = pictures.first().context("no picture")?;
    for (before, picture) in pictures.iter().zip(pictures.iter().skip(1)) {
        ensure!(picture.number > before.number, "{before:?}, {picture:?}");
        let due = start.at + f64::from(picture.number - start.number) / 20.0;
        ensure!(
            (picture.at - due).abs() < 0.06,
            "{picture:?} is due at {due}"
        );
    }
    let heard = film.sound(film.only("audio")?).await?;
    let sent = samples(&std::fs::read(&sent)?);
    correlates(
        &coarse(&sent, SENT_STEP),
        &coarse(heard.samples(), HEARD_STEP),
    )?;
    house.stop().await
}

/// Reads on to a line that begins so, and hands back the rest of it.
async fn says(lines: &mut Lines<BufReader<ChildStdout>>, begins: &str) -> Result<String> {
    loop {
        let line = timeout(Duration::from_secs(40), lines.next_line()).await??;
        let line = line.with_context(|| format!("it never said {begins:?}"))?;
        if let Some(rest) = line.strip_prefix(begins) {
            return Ok(rest.trim().to_owned());
        }
    }
}

fn samples(bytes: &[u8]) -> Vec<f32> {
    let pairs = bytes.as_chunks().0.iter();
    pairs
        .map(|pair| f32::from(i16::from_le_bytes(*pair)))
        .collect()
}

/// Means of `step` samples each.
#[expect(clippy::cast_precision_loss, reason = "a few samples")]
fn coarse(samples: &[f32], step: usize) -> Vec<f64> {
    let pieces = samples.chunks_exact(step);
    pieces
        .map(|piece| piece.iter().copied().map(f64::from).sum::<f64>() / step as f64)
        .collect()
}

/// Each second that was heard is found in what was sent, and always as much later.
fn correlates(sent: &[f64], heard: &[f64]) -> Result<()> {
    let begins = heard.iter().position(|sample| sample.abs() > 0.05);
    let begins = begins.context("nothing is heard")? + RATE / 4;
    let whole: Vec<&[f64]> = heard
        .get(begins..)
        .unwrap_or_default()
        .chunks_exact(RATE)
        .collect();
    ensure!(whole.len() >= 4, "only {} s are heard", whole.len());
    let mut lags = Vec::new();
    for (second, piece) in whole.iter().enumerate() {
        let (lag, likeness) = sent
            .windows(RATE)
            .map(|window| likeness(window, piece))
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .context("too little was sent")?;
        ensure!(
            likeness > 0.9,
            "second {second} is like what was sent by {likeness:.2}"
        );
        lags.push(i64::try_from(lag)? - i64::try_from(second * RATE)?);
    }
    let (least, most) = (lags.iter().min(), lags.iter().max());
    let spread = most.zip(least).map_or(0, |(most, least)| most - least);
    // Ten milliseconds.
    ensure!(spread <= 20, "it does not stay in step: {lags:?}");
    Ok(())
}

/// Normalised cross-correlation: 1 is the same but for loudness.
fn likeness(one: &[f64], other: &[f64]) -> f64 {
    let (mut both, mut own, mut others) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        both += a * b;
        own += a * a;
        others += b * b;
    }
    both / (own * others).sqrt().max(1e-9)
}
