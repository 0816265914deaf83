//! A mark, and the disguises in which it might stand in a file.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;

use anyhow::Result;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use memchr::memmem;

/// How much is unpacked of one compressed stream.
const UNPACKED: u64 = 8 * 1024 * 1024;

/// Something that may stand nowhere.
pub(super) struct Mark {
    /// What it is.
    pub(super) name: String,
    needles: Vec<(String, Vec<u8>)>,
    raw: Vec<(String, Vec<u8>)>,
}

impl Mark {
    /// A text, in any of its encodings.
    pub(super) fn text(text: &str) -> Self {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let raw = vec![
            ("text".to_owned(), text.as_bytes().to_vec()),
            ("UTF-16".to_owned(), wide),
            (
                "UTF-16, turned".to_owned(),
                text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ),
        ];
        Self::of(text, raw)
    }

    /// An address: as text, and as the four bytes that it is. Four given bytes stand somewhere in
    /// a megabyte of random ones (sealed parts, keys, hashes) once in four thousand times, and a
    /// session here writes less than that.
    pub(super) fn address(address: Ipv4Addr) -> Self {
        let mapped = address.to_ipv6_mapped();
        let raw = vec![
            ("text".to_owned(), address.to_string().into_bytes()),
            ("four bytes".to_owned(), address.octets().to_vec()),
            (
                "four bytes, turned".to_owned(),
                address.octets().into_iter().rev().collect(),
            ),
            (
                "number".to_owned(),
                u32::from(address).to_string().into_bytes(),
            ),
            ("mapped".to_owned(), mapped.octets().to_vec()),
        ];
        Self::of(&address.to_string(), raw)
    }

    /// A token or other secret: its text, and the bytes that the text stands for.
    pub(super) fn secret(name: &str, text: &str) -> Self {
        let mut raw = vec![("text".to_owned(), text.as_bytes().to_vec())];
        if let Ok(bytes) = BASE64URL_NOPAD.decode(text.as_bytes())
            && bytes.len() == 32
        {
            raw.push(("bytes".to_owned(), bytes));
        }
        Self::of(name, raw)
    }

    /// Bytes that are no text.
    pub(super) fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self::of(name, vec![("bytes".to_owned(), bytes)])
    }

    fn of(name: &str, raw: Vec<(String, Vec<u8>)>) -> Self {
        let mut needles = raw.clone();
        for (way, bytes) in &raw {
            // Four bytes make too short a base64 to mean anything by themselves.
            needles.push((format!("{way} in hex"), HEXLOWER.encode(bytes).into_bytes()));
            needles.push((format!("{way} in HEX"), HEXUPPER.encode(bytes).into_bytes()));
            if bytes.len() > 6 {
                for skip in 0..3 {
                    needles.push((format!("{way} in base64"), base64_core(bytes, skip, false)));
                    needles.push((
                        format!("{way} in base64url"),
                        base64_core(bytes, skip, true),
                    ));
                }
            }
        }
        Self {
            name: name.to_owned(),
            needles,
            raw,
        }
    }

    /// The ways in which it stands in any of these views.
    pub(super) fn found_in(&self, views: &[View]) -> Vec<String> {
        let mut found = Vec::new();
        for view in views {
            for (way, needle) in &self.needles {
                if memmem::find(&view.bytes, needle).is_some() {
                    found.push(format!("{way}{}", view.how));
                }
            }
        }
        found
    }

    /// What is planted to see that it is found.
    pub(super) fn disguises(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut ways = Vec::new();
        for (way, bytes) in &self.raw {
            ways.push((way.clone(), bytes.clone()));
            ways.push((format!("{way} in hex"), HEXLOWER.encode(bytes).into_bytes()));
            let sentence = [b"before it, ".as_slice(), bytes, b" and after it"].concat();
            if bytes.len() > 6 {
                for skip in 0..3 {
                    let text = sentence.get(skip..).unwrap_or_default();
                    ways.push((format!("{way} in base64"), BASE64.encode(text).into_bytes()));
                }
            }
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(&sentence)?;
            ways.push((format!("{way} in gzip"), gzip.finish()?));
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
            zlib.write_all(&sentence)?;
            ways.push((format!("{way} in zlib"), zlib.finish()?));
        }
        Ok(ways)
    }
}

/// The characters of a base64 text that depend on nothing but `bytes`, where `skip` bytes of
/// another text stand before it in its first group of three.
fn base64_core(bytes: &[u8], skip: usize, url: bool) -> Vec<u8> {
    let padded = [vec![0; skip].as_slice(), bytes].concat();
    let whole = padded.len() / 3 * 3;
    let text = BASE64.encode(padded.get(..whole).unwrap_or_default());
    let text = if url {
        text.replace('+', "-").replace('/', "_")
    } else {
        text
    };
    let first = if skip == 0 { 0 } else { 4 };
    text.as_bytes().get(first..).unwrap_or_default().to_vec()
}

/// A file's bytes, or what was unpacked from somewhere in them.
pub(super) struct View {
    bytes: Vec<u8>,
    how: &'static str,
}

/// The bytes as they are, and whatever can be unpacked from somewhere in them: gzip and zlib by
/// their first bytes, and a bare deflate stream from the start.
pub(super) fn views(bytes: Vec<u8>) -> Vec<View> {
    let mut unpacked = vec![unpack(DeflateDecoder::new(bytes.as_slice()))];
    for at in memmem::find_iter(&bytes, &[0x1f, 0x8b]) {
        let rest = bytes.get(at..).unwrap_or_default();
        unpacked.push(unpack(MultiGzDecoder::new(rest)));
    }
    for level in [0x01, 0x5e, 0x9c, 0xda] {
        for at in memmem::find_iter(&bytes, &[0x78, level]) {
            let rest = bytes.get(at..).unwrap_or_default();
            unpacked.push(unpack(ZlibDecoder::new(rest)));
        }
    }
    let mut views = vec![View { bytes, how: "" }];
    views.extend(
        unpacked
            .into_iter()
            .filter(|bytes| bytes.len() > 3)
            .map(|bytes| View {
                bytes,
                how: ", compressed",
            }),
    );
    views
}

/// As much as comes out before the stream ends or breaks.
fn unpack(stream: impl std::io::Read) -> Vec<u8> {
    let mut out = Vec::new();
    // A broken stream is no error here: what came before its break is looked at.
    let _ = stream.take(UNPACKED).read_to_end(&mut out);
    out
}
