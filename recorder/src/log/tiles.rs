//! The log as C2SP tlog-tiles (<https://c2sp.org/tlog-tiles>): files that any monitor can read.
//!
//! Tiles hold hashes only; what the entries say is handed out apart, to whom it concerns.

use proto::Hash32;
use seal::merkle;

/// Hashes in a full tile.
const WIDTH: usize = 256;

/// Every tile of the tree over `leaves` (leaf hashes), as path below the log's folder and bytes.
pub fn tiles(leaves: &[Hash32]) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    let mut row = leaves.to_vec();
    let mut level = 0;
    while !row.is_empty() {
        for (tile, number) in row.chunks(WIDTH).zip(0_u64..) {
            let mut path = format!("tile/{level}/{}", numbered(number));
            if tile.len() < WIDTH {
                path = format!("{path}.p/{}", tile.len());
            }
            out.push((path, tile.iter().flat_map(|hash| hash.0).collect()));
        }
        // A level's entry is the root of a full tile below it.
        row = row.chunks_exact(WIDTH).map(merkle::root).collect();
        level += 1;
    }
    out
}

/// `x001/x234/067`: three digits a step, all but the last marked.
fn numbered(mut number: u64) -> String {
    let mut path = format!("{:03}", number % 1000);
    number /= 1000;
    while number > 0 {
        path = format!("x{:03}/{path}", number % 1000);
        number /= 1000;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use tlog_tiles::{Hash, Tile, TileHashReader, TileReader};

    struct Folder(HashMap<String, Vec<u8>>);

    impl TileReader for Folder {
        fn height(&self) -> u8 {
            8
        }
        fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
            Ok(tiles
                .iter()
                // Theirs names the height, which C2SP leaves out because it is always 8.
                .map(|tile| self.0[&tile.path().replacen("tile/8/", "tile/", 1)].clone())
                .collect())
        }
        fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn strangers_read_our_tiles_and_find_our_root(size in 1_u64..1200) {
            let leaves: Vec<Hash32> = (0..size).map(|n| merkle::leaf(&n.to_be_bytes())).collect();
            let folder = Folder(tiles(&leaves).into_iter().collect());
            let root = Hash(merkle::root(&leaves).0);
            let reader = TileHashReader::new(size, root, &folder);
            // Reading through tiles authenticates every hash against the root.
            let theirs = tlog_tiles::tree_hash(size, &reader).unwrap();
            prop_assert_eq!(theirs.0, root.0);
            let index = size / 2;
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            let ours = merkle::inclusion_proof(&leaves, index).unwrap();
            prop_assert_eq!(proof.iter().map(|h| Hash32(h.0)).collect::<Vec<_>>(), ours);
        }
    }
}
