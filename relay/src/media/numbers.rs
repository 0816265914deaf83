//! Under which sequence number and RTP time a packet is sent on. Pure.

use std::time::Duration;

/// A packet's numbers as they came, and when.
#[derive(Debug, Clone, Copy)]
pub struct Incoming {
    /// Connection and SSRC.
    pub source: (u64, u32),
    /// Sequence number, extended by its roll-overs.
    pub seq: u64,
    /// RTP time.
    pub time: u32,
    /// RTP time units in a second.
    pub rate: u32,
    /// When it came, on a clock that never goes back.
    pub at: Duration,
}

/// The numbers of one outgoing stream. They go on without a break when the source behind it is
/// replaced.
#[derive(Debug, Default)]
pub struct Numbers {
    /// What is sent on now.
    source: Option<(u64, u32)>,
    /// Added to its sequence numbers.
    seq: i128,
    /// Added to its times.
    time: u32,
    /// What was sent last of any source: highest number, its time, and when it came.
    last: Option<(u64, u32, Duration)>,
    /// Numbers up to here belong to what was sent before.
    floor: u64,
}

impl Numbers {
    /// What comes next follows on what was sent last, whatever lies between.
    pub fn skip(&mut self) {
        self.source = None;
    }

    /// Sequence number and time under which a packet is sent; none if it is older than what its
    /// stream began with.
    pub fn next(&mut self, packet: Incoming) -> Option<(u64, u32)> {
        if self.source != Some(packet.source) {
            self.begin(packet);
        }
        let seq = u64::try_from(i128::from(packet.seq) + self.seq).ok()?;
        if seq <= self.floor {
            return None;
        }
        let time = packet.time.wrapping_add(self.time);
        if self.last.is_none_or(|(last, _, _)| seq > last) {
            self.last = Some((seq, time, packet.at));
        }
        Some((seq, time))
    }

    fn begin(&mut self, packet: Incoming) {
        let (seq, time) = match self.last {
            // A little above zero: what is only just older still has a number. And far from
            // rolling over, which a receiver that has seen nothing could not know of.
            None => (128 + (packet.seq & 0xff), packet.time),
            Some((seq, time, at)) => {
                let passed = packet.at.saturating_sub(at).max(Duration::from_millis(1));
                let units = passed.as_micros() * u128::from(packet.rate) / 1_000_000;
                let units = u32::try_from(units & u128::from(u32::MAX)).unwrap_or_default();
                (seq + 1, time.wrapping_add(units))
            }
        };
        self.floor = self.last.map_or(0, |(seq, _, _)| seq);
        self.seq = i128::from(seq) - i128::from(packet.seq);
        self.time = time.wrapping_sub(packet.time);
        self.source = Some(packet.source);
    }
}
