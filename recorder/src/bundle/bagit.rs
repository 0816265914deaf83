//! BagIt (RFC 8493) in a tar, written in one pass and deterministic but for what is put in.
//!
//! Files go into the tar as they come; the manifests, which need every checksum, come last.

use std::fmt::Write as _;
use std::io::{self, Write};

use proto::{Hash32, Millis};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::clock::shown;
use crate::terminal::escape;

/// What `bagit.txt` says.
pub const DECLARATION: &[u8] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// What a tar is made of.
const BLOCK: usize = 512;

/// The bag's own description.
pub const INFO: &str = "bag-info.txt";

/// What `bag-info.txt` says under a label.
pub fn read_info<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(found, value)| (found == label).then_some(value))
}

/// Writes one bag.
pub struct BagWriter<W: Write> {
    tar: Builder<W>,
    root: String,
    at: Millis,
    payload: Vec<(String, Hash32)>,
    octets: u64,
    /// The file that comes in pieces: path, hash and length so far.
    pieces: Option<(String, Sha256, u64)>,
}

impl<W: Write> BagWriter<W> {
    /// Begins a bag whose folder is `root`, a generated name.
    pub fn new(to: W, root: &str, at: Millis) -> io::Result<Self> {
        let mut bag = Self {
            tar: Builder::new(to),
            root: root.to_owned(),
            at,
            payload: Vec::new(),
            octets: 0,
            pieces: None,
        };
        bag.folder("")?;
        bag.folder("data/")?;
        Ok(bag)
    }

    /// Adds a payload file; `path` is a generated name below `data/`.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = format!("data/{path}");
        self.append(&path, bytes)?;
        self.payload.push((path, Hash32::of(bytes)));
        self.octets += bytes.len() as u64;
        Ok(())
    }

    /// Begins a payload file of `size` bytes, which come in pieces.
    pub fn begin(&mut self, path: &str, size: u64) -> io::Result<()> {
        let mut header = self.header(size, 0o644);
        let path = format!("data/{path}");
        self.tar
            .append_data(&mut header, format!("{}/{path}", self.root), io::empty())?;
        self.pieces = Some((path, Sha256::new(), 0));
        Ok(())
    }

    /// Adds a piece to the file that was begun.
    pub fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, hash, length)) = &mut self.pieces {
            hash.update(bytes);
            *length += bytes.len() as u64;
        }
        self.tar.get_mut().write_all(bytes)
    }

    /// Ends the file that was begun.
    pub fn end(&mut self) -> io::Result<()> {
        if let Some((path, hash, length)) = self.pieces.take() {
            let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
            if over > 0 {
                let fill = [0; BLOCK];
                let fill = fill.get(over..).unwrap_or_default();
                self.tar.get_mut().write_all(fill)?;
            }
            self.payload.push((path, Hash32(hash.finalize().into())));
            self.octets += length;
        }
        Ok(())
    }

    /// The payload's checksums so far, as `manifest-sha256.txt` will list them.
    pub fn payload(&self) -> String {
        checksums(&self.payload)
    }

    /// What has been written so far.
    pub fn written(&mut self) -> &mut W {
        self.tar.get_mut()
    }

    /// `bag-info.txt` for the payload so far.
    pub fn info(&self, info: &[(&str, String)]) -> Vec<u8> {
        let mut lines = String::new();
        for (label, value) in info {
            let _ = writeln!(lines, "{label}: {}", escape(value));
        }
        let date = shown(self.at);
        let date = date.split('T').next().unwrap_or_default();
        let _ = write!(
            lines,
            "Bagging-Date: {date}\nBag-Software-Agent: vestibule recorder {}\nPayload-Oxum: {}.{}\n",
            env!("CARGO_PKG_VERSION"),
            self.octets,
            self.payload.len()
        );
        lines.into_bytes()
    }

    /// Writes the tag files: `info` as [`Self::info`] gave it, and `extra` ones.
    pub fn finish(mut self, info: Vec<u8>, extra: &[(&str, Vec<u8>)]) -> io::Result<W> {
        let manifest = checksums(&self.payload);
        let mut tags = Vec::new();
        let own = [
            ("bagit.txt", DECLARATION.to_vec()),
            (INFO, info),
            ("manifest-sha256.txt", manifest.into_bytes()),
        ];
        for (name, bytes) in own.iter().chain(extra) {
            self.append(name, bytes)?;
            tags.push(((*name).to_owned(), Hash32::of(bytes)));
        }
        self.append("tagmanifest-sha256.txt", checksums(&tags).as_bytes())?;
        self.tar.into_inner()
    }

    fn folder(&mut self, path: &str) -> io::Result<()> {
        let mut header = self.header(0, 0o755);
        header.set_entry_type(EntryType::Directory);
        let path = format!("{}/{path}", self.root);
        self.tar.append_data(&mut header, path, io::empty())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = self.header(bytes.len() as u64, 0o644);
        let path = format!("{}/{path}", self.root);
        self.tar.append_data(&mut header, path, bytes)
    }

    fn header(&self, size: u64, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(u64::try_from(self.at.0 / 1000).unwrap_or_default());
        header.set_uid(0);
        header.set_gid(0);
        header
    }
}

fn checksums(files: &[(String, Hash32)]) -> String {
    let mut out = String::new();
    for (path, hash) in files {
        let _ = writeln!(out, "{hash}  {path}");
    }
    out
}
