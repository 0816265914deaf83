//! When each packet was made, by one clock for all sources: the relay's.
//!
//! RTP times count from anywhere, each stream for itself. A sender report says which moment of the
//! sender's clock an RTP time is; all streams of one sender share that clock, so sound and picture
//! fit together by it, however long each took to encode and send; after a pause it is asked anew.
//! From the sender's clock to the relay's it is one step for all of them: as early as the fastest
//! packet allows. A sender's clock that runs fast or slow is found by how that step moves in ten
//! minutes and more. Without reports a stream's own RTP time takes the place of the sender's clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use seal::media::{Packet, Report};

use super::take::{Stream, Track};

/// Sender reports that are looked at on either side of one.
const AROUND: usize = 8;
/// Arrivals are looked at in pieces of this length.
const WINDOW: i64 = 5_000_000;
/// A step by more than this, up or down, is another clock: no network and no drift does that.
const JUMP: u64 = 2_000_000;
/// Streams whose steps differ by no more tenths of a second share a sender's clock.
const SHARED: i64 = 5;
/// A drift is not looked for in less.
const DRIFT_SPAN: i64 = 600_000_000;
/// Nor believed if it is more, in parts of 10^9: between two machines' clocks, and between a machine's
/// and its sound card's, which may run off either way.
const DRIFT_MAX: i128 = 500_000;
const CARD_DRIFT_MAX: i128 = 2 * DRIFT_MAX;
/// How far a packet may be moved from its arrival.
const EARLIER: i64 = 3_000_000;
const LATER: i64 = 1_000_000;
/// 1900 to 1970, in seconds.
const NTP_EPOCH: i64 = 2_208_988_800;

/// When the packets of a stream were made.
#[derive(Default)]
pub struct Times {
    /// Of each packet, in µs since the Unix epoch.
    pub at: Vec<i64>,
    /// How many would have been moved further than may be.
    pub held: u64,
}

/// The times of all packets of one participant's tracks, stream by stream.
pub fn times(tracks: &[&Track]) -> Vec<Times> {
    let streams = tracks.iter().flat_map(|track| {
        let of = |stream| pieces(stream, &track.resumed);
        track.streams.iter().map(of)
    });
    let streams: Vec<Vec<Timed<'_>>> = streams
        .map(|pieces| pieces.into_iter().map(Timed::new).collect())
        .collect();
    let shared = Shared::among(streams.iter().flatten());
    let times = |pieces: &Vec<Timed<'_>>| {
        let mut times = Times::default();
        for piece in pieces {
            piece.tell(&shared, &mut times);
        }
        times
    };
    streams.iter().map(times).collect()
}

/// A piece with what is known of its clock.
struct Timed<'a> {
    piece: Piece<'a>,
    sender: Sender,
    runs: Vec<Run>,
}

impl<'a> Timed<'a> {
    fn new(piece: Piece<'a>) -> Self {
        let sender = sender(&piece);
        let runs = runs(&piece, &sender);
        Self {
            piece,
            sender,
            runs,
        }
    }

    /// Tells when each packet was made.
    fn tell(&self, shared: &Shared, times: &mut Times) {
        let line = |run: &Run| {
            let line = shared.0.get(&tenths(run.step));
            let line = line.filter(|_| self.sender.reported).copied();
            line.unwrap_or_else(|| Line::through(run.steps.clone()))
        };
        let lines: Vec<Line> = self.runs.iter().map(line).collect();
        for (packet, sent) in self.piece.packets.iter().zip(&self.sender.sent) {
            let arrival = packet.arrival;
            let line = lines.get(run_of(&self.runs, arrival, *sent));
            let line = line.or(lines.last());
            let made = line.map_or(arrival, |line| line.at(*sent));
            let at = made.clamp(
                arrival.saturating_sub(EARLIER),
                arrival.saturating_add(LATER),
            );
            times.held += u64::from(at != made);
            times.at.push(at);
        }
    }
}

/// The lines of all runs that are by their sender's clock, by the tenth of a second of their steps.
/// Each is worked out once, however many pauses somebody makes.
struct Shared(BTreeMap<i64, Line>);

impl Shared {
    fn among<'a>(pieces: impl Iterator<Item = &'a Timed<'a>>) -> Self {
        let mut steps: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
        let reported = pieces.filter(|piece| piece.sender.reported);
        for run in reported.flat_map(|piece| &piece.runs) {
            let alike = steps.entry(tenths(run.step)).or_default();
            alike.extend(&run.steps);
        }
        let line = |step: i64| {
            let near = steps.range(step.saturating_sub(SHARED)..=step.saturating_add(SHARED));
            let points = near.flat_map(|(_, points)| points).copied();
            (step, Line::through(points.collect()))
        };
        Self(steps.keys().copied().map(line).collect())
    }
}

fn tenths(step: i64) -> i64 {
    step.div_euclid(100_000)
}

/// A stretch of a stream in which its RTP time counts on. After a pause it may go on where it stood
/// before it: browsers count the samples that they send.
struct Piece<'a> {
    clock_rate: u32,
    packets: &'a [Packet<Bytes>],
    reports: &'a [Report],
}

fn pieces<'a>(stream: &'a Stream, mut resumed: &[i64]) -> Vec<Piece<'a>> {
    let clock_rate = stream.clock_rate;
    let (mut packets, mut reports) = (stream.packets.as_slice(), stream.reports.as_slice());
    let mut pieces = Vec::new();
    while let Some(last) = packets.last() {
        // Behind its last packet nothing of it went on.
        let within = resumed.partition_point(|at| *at <= last.arrival);
        let Some((at, rest)) = resumed.get(..within).and_then(<[i64]>::split_last) else {
            break;
        };
        resumed = rest;
        // What was sent before the pause may have come again after it.
        let Some(before) = packets.iter().rposition(|p| p.arrival < *at) else {
            break;
        };
        let (earlier, later) = packets.split_at(before + 1);
        let first = later.first().map_or(*at, |first| first.arrival);
        // A report from before the first packet speaks of the time before the pause.
        let known = reports.partition_point(|r| r.arrival < first);
        let (told, of_later) = reports.split_at(known);
        pieces.push(Piece {
            clock_rate,
            packets: later,
            reports: of_later,
        });
        (packets, reports) = (earlier, told);
    }
    pieces.push(Piece {
        clock_rate,
        packets,
        reports,
    });
    pieces.reverse();
    pieces
}

/// Which run a packet is of. A window in which one ends and another begins has packets of both: each
/// goes with the one that its own step is nearer to.
fn run_of(runs: &[Run], arrival: i64, sent: i64) -> usize {
    let window = arrival.div_euclid(WINDOW);
    let step = arrival.saturating_sub(sent);
    let place = runs.partition_point(|run| run.until <= window);
    let run = runs.get(place);
    let begins = run.is_some_and(|run| run.steps.first().is_some_and(|(at, _)| *at == window));
    let ends = run.is_some_and(|run| run.until == window + 1);
    let before = place.checked_sub(1).filter(|_| begins);
    let after = Some(place + 1).filter(|_| ends);
    let near = [Some(place), before, after].into_iter().flatten();
    near.filter_map(|place| Some((place, runs.get(place)?)))
        .min_by_key(|(_, run)| run.step.abs_diff(step))
        .map_or(place, |(place, _)| place)
}

/// A stream by its sender's clock.
struct Sender {
    /// Whether that is the sender's clock indeed, or the stream's RTP time.
    reported: bool,
    /// When each packet was made, in µs.
    sent: Vec<i64>,
}

fn sender(stream: &Piece<'_>) -> Sender {
    let mut unrolled = Vec::with_capacity(stream.packets.len());
    let (mut before, mut total) = (None, 0_i64);
    for packet in stream.packets {
        let step = packet.time.wrapping_sub(before.unwrap_or(packet.time));
        total = total.saturating_add(i64::from(step.cast_signed()));
        before = Some(packet.time);
        unrolled.push(total);
    }
    let micros = |units: i64| scale(units, 1_000_000, i64::from(stream.clock_rate.max(1)));
    // How far the sender's clock is ahead of the stream's, at some of its times.
    let mut anchors: Vec<(i64, i64)> = Vec::new();
    for report in stream.reports {
        let near = stream
            .packets
            .partition_point(|packet| packet.arrival <= report.arrival);
        let near = near.saturating_sub(1);
        let (Some(packet), Some(at)) = (stream.packets.get(near), unrolled.get(near)) else {
            continue;
        };
        let step = report.time.wrapping_sub(packet.time).cast_signed();
        let at = micros(at.saturating_add(i64::from(step)));
        anchors.push((at, ntp(report.ntp).saturating_sub(at)));
    }
    let mut ahead: Vec<i64> = anchors.iter().map(|(_, ahead)| *ahead).collect();
    ahead.sort_unstable();
    if let Some(middle) = ahead.get(ahead.len() / 2) {
        anchors.retain(|(_, ahead)| ahead.abs_diff(*middle) < JUMP);
    }
    anchors.sort_unstable();
    anchors.dedup_by_key(|(at, _)| *at);
    let anchors = steadied(&anchors);
    let sent = unrolled.iter().map(|units| {
        let at = micros(*units);
        at.saturating_add(between(&anchors, at))
    });
    Sender {
        reported: !anchors.is_empty(),
        sent: sent.collect(),
    }
}

/// Each anchor with a low one of the values around it: a busy sender looks at its clock late for one
/// report or another, never early, and no picture was made later for that. By how much the clocks
/// drift apart is no matter of lateness, and left aside.
fn steadied(anchors: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let rate = drift(anchors, CARD_DRIFT_MAX);
    let drifted = |at: i64| scale(at, rate, 1_000_000_000);
    let low = |(place, (at, _)): (usize, &(i64, i64))| {
        // As far on either side, that a drift takes nothing with it; at the ends that would be nobody.
        let end = place.min(anchors.len() - 1 - place);
        let reach = end.clamp(AROUND / 2, AROUND);
        let around = place.saturating_sub(reach)..anchors.len().min(place + reach + 1);
        let near = anchors.get(around).unwrap_or_default();
        let level = |(at, value): &(i64, i64)| value.saturating_sub(drifted(*at));
        let mut near: Vec<i64> = near.iter().map(level).collect();
        near.sort_unstable();
        let low = *near.get(near.len().checked_sub(1)? / 4)?;
        Some((*at, low.saturating_add(drifted(*at))))
    };
    anchors.iter().enumerate().filter_map(low).collect()
}

/// The value at `at` on the straight lines between `anchors`; 0 where there is none.
fn between(anchors: &[(i64, i64)], at: i64) -> i64 {
    let behind = anchors.partition_point(|(place, _)| *place <= at);
    let before = behind.checked_sub(1).and_then(|place| anchors.get(place));
    match (before, anchors.get(behind)) {
        (None, None) => 0,
        (Some((_, value)), None) | (None, Some((_, value))) => *value,
        (Some((from, low)), Some((to, high))) => low.saturating_add(scale(
            at.saturating_sub(*from),
            high.saturating_sub(*low),
            to.saturating_sub(*from),
        )),
    }
}

/// A piece of a stream in which one step leads from the sender's clock to the relay's.
struct Run {
    /// The first window that is not of it.
    until: i64,
    /// The smallest step.
    step: i64,
    /// The smallest step of each window, and when.
    steps: Vec<(i64, i64)>,
}

fn runs(stream: &Piece<'_>, sender: &Sender) -> Vec<Run> {
    let mut windows: Vec<(i64, i64)> = stream
        .packets
        .iter()
        .zip(&sender.sent)
        .map(|(packet, sent)| {
            let window = packet.arrival.div_euclid(WINDOW);
            (window, packet.arrival.saturating_sub(*sent))
        })
        .collect();
    windows.sort_unstable();
    windows.dedup_by_key(|(window, _)| *window);
    let mut runs: Vec<Run> = Vec::new();
    let mut last = None;
    for (window, step) in windows {
        let jumped = last.is_none_or(|last: i64| last.abs_diff(step) > JUMP);
        last = Some(step);
        match runs.last_mut().filter(|_| !jumped) {
            Some(run) => {
                run.until = window + 1;
                run.step = run.step.min(step);
                run.steps.push((window, step));
            }
            None => runs.push(Run {
                until: window + 1,
                step,
                steps: vec![(window, step)],
            }),
        }
    }
    runs
}

/// From a sender's clock to the relay's.
#[derive(Clone, Copy)]
struct Line {
    /// The step at the sender's moment `origin`.
    step: i64,
    origin: i64,
    /// By how much the step grows, in parts of 10^9.
    drift: i64,
}

impl Line {
    /// Through the smallest step of each window.
    fn through(mut points: Vec<(i64, i64)>) -> Self {
        points.sort_unstable();
        points.dedup_by_key(|(window, _)| *window);
        for (window, _) in &mut points {
            *window = window.saturating_mul(WINDOW);
        }
        let first = points.first().copied().unwrap_or_default();
        let drift = drift(&points, DRIFT_MAX);
        let level = points.iter().map(|(at, step)| {
            step.saturating_sub(scale(at.saturating_sub(first.0), drift, 1_000_000_000))
        });
        let step = level.min().unwrap_or(0);
        Self {
            step,
            origin: first.0.saturating_sub(step),
            drift,
        }
    }

    fn at(&self, sent: i64) -> i64 {
        let grown = scale(sent.saturating_sub(self.origin), self.drift, 1_000_000_000);
        sent.saturating_add(self.step).saturating_add(grown)
    }
}

/// The middle one of the slopes between all pairs of (at most 64) points: what a few slow minutes of
/// the network do to it is little.
fn drift(points: &[(i64, i64)], most: i128) -> i64 {
    let ends = points.first().zip(points.last());
    if ends.is_none_or(|(first, last)| last.0.saturating_sub(first.0) < DRIFT_SPAN) {
        return 0;
    }
    let lowest: Vec<(i64, i64)> = points
        .chunks(points.len().div_ceil(64))
        .filter_map(|chunk| chunk.iter().min_by_key(|(_, step)| *step).copied())
        .collect();
    let mut slopes = Vec::new();
    for (place, (from, low)) in lowest.iter().enumerate() {
        for (to, high) in lowest.iter().skip(place + 1) {
            let (rise, run) = (
                i128::from(*high) - i128::from(*low),
                i128::from(*to) - i128::from(*from),
            );
            slopes.extend((rise * 1_000_000_000).checked_div(run));
        }
    }
    slopes.sort_unstable();
    let middle = slopes.get(slopes.len() / 2).copied().unwrap_or(0);
    if middle.abs() > most {
        return 0;
    }
    i64::try_from(middle).unwrap_or(0)
}

fn ntp(time: u64) -> i64 {
    let seconds = i64::try_from(time >> 32).unwrap_or(0) - NTP_EPOCH;
    let micros = ((time & 0xffff_ffff) * 1_000_000) >> 32;
    seconds * 1_000_000 + i64::try_from(micros).unwrap_or(0)
}

/// `value` × `by` / `of`.
fn scale(value: i64, by: i64, of: i64) -> i64 {
    // Nearly all fits, and a division of 64 bits is many times as fast.
    let narrow = value.checked_mul(by).and_then(|all| all.checked_div(of));
    if let Some(narrow) = narrow {
        return narrow;
    }
    let wide = (i128::from(value) * i128::from(by)).checked_div(i128::from(of));
    let bounded = wide
        .unwrap_or(0)
        .clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(bounded).unwrap_or(0)
}
