//! What of a source never arrived.
//!
//! Its batches tell exactly what the relay missed, and the manifest the same in whole seconds. What was
//! captured and lost on its way into the record stands in the manifest alone.

use proto::Millis;
use seal::manifest::{Cause, Gap, Manifest};

use super::take::Track;

/// Losses closer together than this are named as one, in µs.
const TOGETHER: i64 = 1_000_000;

/// Each loss of a track, by time, in µs since the Unix epoch.
pub(super) fn named(manifest: &Manifest, track: &Track) -> Vec<(i64, i64)> {
    let told = track.lost.iter().map(|lost| (lost.from, lost.to));
    joined(told.chain(untold(manifest, track)), TOGETHER)
}

/// What of the manifest's losses is in no batch.
fn untold(manifest: &Manifest, track: &Track) -> Vec<(i64, i64)> {
    let as_gap = |at: i64| Millis(at.div_euclid(1_000));
    let told = track.lost.iter();
    let told = told.map(|lost| {
        span(&Gap::within(
            as_gap(lost.from),
            as_gap(lost.to),
            Cause::Lost,
        ))
    });
    let told = joined(told, 0);
    let gaps = manifest.gaps.iter();
    let gaps = gaps.filter(|gap| gap.track == Some(track.number) && gap.cause == Cause::Lost);
    let mut untold = Vec::new();
    for (mut from, to) in joined(gaps.map(span), 0) {
        let before = told.partition_point(|(_, ends)| *ends <= from);
        let within = told.iter().skip(before);
        for (begins, ends) in within.take_while(|(begins, _)| *begins < to) {
            untold.push((from, *begins));
            from = *ends;
        }
        untold.push((from, to));
    }
    untold.retain(|(from, to)| from < to);
    untold
}

fn span(gap: &Gap) -> (i64, i64) {
    let micros = |at: Millis| at.0.saturating_mul(1_000);
    (micros(gap.from), micros(gap.to))
}

/// By time, and as one where they are no further than `apart`.
fn joined(spans: impl Iterator<Item = (i64, i64)>, apart: i64) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = spans.collect();
    spans.sort_unstable();
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (from, to) in spans {
        match runs.last_mut() {
            Some(last) if from <= last.1.saturating_add(apart) => last.1 = last.1.max(to),
            _ => runs.push((from, to)),
        }
    }
    runs
}
