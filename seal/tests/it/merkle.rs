//! Merkle trees: the same roots and proofs as two libraries written by others.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use proto::Hash32;
use seal::merkle::{
    Accumulator, consistency_proof, inclusion_proof, leaf, parts_root, root, verify_consistency,
    verify_inclusion,
};
use sha2::Sha256;
use tlog_tiles::tlog;

fn entries(count: usize, seed: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| {
            Hash32::of(&[seed.to_be_bytes(), (i as u64).to_be_bytes()].concat()).0[..i % 33]
                .to_vec()
        })
        .collect()
}

fn hashes(entries: &[Vec<u8>]) -> Vec<Hash32> {
    entries.iter().map(|entry| leaf(entry)).collect()
}

/// All stored hashes of a tlog, in its own order.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes
            .iter()
            .map(|i| self.0[usize::try_from(*i).unwrap()])
            .collect())
    }
}

fn stored(entries: &[Vec<u8>]) -> Stored {
    let mut stored = Stored(Vec::new());
    for (n, entry) in entries.iter().enumerate() {
        let more = tlog::stored_hashes(n as u64, entry, &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

fn ct_tree(entries: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for entry in entries {
        tree.push(entry.clone());
    }
    tree
}

#[test]
fn the_root_of_nothing_is_the_hash_of_nothing() {
    assert_eq!(root(&[]), Hash32::of(&[]));
    assert_eq!(root(&[]).0, ct_tree(&[]).root().as_bytes()[..]);
}

#[test]
fn every_proof_of_every_small_tree_verifies_and_no_other_does() {
    for size in 1..34u64 {
        let leaves = hashes(&entries(size as usize, 1));
        let top = root(&leaves);
        for index in 0..size {
            let path = inclusion_proof(&leaves, index).unwrap();
            for other in 0..size {
                let ok = verify_inclusion(&leaves[index as usize], other, size, &path, &top);
                assert_eq!(ok, other == index, "leaf {index} at {other} of {size}");
            }
        }
        for old in 0..=size {
            let old_root = root(&leaves[..old as usize]);
            let path = consistency_proof(&leaves, old).unwrap();
            assert!(verify_consistency(old, &old_root, size, &top, &path));
            let forged = root(&hashes(&entries(old as usize, 2)));
            let same = forged == old_root;
            assert_eq!(
                verify_consistency(old, &forged, size, &top, &path),
                same,
                "{old} of {size}"
            );
        }
        assert_eq!(inclusion_proof(&leaves, size), None);
        assert_eq!(consistency_proof(&leaves, size + 1), None);
    }
}

#[test]
fn the_root_over_parts_takes_each_hash_as_an_entry() {
    let parts = [Hash32::of(b"one"), Hash32::of(b"two")];
    let expected = root(&[leaf(&parts[0].0), leaf(&parts[1].0)]);
    assert_eq!(parts_root(&parts), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn roots_and_proofs_are_those_of_ct_merkle_and_tlog_tiles(
        size in 1..300usize, seed in any::<u64>(),
        index in any::<proptest::sample::Index>(), old in any::<proptest::sample::Index>(),
    ) {
        let entries = entries(size, seed);
        let leaves = hashes(&entries);
        let (ct, tiles) = (ct_tree(&entries), stored(&entries));
        let top = root(&leaves);
        prop_assert_eq!(top.0.to_vec(), ct.root().as_bytes().to_vec());
        prop_assert_eq!(top.0, tlog::tree_hash(size as u64, &tiles).unwrap().0);

        let index = index.index(size);
        let path = inclusion_proof(&leaves, index as u64).unwrap();
        let flat: Vec<u8> = path.iter().flat_map(|hash| hash.0).collect();
        prop_assert_eq!(&flat, &ct.prove_inclusion(index).as_bytes().to_vec());
        let theirs = tlog::prove_record(size as u64, index as u64, &tiles).unwrap();
        prop_assert_eq!(path.iter().map(|hash| hash.0).collect::<Vec<_>>(), theirs.iter().map(|hash| hash.0).collect::<Vec<_>>());
        prop_assert!(verify_inclusion(&leaves[index], index as u64, size as u64, &path, &top));

        let old = 1 + old.index(size);
        let path = consistency_proof(&leaves, old as u64).unwrap();
        let theirs = tlog::prove_tree(size as u64, old as u64, &tiles).unwrap();
        prop_assert_eq!(path.iter().map(|hash| hash.0).collect::<Vec<_>>(), theirs.iter().map(|hash| hash.0).collect::<Vec<_>>());
        if old < size {
            let flat: Vec<u8> = path.iter().flat_map(|hash| hash.0).collect();
            prop_assert_eq!(&flat, &ct.prove_consistency(size - old).as_bytes().to_vec());
        }
        prop_assert!(verify_consistency(old as u64, &root(&leaves[..old]), size as u64, &top, &path));
    }

    #[test]
    fn verifying_never_panics(
        index in any::<u64>(), size in any::<u64>(), path in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let path: Vec<Hash32> = path.into_iter().map(Hash32).collect();
        let some = Hash32::ZERO;
        verify_inclusion(&some, index, size, &path, &some);
        verify_consistency(index, &some, size, &some, &path);
    }

    #[test]
    fn an_accumulator_gives_the_root_at_every_size(size in 0..80usize) {
        let leaves = hashes(&entries(size, 3));
        let mut tree = Accumulator::default();
        for hash in &leaves {
            tree.push(*hash);
        }
        prop_assert_eq!(tree.size(), size as u64);
        prop_assert_eq!(tree.root().0.to_vec(), ct_tree(&entries(size, 3)).root().as_bytes().to_vec());
    }
}
