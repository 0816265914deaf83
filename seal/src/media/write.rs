//! Writes batches: one copy of a payload, in memory that is allocated once.

use core::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use super::{
    HEADER, ITEM_HEADER, Item, LOST, Lost, PAUSE, Packet, PauseCause, REPORT, RESUME, RTP, Report,
    STREAM, Stream, VERSION,
};

/// The item does not go into this batch any more: [`BatchWriter::take`] it, then write it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media batch is full")]
pub struct Full;

/// Writes batches into memory that is allocated once. A packet costs one copy of its payload.
pub struct BatchWriter {
    bytes: Vec<u8>,
    base: i64,
    limit: usize,
}

impl BatchWriter {
    /// For batches of at most `limit` bytes. An item that alone is larger is always [`Full`].
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(limit),
            base: 0,
            limit,
        }
    }

    /// Whether nothing was written since the last [`BatchWriter::take`].
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// When the first item of the batch happened, µs since the Unix epoch; `None` if it is empty.
    pub fn began(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.base)
    }

    /// A stream begins, or is named anew at the beginning of a batch.
    pub fn stream(&mut self, at: i64, stream: &Stream) -> Result<(), Full> {
        self.item(STREAM, at, 8, &[])?;
        self.put(&stream.number.to_be_bytes());
        self.put(&[stream.codec.number()]);
        self.put(&stream.clock_rate.to_be_bytes());
        self.put(&[stream.channels]);
        Ok(())
    }

    /// A packet.
    pub fn rtp<P: AsRef<[u8]>>(&mut self, packet: &Packet<P>) -> Result<(), Full> {
        let payload = packet.payload.as_ref();
        let arrival = self.item(RTP, packet.arrival, 15 + payload.len(), &[])?;
        let mut head = [0; 15];
        let pieces: [&[u8]; 5] = [
            &packet.stream.to_be_bytes(),
            &arrival.to_be_bytes(),
            &packet.seq.to_be_bytes(),
            &packet.time.to_be_bytes(),
            &[u8::from(packet.marker)],
        ];
        for (to, from) in head.iter_mut().zip(pieces.into_iter().flatten()) {
            *to = *from;
        }
        self.put(&head);
        self.put(payload);
        Ok(())
    }

    /// A sender report.
    pub fn report(&mut self, report: &Report) -> Result<(), Full> {
        let arrival = self.item(REPORT, report.arrival, 18, &[])?;
        self.put(&report.stream.to_be_bytes());
        self.put(&arrival.to_be_bytes());
        self.put(&report.ntp.to_be_bytes());
        self.put(&report.time.to_be_bytes());
        Ok(())
    }

    /// From here on nothing is recorded.
    pub fn pause(&mut self, at: i64, cause: PauseCause) -> Result<(), Full> {
        let at = self.item(PAUSE, at, 5, &[])?;
        self.put(&at.to_be_bytes());
        self.put(&[cause.number()]);
        Ok(())
    }

    /// It is recorded again.
    pub fn resume(&mut self, at: i64) -> Result<(), Full> {
        let at = self.item(RESUME, at, 4, &[])?;
        self.put(&at.to_be_bytes());
        Ok(())
    }

    /// Packets that never arrived. They may lie before the batch.
    pub fn lost(&mut self, lost: &Lost) -> Result<(), Full> {
        let to = self.item(LOST, lost.to, 18, &[lost.from])?;
        let from = offset(self.base, lost.from).ok_or(Full)?;
        self.put(&lost.stream.to_be_bytes());
        self.put(&lost.first.to_be_bytes());
        self.put(&lost.count.to_be_bytes());
        self.put(&from.to_be_bytes());
        self.put(&to.to_be_bytes());
        Ok(())
    }

    /// Any item; a stream counts as begun at `at`.
    pub fn write(&mut self, at: i64, item: &Item) -> Result<(), Full> {
        match item {
            Item::Stream(stream) => self.stream(at, stream),
            Item::Rtp(packet) => self.rtp(packet),
            Item::Report(report) => self.report(report),
            Item::Pause { at, cause } => self.pause(*at, *cause),
            Item::Resume { at } => self.resume(*at),
            Item::Lost(lost) => self.lost(lost),
        }
    }

    /// The batch so far, `None` if it is empty. Nothing of it stays here.
    pub fn take(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        if self.bytes.is_empty() {
            return None;
        }
        let batch = Zeroizing::new(self.bytes.as_slice().to_vec());
        self.wipe();
        Some(batch)
    }

    /// Begins an item: writes kind and length, and the batch's header where it is the first. Gives
    /// `at` relative to the base. `also` are times that must be expressible, too.
    fn item(&mut self, kind: u8, at: i64, length: usize, also: &[i64]) -> Result<i32, Full> {
        let first = self.bytes.is_empty();
        let base = if first { at } else { self.base };
        let header = if first { HEADER } else { 0 };
        let size = u32::try_from(length).map_err(|_| Full)?;
        let end = (self.bytes.len() + header + ITEM_HEADER).checked_add(length);
        if end.is_none_or(|end| end > self.limit) || also.iter().any(|t| offset(base, *t).is_none())
        {
            return Err(Full);
        }
        let at = offset(base, at).ok_or(Full)?;
        if first {
            self.base = base;
            self.put(&[VERSION]);
            self.put(&base.to_be_bytes());
        }
        self.put(&[kind]);
        self.put(&size.to_be_bytes());
        Ok(at)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn wipe(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
    }
}

impl Drop for BatchWriter {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for BatchWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchWriter({} bytes)", self.bytes.len())
    }
}

fn offset(base: i64, at: i64) -> Option<i32> {
    i32::try_from(at.checked_sub(base)?).ok()
}
