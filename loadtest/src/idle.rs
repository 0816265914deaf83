//! Scenario `idle`: connections that join and then do nothing, two to a room.
//!
//! The gate (notice, consent, accepting: signatures and rows) is timed apart from joining.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::meter::{Times, memory_kib};
use crate::participant::Participant;
use crate::rooms::{Doors, Target};
use crate::table::{self, number};

/// Rooms that join at the same time: 32 connections.
const JOINING: usize = 16;
/// Rooms whose tokens are fetched before they join: a token lives for a minute.
const BATCH: usize = 250;
/// How long everything is left alone before memory is read.
const SETTLE: Duration = Duration::from_secs(5);

/// Connections that join and stay, two to a room
#[derive(Args, Debug, Clone)]
pub struct Idle {
    /// Where and who
    #[command(flatten)]
    pub target: Target,
    /// Connections
    #[arg(long, default_value_t = 2000)]
    pub connections: usize,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// Connections that joined.
    pub connections: usize,
    /// Time spent at the gate, over all.
    pub gate: Duration,
    /// Servers' processor time at the gate.
    pub gate_cpu: Option<Duration>,
    /// Time spent joining, over all.
    pub join: Duration,
    /// Servers' processor time for joining.
    pub join_cpu: Option<Duration>,
    /// One room's two joins.
    pub joins: Times,
    /// Growth of the servers' memory.
    pub grown_kib: Option<u64>,
}

/// Runs the scenario; progress and table go to `out`.
pub async fn run(scenario: &Idle, out: &mut impl Write) -> Result<Report> {
    let target = &scenario.target;
    let doors = Doors::open(target).await?;
    let doors = &doors;
    let before = memory(target)?;
    let mut report = Report {
        connections: 0,
        gate: Duration::ZERO,
        gate_cpu: target.cpu()?.map(|_| Duration::ZERO),
        join: Duration::ZERO,
        join_cpu: target.cpu()?.map(|_| Duration::ZERO),
        joins: Times::default(),
        grown_kib: None,
    };
    let rooms = scenario.connections.div_ceil(2);
    let mut idle = JoinSet::new();
    let mut opened = 0;
    while opened < rooms {
        let batch = BATCH.min(rooms - opened);
        let (start, cpu) = (Instant::now(), target.cpu()?);
        let tokens: Vec<_> = stream::iter(opened..opened + batch)
            .map(|number| async move { doors.tokens(number).await })
            .buffer_unordered(JOINING)
            .collect()
            .await;
        report.gate += start.elapsed();
        add(&mut report.gate_cpu, target.cpu()?, cpu);

        let (start, cpu) = (Instant::now(), target.cpu()?);
        let mut joining = stream::iter(tokens)
            .map(|tokens| async move {
                let start = Instant::now();
                let room = doors.join(tokens?).await?;
                anyhow::Ok((room, start.elapsed()))
            })
            .buffer_unordered(JOINING);
        while let Some(joined) = joining.next().await {
            let (room, took) = joined?;
            report.joins.add(took);
            report.connections += 2;
            idle.spawn(stay(room.visitor));
            idle.spawn(stay(room.agent));
        }
        report.join += start.elapsed();
        add(&mut report.join_cpu, target.cpu()?, cpu);
        opened += batch;
        writeln!(out, "{} connections joined", report.connections)?;
    }
    sleep(SETTLE).await;
    report.grown_kib = memory(target)?
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    let lost = std::iter::from_fn(|| idle.try_join_next()).count();
    if lost > 0 {
        writeln!(out, "{lost} connections were lost")?;
    }
    write_table(&mut report.clone(), out)?;
    Ok(report)
}

/// Reads and drops whatever comes, as an open page does, until the connection ends.
async fn stay(mut participant: Participant) {
    while participant.frame().await.is_ok() {}
}

fn memory(target: &Target) -> Result<Option<u64>> {
    if target.pids.is_empty() {
        return Ok(None);
    }
    memory_kib(&target.pids).map(Some)
}

fn add(sum: &mut Option<Duration>, after: Option<Duration>, before: Option<Duration>) {
    if let (Some(sum), Some(after), Some(before)) = (sum.as_mut(), after, before) {
        *sum += after.saturating_sub(before);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52; they are shown with three digits"
)]
fn write_table(report: &mut Report, out: &mut impl Write) -> Result<()> {
    let connections = report.connections as f64;
    let rooms = connections / 2.0;
    let each =
        |cpu: Option<Duration>, count: f64| cpu.map(|cpu| cpu.as_secs_f64() * 1000.0 / count);
    let row = vec![
        report.connections.to_string(),
        number(report.grown_kib.map(|kib| kib as f64 / connections)),
        number(Some(connections / report.join.as_secs_f64())),
        number(Some(report.joins.percentile_ms(50) / 2.0)),
        number(each(report.join_cpu, connections)),
        number(Some(rooms / report.gate.as_secs_f64())),
        number(each(report.gate_cpu, rooms)),
    ];
    writeln!(out)?;
    table::write(
        out,
        &[
            "connections",
            "KiB each",
            "joins/s",
            "join p50 ms",
            "CPU ms/join",
            "gates/s",
            "CPU ms/gate",
        ],
        &[row],
    )?;
    Ok(())
}
