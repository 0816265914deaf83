//! Packs parts of one track and epoch into objects of at most [`OBJECT_MAX`] bytes, each with its
//! index. The same parts always make the same bytes: packing again after a crash changes nothing.

use bytes::Bytes;
use proto::{EpochNo, Hash32, RecordingId, TenantId, TrackNo};
use seal::Part;

use super::placement::{Index, IndexEntry, Object, VERSION};

/// An object holds no more than this, unless a single part is larger.
pub const OBJECT_MAX: usize = 8 << 20;

/// An object with its index, ready to be written.
#[derive(Debug, Clone)]
pub struct Packed {
    /// What the placement says.
    pub object: Object,
    /// The parts, one after the other.
    pub bytes: Bytes,
    /// The index (JSON).
    pub index: Bytes,
}

/// Takes parts in order and gives full objects back.
pub struct Packer {
    tenant: TenantId,
    recording: RecordingId,
    track: TrackNo,
    epoch: EpochNo,
    limit: usize,
    number: u32,
    bytes: Vec<u8>,
    parts: Vec<IndexEntry>,
}

impl Packer {
    /// For one track and epoch.
    pub fn new(
        tenant: TenantId,
        recording: RecordingId,
        track: TrackNo,
        epoch: EpochNo,
        limit: usize,
    ) -> Self {
        Self {
            tenant,
            recording,
            track,
            epoch,
            limit,
            number: 0,
            bytes: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds a part; gives back the object that is full without it.
    pub fn push(&mut self, part: &Part) -> Result<Option<Packed>, serde_json::Error> {
        let full = !self.parts.is_empty() && self.bytes.len() + part.bytes.len() > self.limit;
        let packed = if full { self.take()? } else { None };
        self.parts.push(IndexEntry {
            seq: part.header.seq,
            step: part.header.step,
            kind: part.header.kind.into(),
            prev: part.header.prev,
            hash: part.hash,
            offset: self.bytes.len() as u64,
            length: part.bytes.len() as u64,
        });
        self.bytes.extend_from_slice(&part.bytes);
        Ok(packed)
    }

    /// The last object, if there is anything in it.
    pub fn finish(mut self) -> Result<Option<Packed>, serde_json::Error> {
        self.take()
    }

    fn take(&mut self) -> Result<Option<Packed>, serde_json::Error> {
        let parts = core::mem::take(&mut self.parts);
        let Some(first) = parts.first() else {
            return Ok(None);
        };
        let (first, count) = (first.seq, parts.len() as u64);
        self.number += 1;
        let stem = format!("t{:04}-e{:04}-{:04}", self.track, self.epoch, self.number);
        let bytes = Bytes::from(core::mem::take(&mut self.bytes));
        let index = Bytes::from(serde_json::to_vec(&Index {
            version: VERSION,
            tenant: self.tenant,
            recording: self.recording,
            track: self.track,
            epoch: self.epoch,
            parts,
        })?);
        Ok(Some(Packed {
            object: Object {
                track: self.track,
                epoch: self.epoch,
                name: format!("{stem}.parts"),
                bytes: bytes.len() as u64,
                sha256: Hash32::of(&bytes),
                index: format!("{stem}.index.json"),
                index_sha256: Hash32::of(&index),
                first,
                parts: count,
            },
            bytes,
            index,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seal::{PartHeader, PartKind};

    fn part(seq: u64, length: usize) -> Part {
        let header = PartHeader {
            tenant: TenantId::from_bytes([1; 16]),
            recording: RecordingId::from_bytes([2; 16]),
            track: 3,
            epoch: 4,
            step: 0,
            seq,
            kind: PartKind::Data,
            prev: Hash32::ZERO,
        };
        Part::new(header, vec![u8::try_from(seq).unwrap(); length].into())
    }

    #[test]
    fn an_object_is_closed_before_it_would_be_too_large() {
        let (tenant, recording) = (
            TenantId::from_bytes([1; 16]),
            RecordingId::from_bytes([2; 16]),
        );
        let mut packer = Packer::new(tenant, recording, 3, 4, 100);
        let mut objects = Vec::new();
        for (seq, length) in [(1, 60), (2, 40), (3, 1), (4, 150), (5, 10)] {
            objects.extend(packer.push(&part(seq, length)).unwrap());
        }
        objects.extend(packer.finish().unwrap());
        let shape: Vec<_> = objects
            .iter()
            .map(|p| {
                (
                    p.object.name.as_str(),
                    p.object.first,
                    p.object.parts,
                    p.bytes.len(),
                )
            })
            .collect();
        assert_eq!(
            shape,
            [
                ("t0003-e0004-0001.parts", 1, 2, 100),
                ("t0003-e0004-0002.parts", 3, 1, 1),
                ("t0003-e0004-0003.parts", 4, 1, 150),
                ("t0003-e0004-0004.parts", 5, 1, 10),
            ]
        );
    }
}
