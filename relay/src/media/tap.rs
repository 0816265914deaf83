//! The record's copy of one track: what arrived and when, what never arrived, when it paused.
//! Collected into batches (`seal::media`), which the room seals. Pure: times come in, as
//! microseconds since the Unix epoch.

use std::collections::VecDeque;

use proto::{Millis, TrackNo};
use seal::media::{BatchWriter, Codec, Full, Lost, Packet, Report, Stream};

use super::order::{Captured, Cause, Gap};

/// A batch is handed over when it is so old, in microseconds.
const OLDEST: i64 = 500_000;
/// Or when it has so many bytes.
const LARGEST: usize = 256 * 1024;
/// A packet that has not come for so long, in microseconds, never will.
const PATIENCE: i64 = 2_000_000;
/// Stretches of missing packets that are watched at a time.
const MISSING: usize = 512;

/// Streams of one track in one call. A connection begins one, or a few; a film takes in many more.
const STREAMS: u16 = 500;

/// Where a packet comes from: another connection, SSRC or codec is another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The connection.
    pub peer: u64,
    /// On that connection.
    pub ssrc: u32,
    /// Of its payloads.
    pub codec: Codec,
}

/// Packets that have not come yet.
#[derive(Debug, Clone, Copy)]
struct Missing {
    first: u64,
    count: u64,
    from: i64,
    to: i64,
}

/// One track's copy, of one call.
pub struct Tap {
    call: u64,
    track: TrackNo,
    writer: BatchWriter,
    source: Option<Source>,
    stream: Stream,
    paused: bool,
    /// Whether the batch being written names the stream.
    named: bool,
    /// The highest sequence number so far, and when it arrived.
    highest: Option<(u64, i64)>,
    missing: VecDeque<Missing>,
    gaps: Vec<Gap>,
    ready: VecDeque<Captured>,
    /// When the last item came that was written.
    last: i64,
}

impl Tap {
    /// Of `track`, from its beginning in `call`.
    pub fn new(call: u64, track: TrackNo) -> Self {
        Self {
            call,
            track,
            writer: BatchWriter::new(LARGEST),
            source: None,
            stream: Stream {
                number: 0,
                codec: Codec::Opus,
                clock_rate: 0,
                channels: 0,
            },
            paused: false,
            named: false,
            highest: None,
            missing: VecDeque::new(),
            gaps: Vec::new(),
            ready: VecDeque::new(),
            last: 0,
        }
    }

    /// A packet that arrived at `at`. `seq` is extended by its roll-overs.
    pub fn packet(
        &mut self,
        source: Source,
        at: i64,
        seq: u64,
        time: u32,
        marker: bool,
        payload: &[u8],
    ) {
        if self.source.is_none() {
            // A call before this one may have ended while the track paused.
            self.write_plain(at, |writer| writer.resume(at));
        }
        self.begin(source);
        self.watch(seq, at);
        let packet = Packet {
            stream: self.stream.number,
            arrival: at,
            seq: low(seq),
            time,
            marker,
            payload,
        };
        self.write(at, |writer| writer.rtp(&packet));
    }

    /// Whether no sender that means well has begun so many streams.
    pub fn is_restless(&self) -> bool {
        self.stream.number >= STREAMS
    }

    /// What a sender report says of the clock of the running stream.
    pub fn report(&mut self, peer: u64, at: i64, ntp: u64, time: u32) {
        if self.source.is_none_or(|source| source.peer != peer) {
            return;
        }
        let report = Report {
            stream: self.stream.number,
            arrival: at,
            ntp,
            time,
        };
        self.write(at, |writer| writer.report(&report));
    }

    /// From `at` on nothing comes here.
    pub fn pause(&mut self, at: i64, cause: Cause) {
        self.settle(at, i64::MIN);
        // What the sender counts meanwhile is not missing.
        self.highest = None;
        self.paused = true;
        self.write_plain(at, |writer| writer.pause(at, cause));
    }

    /// From `at` on it comes again.
    pub fn resume(&mut self, at: i64) {
        if std::mem::take(&mut self.paused) {
            self.write_plain(at, |writer| writer.resume(at));
        }
    }

    /// What is due at `at`; all of it if `all`.
    pub fn take(&mut self, at: i64, all: bool) -> Option<Captured> {
        self.settle(at, if all { i64::MIN } else { PATIENCE });
        let old = self
            .writer
            .began()
            .is_some_and(|began| at - began >= OLDEST || at < began);
        if all || old {
            self.cut();
        }
        self.ready.pop_front()
    }

    /// A batch that was finished because it was full.
    pub fn full(&mut self) -> Option<Captured> {
        self.ready.pop_front()
    }

    /// Whether the source goes on, or another stream begins.
    fn begin(&mut self, source: Source) {
        if self.source == Some(source) {
            return;
        }
        // Of the old one nothing will come any more.
        self.settle(0, i64::MIN);
        self.highest = None;
        self.source = Some(source);
        let (clock_rate, channels) = match source.codec {
            Codec::Opus => (48_000, 2),
            _ => (90_000, 0),
        };
        self.stream = Stream {
            number: self.stream.number.saturating_add(1),
            codec: source.codec,
            clock_rate,
            channels,
        };
        self.named = false;
    }

    /// Notes what is missing before `seq`, and that `seq` is there.
    fn watch(&mut self, seq: u64, at: i64) {
        match self.highest {
            Some((highest, from)) if seq > highest => {
                if seq > highest + 1 {
                    self.missing.push_back(Missing {
                        first: highest + 1,
                        count: seq - highest - 1,
                        from,
                        to: at,
                    });
                }
                self.highest = Some((seq, at));
                if self.missing.len() > MISSING
                    && let Some(oldest) = self.missing.pop_front()
                {
                    self.lost(oldest);
                }
            }
            Some(_) => self.found(seq),
            None => self.highest = Some((seq, at)),
        }
    }

    /// A missing packet has come after all.
    fn found(&mut self, seq: u64) {
        let at = self
            .missing
            .iter()
            .position(|m| (m.first..m.first + m.count).contains(&seq));
        let Some((index, whole)) = at.and_then(|at| Some((at, self.missing.remove(at)?))) else {
            return;
        };
        let before = Missing {
            count: seq - whole.first,
            ..whole
        };
        let after = Missing {
            first: seq + 1,
            count: whole.first + whole.count - seq - 1,
            ..whole
        };
        for part in [after, before] {
            if part.count > 0 {
                self.missing.insert(index, part);
            }
        }
    }

    /// Gives up what has been missing for `patience`.
    fn settle(&mut self, at: i64, patience: i64) {
        while let Some(oldest) = self.missing.front().copied() {
            if patience != i64::MIN && at - oldest.to < patience {
                return;
            }
            self.missing.pop_front();
            self.lost(oldest);
        }
    }

    fn lost(&mut self, missing: Missing) {
        let count = u32::try_from(missing.count).unwrap_or(u32::MAX);
        let lost = Lost {
            stream: self.stream.number,
            first: low(missing.first),
            count,
            from: missing.from,
            to: missing.to,
        };
        self.gaps.push(Gap {
            from: millis(missing.from),
            to: millis(missing.to),
            packets: count,
        });
        self.write(missing.to, |writer| writer.lost(&lost));
    }

    /// Writes an item of the running stream, which the batch names first.
    fn write(&mut self, at: i64, item: impl Fn(&mut BatchWriter) -> Result<(), Full>) {
        for _ in 0..2 {
            if self.try_write(at, &item).is_ok() {
                return;
            }
            self.cut();
        }
        // Larger than a batch: no packet of a network is.
    }

    fn try_write(
        &mut self,
        at: i64,
        item: impl Fn(&mut BatchWriter) -> Result<(), Full>,
    ) -> Result<(), Full> {
        if !self.named {
            self.writer.stream(at, &self.stream)?;
            self.named = true;
        }
        item(&mut self.writer)?;
        self.last = self.last.max(at);
        Ok(())
    }

    /// Writes an item of no stream.
    fn write_plain(&mut self, at: i64, item: impl Fn(&mut BatchWriter) -> Result<(), Full>) {
        if item(&mut self.writer).is_err() {
            self.cut();
            let _ = item(&mut self.writer);
        }
        self.last = self.last.max(at);
    }

    /// The batch is finished.
    fn cut(&mut self) {
        self.named = false;
        let gaps = std::mem::take(&mut self.gaps);
        let awaited = self.missing.front().map_or(self.last, |m| m.from);
        if let Some(batch) = self.writer.take() {
            self.ready.push_back(Captured {
                call: self.call,
                track: self.track,
                batch,
                gaps,
                whole_until: millis(self.last.min(awaited)),
            });
        }
    }
}

/// The low 32 bits.
fn low(seq: u64) -> u32 {
    u32::try_from(seq & u64::from(u32::MAX)).unwrap_or_default()
}

fn millis(at: i64) -> Millis {
    Millis(at.div_euclid(1_000))
}
