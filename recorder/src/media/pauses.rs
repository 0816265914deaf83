//! How long a source that paused is missing.
//!
//! A source that is taken away while it pauses, or whose call ends then, is not resumed: what is not there
//! is not missing. Its track says nothing of that, and is resumed, if at all, by what comes of it much later.
//! The manifest's gap knows when it went.

use proto::Millis;
use seal::manifest::{Cause, Manifest};
use seal::media::PauseCause;

use super::take::{Pause, Track};

/// The manifest counts in whole seconds, and the room that says so is a little before what it orders.
const NEAR: i64 = 1_000_000;

/// Each pause of a track with its end, in µs since the Unix epoch; at `ends` where nothing tells.
pub(super) fn ended<'a>(
    manifest: &Manifest,
    track: &'a Track,
    ends: i64,
) -> impl Iterator<Item = (&'a Pause, i64)> {
    let of = |cause: Cause| {
        let gaps = manifest.gaps.iter();
        let gaps = gaps.filter(|gap| gap.track == Some(track.number) && gap.cause == cause);
        let mut gaps: Vec<(i64, i64)> = gaps.map(|g| (micros(g.from), micros(g.to))).collect();
        gaps.sort_unstable();
        gaps
    };
    let [muted, held, unagreed, away] =
        [Cause::Muted, Cause::Held, Cause::Unagreed, Cause::Away].map(of);
    track.pauses.iter().map(move |pause| {
        let gaps = match pause.cause {
            PauseCause::Muted => &muted,
            PauseCause::Held => &held,
            PauseCause::Unagreed => &unagreed,
            PauseCause::Away => &away,
        };
        let to = pause.to.unwrap_or(ends);
        (
            pause,
            gone(gaps, pause.from).map_or(to, |gone| before(gone, to).max(pause.from)),
        )
    })
}

/// Where the gap ends that what pauses at `from` lies in.
fn gone(gaps: &[(i64, i64)], from: i64) -> Option<i64> {
    let begun = gaps.partition_point(|(begins, _)| *begins <= from.saturating_add(NEAR));
    let (_, to) = gaps.get(begun.checked_sub(1)?)?;
    (from <= to.saturating_add(NEAR)).then_some(*to)
}

/// A resume is exact, unless it is another source's.
fn before(gone: i64, resumed: i64) -> i64 {
    if resumed <= gone.saturating_add(NEAR) {
        resumed
    } else {
        gone
    }
}

fn micros(at: Millis) -> i64 {
    at.0.saturating_mul(1_000)
}
