//! BagIt (RFC 8493) in a tar, written in one pass and deterministic but for what is put in.
//!
//! Files go into the tar as they come; the manifests, which need every checksum, come last.

use std::io::{self, Write};

use proto::{Hash32, Millis};
use tar::{Builder, EntryType, Header};

use crate::clock::shown;

/// Writes one bag.
pub struct BagWriter<W: Write> {
    tar: Builder<W>,
    root: String,
    at: Millis,
    payload: Vec<(String, Hash32)>,
    octets: u64,
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

    /// SHA-256 over the payload manifest so far: names what the bag holds.
    pub fn finish(mut self, info: &[(&str, String)]) -> io::Result<W> {
        let declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_vec();
        let mut lines = String::new();
        for (label, value) in info {
            lines.push_str(&format!("{label}: {}\n", one_line(value)));
        }
        let date = shown(self.at);
        let date = date.split('T').next().unwrap_or_default();
        lines.push_str(&format!(
            "Bagging-Date: {date}\nBag-Software-Agent: vestibule recorder {}\nPayload-Oxum: {}.{}\n",
            env!("CARGO_PKG_VERSION"),
            self.octets,
            self.payload.len()
        ));
        let manifest = checksums(&self.payload);
        let mut tags = Vec::new();
        for (name, bytes) in [
            ("bag-info.txt", lines.into_bytes()),
            ("bagit.txt", declaration),
            ("manifest-sha256.txt", manifest.into_bytes()),
        ] {
            self.append(name, &bytes)?;
            tags.push((name.to_owned(), Hash32::of(&bytes)));
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
        out.push_str(&format!("{hash}  {path}\n"));
    }
    out
}

/// A tag file's value on one line: what a person typed may hold anything.
fn one_line(value: &str) -> String {
    crate::terminal::escape(value)
}
