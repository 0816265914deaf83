//! Scenario `idle`: connections that join and then do nothing, two to a room.
//!
//! The gate (notice, consent, accepting: signatures and rows) is timed apart from joining.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::meter::memory_kib;
use crate::participant::Participant;
use crate::rooms::{Doors, Target};
use crate::table::{self, number};

/// Connections that are worked on at the same time.
const AT_ONCE: usize = 32;
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
    /// Agreeing and accepting: signatures, keys, rows.
    pub gate: Phase,
    /// From a token to the welcome.
    pub join: Phase,
    /// Growth of the servers' memory.
    pub grown_kib: Option<u64>,
}

/// Time spent, over all batches.
#[derive(Debug, Clone)]
pub struct Phase {
    /// By the clock.
    pub took: Duration,
    /// Servers' processor time.
    pub cpu: Option<Duration>,
}

impl Phase {
    fn new(target: &Target) -> Result<Self> {
        Ok(Self {
            took: Duration::ZERO,
            cpu: target.cpu()?.map(|_| Duration::ZERO),
        })
    }

    /// Adds what `work` takes.
    async fn time<T>(
        &mut self,
        target: &Target,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (start, before) = (Instant::now(), target.cpu()?);
        let done = work.await?;
        self.took += start.elapsed();
        if let (Some(sum), Some(after), Some(before)) = (self.cpu.as_mut(), target.cpu()?, before) {
            *sum += after.saturating_sub(before);
        }
        Ok(done)
    }
}

/// Does `work` with each, some at a time.
async fn each<A, B, F>(items: impl IntoIterator<Item = A>, work: impl Fn(A) -> F) -> Result<Vec<B>>
where
    F: Future<Output = Result<B>>,
{
    stream::iter(items)
        .map(work)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Runs the scenario; progress and table go to `out`.
pub async fn run(scenario: &Idle, out: &mut impl Write) -> Result<Report> {
    let target = &scenario.target;
    let doors = Doors::open(target).await?;
    let doors = &doors;
    let before = memory(target)?;
    let mut report = Report {
        connections: 0,
        gate: Phase::new(target)?,
        join: Phase::new(target)?,
        grown_kib: None,
    };
    let rooms = scenario.connections.div_ceil(2);
    let mut idle = JoinSet::new();
    let mut opened = 0;
    while opened < rooms {
        let batch = BATCH.min(rooms - opened);
        let agreed = report
            .gate
            .time(
                target,
                each(opened..opened + batch, |number| doors.agree(number)),
            )
            .await?;
        let arrived = report
            .join
            .time(target, each(agreed, |agreed| doors.arrive(agreed)))
            .await?;
        let accepted = report
            .gate
            .time(
                target,
                each(arrived, |(number, visitor)| doors.accept(number, visitor)),
            )
            .await?;
        let answered = report
            .join
            .time(target, each(accepted, |accepted| doors.answer(accepted)))
            .await?;
        for room in answered {
            report.connections += 2;
            idle.spawn(stay(room.visitor));
            idle.spawn(stay(room.agent));
        }
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
    write_table(&report, out)?;
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

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52; they are shown with three digits"
)]
fn write_table(report: &Report, out: &mut impl Write) -> Result<()> {
    let connections = report.connections as f64;
    let each = |cpu: Option<Duration>| cpu.map(|cpu| cpu.as_secs_f64() * 1000.0 / connections);
    let row = vec![
        report.connections.to_string(),
        number(report.grown_kib.map(|kib| kib as f64 / connections)),
        number(Some(connections / report.join.took.as_secs_f64())),
        number(each(report.join.cpu)),
        number(Some(connections / report.gate.took.as_secs_f64())),
        number(each(report.gate.cpu)),
    ];
    writeln!(out)?;
    table::write(
        out,
        &[
            "connections",
            "KiB each",
            "joins/s",
            "CPU ms/join",
            "gates/s",
            "CPU ms/gate",
        ],
        &[row],
    )?;
    Ok(())
}
