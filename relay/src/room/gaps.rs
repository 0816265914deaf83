//! When something of a conversation was not recorded, for its manifest and for the spool, from which
//! a restarted relay makes the manifest.

use proto::{Millis, TrackNo};
use seal::manifest::{Cause, Gap};
use seal::spool::{Record, RecordedGap};

use super::state::{Phase, Room};

/// Gaps of one track that are told apart; what comes after is joined to its last.
const OF_A_TRACK: usize = 250;
/// The spool hears again of one that has grown by so much.
const GROWN_MS: i64 = 10_000;

/// The gaps of one recording, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Told>);

#[derive(Debug)]
struct Told {
    gap: Gap,
    /// Until when, as the spool knows it.
    until: Millis,
}

impl Gaps {
    /// One more, or the last of its track, longer: what the spool is to hear of it.
    pub(super) fn add(&mut self, gap: Gap) -> Option<Gap> {
        let of_it = self.0.iter().filter(|told| told.gap.track == gap.track);
        let full = gap.track.is_some() && of_it.count() >= OF_A_TRACK;
        let follows = |told: &&mut Told| {
            let last = &told.gap;
            last.track == gap.track && (full || last.cause == gap.cause && last.to >= gap.from)
        };
        if let Some(last) = self.0.iter_mut().rev().find(follows) {
            last.gap.to = last.gap.to.max(gap.to);
            let grown = last.gap.to >= last.until.plus(GROWN_MS);
            return grown.then(|| last.tell());
        }
        self.0.push(Told {
            until: gap.to,
            gap: gap.clone(),
        });
        Some(gap)
    }

    /// What the spool has not heard of yet.
    pub(super) fn untold(&mut self) -> Vec<Gap> {
        let grown = self.0.iter_mut().filter(|told| told.gap.to > told.until);
        grown.map(Told::tell).collect()
    }

    /// All of them, for the manifest.
    pub(super) fn all(&self) -> Vec<Gap> {
        self.0.iter().map(|told| told.gap.clone()).collect()
    }
}

impl Told {
    fn tell(&mut self) -> Gap {
        self.until = self.gap.to;
        self.gap.clone()
    }
}

impl From<Vec<Gap>> for Gaps {
    /// As the spool has told them.
    fn from(gaps: Vec<Gap>) -> Self {
        let told = gaps.into_iter().map(|gap| Told { until: gap.to, gap });
        Self(told.collect())
    }
}

impl Room {
    /// From then to then this track was not recorded, or all of them.
    pub(super) fn was_missing(
        &mut self,
        track: Option<TrackNo>,
        from: Millis,
        to: Millis,
        cause: Cause,
    ) {
        // Once the end is on its way nothing more was to be recorded.
        if self.facts.recording.is_none() || self.phase != Phase::Open {
            return;
        }
        let gap = Gap::within(from, to, cause);
        let told = self.gaps.add(Gap { track, ..gap });
        self.tell_gaps(told);
    }

    /// The spool hears of what has grown since it was told.
    pub(super) fn tell_grown_gaps(&mut self) {
        let grown = self.gaps.untold();
        self.tell_gaps(grown);
    }

    fn tell_gaps(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        let Some(recording) = self.facts.recording else {
            return;
        };
        let tenant = self.facts.tenant;
        self.outbox.extend(gaps.into_iter().map(|gap| {
            Record::Gap(RecordedGap {
                tenant,
                recording,
                gap,
            })
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(track: TrackNo, from: i64, to: i64, cause: Cause) -> Gap {
        Gap {
            track: Some(track),
            from: Millis(from * 1_000),
            to: Millis(to * 1_000),
            cause,
        }
    }

    #[test]
    fn what_follows_is_one_gap_and_is_told_again_once_it_has_grown() {
        let mut gaps = Gaps::default();
        let first = gap(1, 0, 1, Cause::Lost);
        assert_eq!(gaps.add(first.clone()), Some(first.clone()));
        assert_eq!(gaps.add(gap(1, 1, 10, Cause::Lost)), None);
        assert_eq!(
            gaps.add(gap(2, 1, 2, Cause::Lost)).map(|g| g.from.0),
            Some(1_000)
        );
        let grown = gap(1, 0, 11, Cause::Lost);
        assert_eq!(gaps.add(gap(1, 10, 11, Cause::Lost)), Some(grown.clone()));
        assert_eq!(gaps.untold(), []);
        assert_eq!(gaps.add(gap(1, 11, 12, Cause::Lost)), None);
        let told = gaps.untold();
        assert_eq!(told, [gap(1, 0, 12, Cause::Lost)]);
        assert_eq!(gaps.untold(), []);
        // As the spool has heard it, one after another, it is as it is here.
        let mut read = Vec::new();
        for heard in [first, gap(2, 1, 2, Cause::Lost), grown]
            .into_iter()
            .chain(told)
        {
            heard.take_in(&mut read);
        }
        assert_eq!(read, gaps.all());
    }

    #[test]
    fn whoever_mutes_without_end_takes_no_gap_from_another_track() {
        let mut gaps = Gaps::default();
        for at in 0..2_000 {
            gaps.add(gap(1, 2 * at, 2 * at + 1, Cause::Muted));
        }
        assert_eq!(gaps.all().len(), OF_A_TRACK);
        assert_eq!(gaps.all().last().map(|gap| gap.to.0), Some(3_999_000));
        let other = gap(2, 7, 8, Cause::Away);
        assert_eq!(gaps.add(other.clone()), Some(other));
    }
}
