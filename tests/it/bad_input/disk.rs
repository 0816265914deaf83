//! A disk without room: no new sessions, those that run are told, and nothing acknowledged is lost.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use loadtest::participant::{Participant, agree, consent};
use proto::ErrorCode;
use proto::consent::RecordingChoice;
use proto::desk::GateView;
use proto::notice::Modality;
use proto::wire::{Hello, ServerMessage};
use testkit::house::House;

use super::{Log, Raw, Refusal, bank, is_well};
use crate::rows::sessions;

/// Starts the relay anew with a line in its `[spool]`, or without it.
async fn restart(house: &mut House, line: &str) -> Result<()> {
    let status = house.relay.stop().await?;
    ensure!(status.success(), "the relay did not stop cleanly: {status}");
    let file = demo::config::relay_file(house.plan());
    let text = fs::read_to_string(&file)?;
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("min_free_mib"))
        .flat_map(|line| [line, "\n"])
        .collect();
    ensure!(text.contains("[spool]\n"), "there is no [spool]");
    fs::write(
        &file,
        text.replace("[spool]\n", &format!("[spool]\n{line}")),
    )?;
    house.start_relay().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_what_must_be_recorded_and_loses_nothing() -> Result<()> {
    let mut house = House::start().await?;
    let site = bank(&house)?;
    let agreed = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, agreed.join, None, &[]).await?;
    visitor.say(1, "kept").await?;
    let token = visitor.welcome.resume.clone();
    drop(visitor);

    restart(&mut house, "min_free_mib = 1000000000\n").await?;
    let log = Log::from_here(&house)?;
    let before = sessions(&house).await?;
    let path = format!("/api/v1/sites/{site}/notice");
    let gate: GateView = house.widget().fetch(&path, &[]).await?;
    let refused = consent(
        &house.widget(),
        site,
        gate.notice,
        &[Modality::Chat],
        RecordingChoice::Acknowledged,
    )
    .await?;
    ensure!(
        refused.refusal() == Some(ErrorCode::RecordingUnavailable),
        "{}",
        refused.status
    );
    ensure!(
        sessions(&house).await? == before,
        "a refused consent left a session"
    );
    log.tells(ErrorCode::RecordingUnavailable).await?;
    let health = house
        .widget()
        .send(Method::GET, "/healthz", &[], Bytes::new())
        .await?;
    let words = String::from_utf8_lossy(&health.body);
    ensure!(
        health.status == StatusCode::SERVICE_UNAVAILABLE && words.contains("disk is full"),
        "{words}"
    );

    // Who is in a conversation comes back to it, reads it, and is told that it cannot go on.
    let hello = |token: &proto::Token| Hello::Resume {
        site,
        token: token.clone(),
        name: "Robin".to_owned(),
        have: 0,
    };
    let mut visitor = Participant::enter(&house.widget(), site, &hello(&token), &[]).await?;
    let token = visitor.welcome.resume.clone();
    let handed_back = visitor
        .until(|message| match message {
            ServerMessage::Sealed { parts, .. } => Some(parts.len()),
            _ => None,
        })
        .await?;
    ensure!(handed_back == 2, "{handed_back} parts were handed back");
    let mut raw = Raw(visitor.into_socket());
    raw.say(2, "lost?").await?;
    let told = raw.end().await?;
    ensure!(
        told == Refusal::closing(ErrorCode::RecordingUnavailable),
        "{told:?}"
    );

    restart(&mut house, "").await?;
    let mut visitor = Participant::enter(&house.widget(), site, &hello(&token), &[]).await?;
    let last = visitor
        .until(|message| match message {
            ServerMessage::Sealed { parts, .. } => Some(parts.len()),
            _ => None,
        })
        .await
        .context("after there is room again")?;
    ensure!(last == 2, "{last} parts were handed back");
    let n = visitor.say(2, "not lost").await?;
    if n != 3 {
        bail!("the message has place {n}");
    }
    is_well(&house).await?;
    house.stop().await
}
