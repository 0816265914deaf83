//! Scenario `call`: pairs in a call each, with recorded sound and pictures both ways.
//!
//! First everyone is connected and sends nothing: time to connect, and memory of an idle
//! connection. Then all play at the recording's own rate: processor time of each packet sent on.

pub mod caller;
pub mod peer;
pub mod player;
pub mod recorded;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use futures_util::stream::{self, StreamExt as _};
use proto::Hash32;
use proto::notice::Modality;
use proto::wire::ClientMessage;
use tokio::time::{Instant, sleep};

use self::caller::{Caller, Log, played};
use crate::meter::{Times, memory_kib};
use crate::rooms::{Doors, Target};
use crate::table::{self, number};

/// Rooms that are opened at the same time.
const OPENING: usize = 16;
/// Calls that are connected at the same time.
pub(crate) const CONNECTING: usize = 2;
/// How long everything is left alone before memory is read.
pub(crate) const SETTLE: Duration = Duration::from_secs(3);
/// How long everyone plays before it counts.
pub(crate) const WARM_UP: Duration = Duration::from_secs(2);
/// What each sends.
pub(crate) const KINDS: [Modality; 2] = [Modality::Audio, Modality::Video];

/// Pairs in a call: sound and pictures both ways, as recorded
#[derive(Args, Debug, Clone)]
pub struct Call {
    /// Where and who
    #[command(flatten)]
    pub target: Target,
    /// How many, and how long
    #[command(flatten)]
    pub size: Size,
}

/// How many calls there are, and for how long they are measured.
#[derive(Args, Debug, Clone)]
pub struct Size {
    /// Calls of two
    #[arg(long, default_value_t = 5)]
    pub pairs: usize,
    /// Measured rounds; the calls stay
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds of each round
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
}

/// What was measured of the connections.
#[derive(Debug, Clone)]
pub struct Report {
    /// From an offer to its connection's being up.
    pub connected: Times,
    /// Growth of the servers' memory, for each connection that sends nothing.
    pub idle_kib: Option<f64>,
    /// The rounds in which media flowed.
    pub rounds: Vec<Round>,
}

/// One round's figures.
#[derive(Debug, Clone)]
pub struct Round {
    /// RTP packets that went out.
    pub sent: u64,
    /// RTP packets that came in at the other end.
    pub received: u64,
    /// How long it took.
    pub took: Duration,
    /// Processor time of the servers.
    pub cpu: Option<Duration>,
    /// Processor time of what stands behind them.
    pub cpu_behind: Option<Duration>,
}

/// Both ends of a call.
struct Pair {
    visitor: Caller,
    agent: Caller,
}

impl Pair {
    fn both(&self) -> [&Caller; 2] {
        [&self.visitor, &self.agent]
    }
}

/// Runs the scenario; progress and tables go to `out`.
pub async fn run(scenario: &Call, out: &mut impl Write) -> Result<Report> {
    let (target, size) = (&scenario.target, &scenario.size);
    let doors = Doors::open(target).await?;
    let notice = doors.notice().await?;
    let mut pairs = open(&doors, size.pairs, notice, out).await?;
    sleep(SETTLE).await;
    let before = memory(target)?;
    let mut connecting = stream::iter(&mut pairs)
        .map(connect)
        .buffer_unordered(CONNECTING);
    let mut up = 0;
    while let Some(done) = connecting.next().await {
        done?;
        up += 1;
        if up % (size.pairs / 10).max(1) == 0 {
            writeln!(out, "{up} of {} calls connected", size.pairs)?;
        }
    }
    drop(connecting);
    sleep(SETTLE).await;
    let mut report = Report {
        connected: Times::default(),
        idle_kib: each(before, memory(target)?, 2 * size.pairs),
        rounds: Vec::new(),
    };
    for caller in pairs.iter().flat_map(Pair::both) {
        for time in caller.seen().connected {
            report.connected.add(time);
        }
        caller.play(true).await?;
    }
    sleep(WARM_UP).await;
    let callers = || pairs.iter().flat_map(Pair::both);
    let sent = || -> usize { callers().map(|c| played(&c.log).sent.len()).sum() };
    let received = || -> u64 { callers().map(|c| c.seen().all_received()).sum() };
    let used = || Ok((target.cpu()?, target.cpu_behind()?));
    let counts = || (sent(), received());
    report.rounds = size.measure(counts, used, out).await?;
    for pair in pairs {
        pair.visitor.say(ClientMessage::End {}).await?;
    }
    write_tables(size.pairs, &report, out)?;
    Ok(report)
}

/// Rooms with both in them, who have agreed to sound and pictures.
async fn open(
    doors: &Doors,
    pairs: usize,
    notice: Hash32,
    out: &mut impl Write,
) -> Result<Vec<Pair>> {
    let mut opening = stream::iter(0..pairs)
        .map(|number| async move {
            let room = doors.room(number).await?;
            let mut visitor = Caller::new(room.visitor, &KINDS, Log::default())?;
            let mut agent = Caller::new(room.agent, &KINDS, Log::default())?;
            visitor.agree(&KINDS, notice).await?;
            agent.agree(&KINDS, notice).await?;
            anyhow::Ok(Pair { visitor, agent })
        })
        .buffer_unordered(OPENING);
    let mut open = Vec::with_capacity(pairs);
    while let Some(pair) = opening.next().await {
        open.push(pair?);
        if open.len() % (pairs / 10).max(1) == 0 {
            writeln!(out, "{} of {pairs} rooms open", open.len())?;
        }
    }
    Ok(open)
}

/// The visitor calls, the agent answers, and both are connected.
async fn connect(pair: &mut Pair) -> Result<()> {
    pair.visitor.call(false).await?;
    pair.agent
        .until("the call", |seen| seen.call.is_some())
        .await?;
    pair.agent.call(false).await?;
    for caller in [&mut pair.visitor, &mut pair.agent] {
        caller
            .until("the connection", |seen| !seen.connected.is_empty())
            .await?;
        // Both sources of the other: sound and pictures.
        let me = caller.me;
        caller
            .until("the other's sources", |seen| {
                let people = seen.call.iter().flat_map(|call| &call.people);
                let others = people.filter(|person| person.participant != me);
                others.map(|person| person.sources.len()).sum::<usize>() >= KINDS.len()
            })
            .await
            .context("connecting")?;
    }
    Ok(())
}

impl Size {
    /// Round after round.
    pub(crate) async fn measure(
        &self,
        counts: impl Fn() -> (usize, u64),
        cpu: impl Fn() -> Result<(Option<Duration>, Option<Duration>)>,
        out: &mut impl Write,
    ) -> Result<Vec<Round>> {
        let mut rounds = Vec::new();
        for index in 1..=self.rounds {
            let round = round(self.seconds, &counts, &cpu).await?;
            let (of, count) = (self.rounds, round.received);
            writeln!(out, "round {index} of {of}: {count} packets sent on")?;
            rounds.push(round);
        }
        Ok(rounds)
    }
}

/// Counts for so many seconds what goes out and comes in, and what the servers use of the
/// processor: they themselves, and those behind them.
async fn round(
    seconds: u64,
    counts: impl Fn() -> (usize, u64),
    cpu: impl Fn() -> Result<(Option<Duration>, Option<Duration>)>,
) -> Result<Round> {
    let (before, before_behind) = cpu()?;
    let ((out, came), start) = (counts(), Instant::now());
    sleep(Duration::from_secs(seconds)).await;
    let used = |after: Option<Duration>, before: Option<Duration>| {
        let both = after.zip(before);
        both.map(|(after, before)| after.saturating_sub(before))
    };
    let ((sent, received), (after, after_behind)) = (counts(), cpu()?);
    Ok(Round {
        sent: u64::try_from(sent - out)?,
        received: received - came,
        took: start.elapsed(),
        cpu: used(after, before),
        cpu_behind: used(after_behind, before_behind),
    })
}

fn memory(target: &Target) -> Result<Option<u64>> {
    if target.pids.is_empty() {
        return Ok(None);
    }
    memory_kib(&target.pids).map(Some)
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(crate) fn each(before: Option<u64>, after: Option<u64>, count: usize) -> Option<f64> {
    let grown = after?.saturating_sub(before?);
    Some(grown as f64 / count as f64)
}

/// Writes what was measured of so many calls.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52; they are shown with three digits"
)]
pub fn write_tables(pairs: usize, report: &Report, out: &mut impl Write) -> Result<()> {
    let mut connected = report.connected.clone();
    writeln!(out)?;
    table::write(
        out,
        &["connections", "offer to up p50 ms", "p99", "idle KiB each"],
        &[vec![
            connected.len().to_string(),
            number(Some(connected.percentile_ms(50))),
            number(Some(connected.percentile_ms(99))),
            number(report.idle_kib),
        ]],
    )?;
    let mut rows = Vec::new();
    for (index, round) in report.rounds.iter().enumerate() {
        let (sent, received) = (round.sent as f64, round.received as f64);
        let seconds = round.took.as_secs_f64();
        let each = |cpu: Option<Duration>| cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / received);
        let share = |cpu: Option<Duration>| {
            cpu.map(|cpu| cpu.as_secs_f64() * 100.0 / seconds / pairs as f64)
        };
        rows.push(vec![
            (index + 1).to_string(),
            pairs.to_string(),
            number(Some(sent / seconds)),
            number(Some(received / seconds)),
            number(each(round.cpu)),
            number(share(round.cpu)),
            number(each(round.cpu_behind)),
            number(share(round.cpu_behind)),
        ]);
    }
    writeln!(out)?;
    table::write(
        out,
        &[
            "round",
            "calls",
            "packets in/s",
            "sent on/s",
            "relay CPU us/packet",
            "%/call",
            "recorder us/packet",
            "%/call",
        ],
        &rows,
    )?;
    Ok(())
}
