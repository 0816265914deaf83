//! RFC 6962 Merkle trees with SHA-256: over the part hashes of an epoch, and for the transparency
//! log. All functions take *leaf hashes*; [`leaf`] makes one from an entry's bytes.

use proto::Hash32;

/// SHA-256(0x00 ‖ entry).
pub fn leaf(entry: &[u8]) -> Hash32 {
    Hash32::of_all(&[&[0], entry])
}

/// SHA-256(0x01 ‖ left ‖ right).
pub fn node(left: &Hash32, right: &Hash32) -> Hash32 {
    Hash32::of_all(&[&[1], &left.0, &right.0])
}

/// The root of a tree with these leaf hashes; of an empty one, SHA-256 of nothing.
pub fn root(leaves: &[Hash32]) -> Hash32 {
    let mut tree = Accumulator::default();
    for hash in leaves {
        tree.push(*hash);
    }
    tree.root()
}

/// The root over part hashes, as a manifest states it: each part's hash is one entry.
pub fn parts_root<'a>(parts: impl IntoIterator<Item = &'a Hash32>) -> Hash32 {
    let mut tree = Accumulator::default();
    for hash in parts {
        tree.push(leaf(&hash.0));
    }
    tree.root()
}

/// A tree that only grows, held as the roots of its perfect subtrees: a few hashes, however many
/// leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accumulator {
    size: u64,
    /// One root per set bit of `size`, the largest subtree first.
    peaks: Vec<Hash32>,
}

impl Accumulator {
    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash32) {
        let mut top = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            top = node(&left, &top);
            size >>= 1;
        }
        self.peaks.push(top);
        self.size += 1;
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root now.
    pub fn root(&self) -> Hash32 {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return Hash32::of(&[]);
        };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

/// The audit path of leaf `index`, nearest sibling first; `None` if there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash32], index: u64) -> Option<Vec<Hash32>> {
    let mut index = usize::try_from(index).ok()?;
    let mut range = leaves;
    if index >= range.len() {
        return None;
    }
    let mut path = Vec::new();
    while range.len() > 1 {
        let (left, right) = range.split_at_checked(split(range.len()))?;
        if index < left.len() {
            path.push(root(right));
            range = left;
        } else {
            index -= left.len();
            path.push(root(left));
            range = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `path` shows `leaf` at `index` of the tree of `size` leaves with root `root`
/// (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash32,
    index: u64,
    size: u64,
    path: &[Hash32],
    root: &Hash32,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut index, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if index & 1 == 1 || index == last {
            hash = node(sibling, &hash);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        index >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Shows that the tree of all `leaves` continues the tree of the first `old` of them; `None` if
/// there are fewer. Empty where there is nothing to show (`old` is 0 or all).
pub fn consistency_proof(leaves: &[Hash32], old: u64) -> Option<Vec<Hash32>> {
    let mut old = usize::try_from(old).ok()?;
    if old > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    if old == 0 || old == leaves.len() {
        return Some(path);
    }
    let mut range = leaves;
    // Whether the old tree is a complete left part of the new one so far: its root is then known.
    let mut known = true;
    while old < range.len() {
        let (left, right) = range.split_at_checked(split(range.len()))?;
        if old <= left.len() {
            path.push(root(right));
            range = left;
        } else {
            path.push(root(left));
            old -= left.len();
            range = right;
            known = false;
        }
    }
    if !known {
        path.push(root(range));
    }
    path.reverse();
    Some(path)
}

/// Whether `path` shows that the tree (`new`, `new_root`) continues the tree (`old`, `old_root`)
/// (RFC 9162, 2.1.4.2).
pub fn verify_consistency(
    old: u64,
    old_root: &Hash32,
    new: u64,
    new_root: &Hash32,
    path: &[Hash32],
) -> bool {
    if old > new || (old == 0 && *old_root != Hash32::of(&[])) {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty();
    }
    let (mut index, mut last) = (old - 1, new - 1);
    while index & 1 == 1 {
        index >>= 1;
        last >>= 1;
    }
    let mut rest = path.iter();
    let start = if old.is_power_of_two() {
        *old_root
    } else if let Some(first) = rest.next() {
        *first
    } else {
        return false;
    };
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if index & 1 == 1 || index == last {
            old_hash = node(sibling, &old_hash);
            new_hash = node(sibling, &new_hash);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node(&new_hash, sibling);
        }
        index >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two below `count` (`count` > 1).
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}
