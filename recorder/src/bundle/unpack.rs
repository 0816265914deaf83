//! Reads a bundle's tar into memory, and checks it as a bag: every file listed, every checksum
//! right, nothing besides. Nothing is unpacked to the disk, so no name in it can reach anywhere.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Component;

use bytes::Bytes;
use proto::Hash32;
use sha2::{Digest as _, Sha256};
use tar::Archive;

use super::bagit::DECLARATION;
use super::names;
use crate::terminal::escape;

/// A larger bundle is not read.
pub const BUNDLE_MAX: u64 = 64 << 30;
/// Nor one of which more must be in memory: all but the files that play.
pub const KEPT_MAX: u64 = 8 << 30;
/// Nor one with a larger file, but for those that play.
pub const FILE_MAX: u64 = 256 << 20;
/// Nor one with more files.
pub const FILES_MAX: usize = 100_000;

/// Every file that stands beside the payload.
const TAGS: [&str; 5] = [
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
    names::STATEMENT,
];

/// A bag's files. They hold what was said: no `Debug`.
#[derive(Default)]
pub struct Bag {
    /// Below `data/`, without that prefix.
    pub payload: BTreeMap<String, Bytes>,
    /// Of the files that play, below `data/` too: SHA-256 and length.
    pub media: BTreeMap<String, (Hash32, u64)>,
    /// Beside the payload.
    pub tags: BTreeMap<String, Bytes>,
}

/// Of an error that is the tar's, only that there is one: its text quotes the file.
fn broken(e: &std::io::Error) -> String {
    if e.raw_os_error().is_some() {
        return format!("cannot be read: {e}");
    }
    "not a whole tar: it breaks off, or is damaged".to_owned()
}

/// Reads the tar. The error says what is wrong with it.
pub fn read(from: impl Read) -> Result<Bag, String> {
    let mut bag = Bag::default();
    let mut root: Option<String> = None;
    let mut archive = Archive::new(from.take(BUNDLE_MAX));
    let (mut left, mut kept) = (BUNDLE_MAX, KEPT_MAX);
    for entry in archive.entries().map_err(|e| broken(&e))? {
        let mut entry = entry.map_err(|e| broken(&e))?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err("holds something besides files and folders".to_owned());
        }
        let path = entry.path().map_err(|e| broken(&e))?.into_owned();
        let mut steps = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(step) => steps.push(
                    step.to_str()
                        .ok_or("holds a file name that is not text")?
                        .to_owned(),
                ),
                _ => return Err("holds a file name that leads elsewhere".to_owned()),
            }
        }
        let (top, rest) = steps.split_first().ok_or("holds a file without a name")?;
        if root.get_or_insert_with(|| top.clone()) != top {
            return Err("holds more than one folder".to_owned());
        }
        let name = rest.join("/");
        let size = entry.size();
        left = left.checked_sub(size).ok_or_else(|| {
            format!("holds more than {BUNDLE_MAX} bytes, which is more than this program checks")
        })?;
        if let Some(name) = name
            .strip_prefix("data/")
            .filter(|n| n.starts_with(names::MEDIA))
        {
            let hashed = hashed(&mut entry).map_err(|e| broken(&e))?;
            if bag.media.len() >= FILES_MAX {
                return Err(format!("holds more than {FILES_MAX} files that play"));
            }
            if bag.media.insert(name.to_owned(), hashed).is_some() {
                return Err("holds the same file twice".to_owned());
            }
            continue;
        }
        kept = kept.checked_sub(size).ok_or_else(|| {
            format!("holds more than {KEPT_MAX} bytes besides the files that play, which is more than this program checks")
        })?;
        if size > FILE_MAX || bag.payload.len() + bag.tags.len() >= FILES_MAX {
            return Err(format!(
                "{}: this program checks bundles of at most {FILES_MAX} files of {FILE_MAX} bytes each",
                escape(&name)
            ));
        }
        // Not more memory than was said, whatever comes.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        entry.read_to_end(&mut bytes).map_err(|e| broken(&e))?;
        let before = match name.strip_prefix("data/") {
            Some(name) => bag.payload.insert(name.to_owned(), bytes.into()),
            None => bag.tags.insert(name, bytes.into()),
        };
        if before.is_some() {
            return Err("holds the same file twice".to_owned());
        }
    }
    if bag.payload.is_empty() {
        return Err("not a bundle: there is no payload".to_owned());
    }
    Ok(bag)
}

/// SHA-256 and length of what is read, of which nothing is kept.
fn hashed(from: &mut impl Read) -> std::io::Result<(Hash32, u64)> {
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((Hash32(hash.finalize().into()), length));
        };
        hash.update(bytes);
        length += read as u64;
    }
}

/// What is wrong with the bag as a bag.
pub fn check(bag: &Bag) -> Vec<String> {
    let mut wrong = Vec::new();
    // Only the payload is signed: nothing else to read may stand beside it.
    for name in bag
        .tags
        .keys()
        .filter(|name| !TAGS.contains(&name.as_str()))
    {
        wrong.push(format!("{name}: does not belong in a bundle"));
    }
    match bag.tags.get("bagit.txt") {
        Some(text) if *text == DECLARATION => {}
        Some(_) => wrong.push("bagit.txt: not BagIt 1.0".to_owned()),
        None => wrong.push("bagit.txt: is not there".to_owned()),
    }
    let payload = bag
        .payload
        .iter()
        .map(|(name, bytes)| (format!("data/{name}"), Hash32::of(bytes)));
    let media = bag.media.iter();
    let payload = payload.chain(media.map(|(name, (hash, _))| (format!("data/{name}"), *hash)));
    compare(bag, "manifest-sha256.txt", payload.collect(), &mut wrong);
    let tags = bag
        .tags
        .iter()
        .filter(|(name, _)| *name != "tagmanifest-sha256.txt")
        .map(|(name, bytes)| (name.clone(), Hash32::of(bytes)));
    compare(bag, "tagmanifest-sha256.txt", tags.collect(), &mut wrong);
    wrong
}

fn compare(bag: &Bag, list: &str, mut files: BTreeMap<String, Hash32>, wrong: &mut Vec<String>) {
    let Some(text) = bag
        .tags
        .get(list)
        .and_then(|b| core::str::from_utf8(b).ok())
    else {
        wrong.push(format!("{list}: is not there"));
        return;
    };
    for line in text.lines() {
        let Some((hash, name)) = line.split_once("  ") else {
            wrong.push(format!("{list}: a line is malformed"));
            continue;
        };
        match files.remove(name) {
            None => wrong.push(format!("{name}: is listed and not there")),
            Some(found) if found.to_string() != hash => {
                wrong.push(format!("{name}: was altered"));
            }
            Some(_) => {}
        }
    }
    for name in files.keys() {
        wrong.push(format!("{name}: is there and not listed in {list}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_may_not_stand_beside_the_payload() {
        let mut bag = Bag::default();
        let checksum = |name: &str, bytes: &[u8]| format!("{}  {name}\n", Hash32::of(bytes));
        let extra = b"what was really said";
        let list = checksum("bagit.txt", DECLARATION) + &checksum("corrected.html", extra);
        bag.tags.insert("bagit.txt".to_owned(), DECLARATION.into());
        bag.tags
            .insert("corrected.html".to_owned(), extra.as_slice().into());
        bag.tags
            .insert("tagmanifest-sha256.txt".to_owned(), list.into());
        let wrong = check(&bag);
        assert!(
            wrong.contains(&"corrected.html: does not belong in a bundle".to_owned()),
            "{wrong:?}"
        );
    }
}
