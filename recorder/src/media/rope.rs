//! A file in memory as a list of slices: written out in order, or read from anywhere.

use core::ops::Range;

use bytes::Bytes;

/// The slices. Holds what was said: no `Debug`.
#[derive(Clone, Default)]
pub struct Rope {
    pieces: Vec<Bytes>,
    /// Where each piece ends.
    ends: Vec<u64>,
}

impl Rope {
    /// With room for so many pieces.
    pub fn with_capacity(pieces: usize) -> Self {
        Self {
            pieces: Vec::with_capacity(pieces),
            ends: Vec::with_capacity(pieces),
        }
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.ends.push(self.len() + piece.len() as u64);
            self.pieces.push(piece);
        }
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// All of it, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// The part of it that lies in `range`, in order.
    pub fn range(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> {
        let first = self.ends.partition_point(|end| *end <= range.start);
        let pieces = self.pieces.iter().zip(&self.ends).skip(first);
        pieces
            .map_while(move |(piece, end)| {
                let start = end - piece.len() as u64;
                let within = |at: u64| usize::try_from(at.saturating_sub(start)).ok();
                (start < range.end).then(|| {
                    let from = within(range.start).unwrap_or(0).min(piece.len());
                    let to = within(range.end).unwrap_or(0).min(piece.len());
                    piece.slice(from..to.max(from))
                })
            })
            .filter(|piece| !piece.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_of_a_file_is_read_as_if_it_were_one_piece() {
        let mut rope = Rope::default();
        for piece in ["ab", "", "c", "defg", "h"] {
            rope.push(Bytes::from_static(piece.as_bytes()));
        }
        assert_eq!(rope.len(), 8);
        let whole = b"abcdefgh";
        for from in 0..=9_usize {
            for to in 0..=9_usize {
                let read: Vec<u8> = rope.range(from as u64..to as u64).flatten().collect();
                let wanted = whole.get(from.min(8)..to.min(8)).unwrap_or_default();
                assert_eq!(read, wanted, "{from}..{to}");
            }
        }
    }
}
