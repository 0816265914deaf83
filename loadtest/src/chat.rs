//! Scenario `chat`: pairs that talk, window one.
//!
//! The visitor sends 200 bytes; the next message goes out when the agent has it and the visitor
//! has its acknowledgement. With a rate, sends are paced and timed from when they were due.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use proto::wire::ClientMessage;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use crate::meter::Times;
use crate::participant::Participant;
use crate::rooms::{Doors, Room, Target};
use crate::table::{self, number};

/// Bytes of each message's text.
const TEXT_BYTES: usize = 200;
/// Rooms that are opened at the same time.
const OPENING: usize = 16;

/// Pairs that talk: one visitor and one agent in each room
#[derive(Args, Debug, Clone)]
pub struct Chat {
    /// Where and who
    #[command(flatten)]
    pub target: Target,
    /// Rooms
    #[arg(long, default_value_t = 50)]
    pub pairs: usize,
    /// Measured rounds; the rooms stay
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds of each round
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
    /// Seconds before the first round that are not counted
    #[arg(long, default_value_t = 2)]
    pub warm_up: u64,
    /// Messages per second over all rooms; as fast as it goes if not given
    #[arg(long)]
    pub rate: Option<u32>,
}

/// One round's figures.
#[derive(Debug, Clone)]
pub struct Round {
    /// Messages acknowledged and received.
    pub messages: usize,
    /// How long it took.
    pub took: Duration,
    /// Send to the visitor's acknowledgement.
    pub ack: Times,
    /// Send to the agent's receipt.
    pub received: Times,
    /// Processor time of the servers.
    pub cpu: Option<Duration>,
    /// Processor time of what stands behind them.
    pub cpu_behind: Option<Duration>,
    /// Syncs of the spool.
    pub syncs: Option<f64>,
}

/// Runs the scenario; progress and table go to `out`.
pub async fn run(scenario: &Chat, out: &mut impl Write) -> Result<Vec<Round>> {
    let mut rooms = open_rooms(scenario, out).await?;
    let mut spoken = vec![0; rooms.len()];
    if scenario.warm_up > 0 {
        writeln!(out, "warming up, {} s", scenario.warm_up)?;
        round(scenario, &mut rooms, &mut spoken, scenario.warm_up).await?;
    }
    let mut rounds = Vec::new();
    for index in 1..=scenario.rounds {
        let done = round(scenario, &mut rooms, &mut spoken, scenario.seconds).await?;
        writeln!(
            out,
            "round {index} of {}: {} messages",
            scenario.rounds, done.messages
        )?;
        rounds.push(done);
    }
    end_all(rooms).await?;
    report(scenario, &mut rounds.clone(), out)?;
    Ok(rounds)
}

async fn open_rooms(scenario: &Chat, out: &mut impl Write) -> Result<Vec<Room>> {
    let doors = Doors::open(&scenario.target).await?;
    let doors = &doors;
    let mut opening = stream::iter(0..scenario.pairs)
        .map(|number| async move { doors.room(number).await })
        .buffer_unordered(OPENING);
    let mut rooms = Vec::with_capacity(scenario.pairs);
    let step = (scenario.pairs / 10).max(1);
    while let Some(room) = opening.next().await {
        rooms.push(room?);
        if rooms.len() % step == 0 {
            writeln!(out, "{} of {} rooms open", rooms.len(), scenario.pairs)?;
        }
    }
    Ok(rooms)
}

async fn round(
    scenario: &Chat,
    rooms: &mut [Room],
    spoken: &mut [u64],
    seconds: u64,
) -> Result<Round> {
    let cpu = scenario.target.cpu()?;
    let cpu_behind = scenario.target.cpu_behind()?;
    let syncs = scenario.target.syncs().await?;
    let start = Instant::now();
    let until = start + Duration::from_secs(seconds);
    let pace = scenario
        .rate
        .map(|rate| Duration::from_secs(1) * u32::try_from(rooms.len()).unwrap_or(1) / rate.max(1));
    let count = u32::try_from(rooms.len().max(1)).unwrap_or(1);
    let mut talks: FuturesUnordered<_> = rooms
        .iter_mut()
        .zip(spoken.iter_mut())
        .zip(0u32..)
        .map(|((room, spoken), index)| {
            let first = start + pace.unwrap_or_default() * index / count;
            talk(room, spoken, first, pace, until)
        })
        .collect();
    let mut ack = Times::default();
    let mut received = Times::default();
    while let Some(times) = talks.next().await {
        let (a, r) = times?;
        ack.merge(a);
        received.merge(r);
    }
    drop(talks);
    let took = start.elapsed();
    Ok(Round {
        messages: ack.len(),
        took,
        ack,
        received,
        cpu: scenario
            .target
            .cpu()?
            .zip(cpu)
            .map(|(after, before)| after.saturating_sub(before)),
        cpu_behind: scenario
            .target
            .cpu_behind()?
            .zip(cpu_behind)
            .map(|(after, before)| after.saturating_sub(before)),
        syncs: scenario
            .target
            .syncs()
            .await?
            .zip(syncs)
            .map(|(after, before)| after - before),
    })
}

/// One room talks until the time is up.
async fn talk(
    room: &mut Room,
    spoken: &mut u64,
    mut due: Instant,
    pace: Option<Duration>,
    until: Instant,
) -> Result<(Times, Times)> {
    let mut ack = Times::default();
    let mut received = Times::default();
    loop {
        if pace.is_some() {
            sleep_until(due).await;
        } else {
            due = Instant::now();
        }
        if due >= until || Instant::now() >= until {
            return Ok((ack, received));
        }
        *spoken += 1;
        let say = ClientMessage::Say {
            cid: *spoken,
            text: text(*spoken),
        };
        room.visitor.send(&say).await?;
        let (a, r) = tokio::try_join!(
            wait_for(&mut room.visitor, "ack", *spoken, due),
            wait_for(&mut room.agent, "said", *spoken, due),
        )?;
        ack.add(a);
        received.add(r);
        if let Some(pace) = pace {
            due += pace;
        }
    }
}

/// Reads until the message about `cid` is there, and says how long after `since` that was.
async fn wait_for(
    participant: &mut Participant,
    kind: &str,
    cid: u64,
    since: Instant,
) -> Result<Duration> {
    #[derive(Deserialize)]
    struct Glance<'a> {
        t: &'a str,
        cid: Option<u64>,
        code: Option<&'a str>,
    }
    loop {
        let frame = participant.frame().await?;
        let glance: Glance = serde_json::from_str(&frame).context("a frame")?;
        if glance.t == kind && glance.cid == Some(cid) {
            return Ok(since.elapsed());
        }
        if let Some(code) = glance.code {
            bail!("refused: {code}");
        }
    }
}

/// Two hundred bytes that differ from message to message.
fn text(seq: u64) -> String {
    let mut text = format!("#{seq:010}# ");
    for index in 0.. {
        if text.len() >= TEXT_BYTES {
            break;
        }
        let turn = (seq.wrapping_mul(7).wrapping_add(index * 11)) % 26;
        text.push(char::from(b'a' + u8::try_from(turn).unwrap_or(0)));
    }
    text
}

async fn end_all(rooms: Vec<Room>) -> Result<()> {
    for mut room in rooms {
        room.visitor.send(&ClientMessage::End {}).await?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52; they are shown with three digits"
)]
fn report(scenario: &Chat, rounds: &mut [Round], out: &mut impl Write) -> Result<()> {
    let mut rows = Vec::new();
    for (index, round) in rounds.iter_mut().enumerate() {
        let messages = round.messages as f64;
        let each =
            |cpu: Option<Duration>| cpu.map(|cpu| cpu.as_secs_f64() * 1_000_000.0 / messages);
        rows.push(vec![
            (index + 1).to_string(),
            scenario.pairs.to_string(),
            number(Some(messages / round.took.as_secs_f64())),
            number(Some(round.ack.percentile_ms(50))),
            number(Some(round.ack.percentile_ms(99))),
            number(Some(round.received.percentile_ms(50))),
            number(Some(round.received.percentile_ms(99))),
            number(each(round.cpu)),
            number(each(round.cpu_behind)),
            number(round.syncs.map(|syncs| syncs / messages)),
        ]);
    }
    writeln!(out)?;
    table::write(
        out,
        &[
            "round",
            "pairs",
            "messages/s",
            "ack p50 ms",
            "p99",
            "received p50 ms",
            "p99",
            "relay CPU ms/1000",
            "recorder",
            "syncs/message",
        ],
        &rows,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_the_stated_length_and_differs_from_the_last() {
        assert_eq!(text(1).len(), TEXT_BYTES);
        assert_eq!(text(9_999_999_999).len(), TEXT_BYTES);
        assert_ne!(text(1), text(2));
    }
}
