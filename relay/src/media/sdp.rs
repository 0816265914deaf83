//! Offers are read here before the engine sees them. What goes on is written anew from what was
//! understood: codecs, extensions and attributes that are known, and nothing else. Pure.
//!
//! So no candidate reaches the engine (an offer must not make the relay send anywhere), no data
//! channel, no simulcast, and no line that this file has not read.

mod codecs;
mod transport;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proto::ErrorCode;
use proto::notice::Modality;

use super::order::{Send, Take};
use codecs::Known;
use transport::Transport;

/// Bytes of an offer.
const LONGEST: usize = 48 * 1024;
/// Bytes of one of its lines.
const LONGEST_LINE: usize = 1_024;
/// Its lines.
const LINES: usize = 3_000;
/// Its media sections.
const SECTIONS: usize = 32;

const PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const CONGESTION: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Header extensions that are answered. Without `sdes:mid` a packet cannot be told to its section.
/// Orientation is not among them: pictures must come the right way up, for the record.
const EXTENSIONS: [&str; 3] = [
    MID,
    CONGESTION,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
];

/// An offer that can be answered.
pub struct Offer {
    /// The offer, written anew.
    pub text: String,
    /// SHA-256 of the client's certificate: the same in every offer of one connection.
    pub fingerprint: String,
    /// The client's ICE user name and password: others mean an ICE restart.
    pub ice: (String, String),
    /// Its sections.
    pub sections: Vec<Section>,
    /// Header extensions that it numbers, also where they are of no use.
    pub extensions: BTreeMap<u8, &'static str>,
}

impl Offer {
    /// The number of the extension that numbers all packets of a connection.
    pub fn congestion(&self) -> Option<u8> {
        let mut extensions = self.extensions.iter();
        let found = extensions.find(|(_, uri)| **uri == CONGESTION);
        found.map(|(number, _)| *number)
    }

    /// Whether its sections can carry these sources and receive those tracks.
    pub fn carries(&self, sends: &[Send], takes: &[Take]) -> bool {
        let section = |mid: &str| self.sections.iter().find(|section| section.mid == mid);
        let can_send = sends.iter().enumerate().all(|(at, source)| {
            let sound = source.kind == Modality::Audio;
            let once = !sends
                .iter()
                .take(at)
                .any(|s| s.mid == source.mid || s.track == source.track);
            once && section(&source.mid).is_some_and(|s| s.sends && s.sound == sound)
        });
        let can_take = takes.iter().enumerate().all(|(at, take)| {
            let once = !takes
                .iter()
                .take(at)
                .any(|t| t.mid == take.mid || t.track == take.track);
            once && section(&take.mid).is_some_and(|s| s.receives)
        });
        can_send && can_take
    }
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `a=mid`.
    pub mid: String,
    /// Sound, or else pictures.
    pub sound: bool,
    /// The client may send.
    pub sends: bool,
    /// The client may receive.
    pub receives: bool,
}

/// Reads an offer.
pub fn read(sdp: &str) -> Result<Offer, ErrorCode> {
    if sdp.len() > LONGEST {
        return Err(ErrorCode::TooLarge);
    }
    let lines = lines(sdp)?;
    let mut blocks = blocks(&lines);
    let session = Attributes::of(blocks.next().unwrap_or_default());
    let media: Vec<&[&str]> = blocks.collect();
    if media.is_empty() || media.len() > SECTIONS {
        return Err(ErrorCode::SdpRefused);
    }
    let bundle = bundle(&session)?;
    let mut known = Known::default();
    let mut sections = Vec::new();
    let mut body = String::new();
    let mut transport = Transport::default();
    transport.take(&session)?;
    for block in media {
        let read = MediaBlock::read(block)?;
        if sections.iter().any(|known: &Section| known.mid == read.mid) {
            return Err(ErrorCode::SdpRefused);
        }
        let bundled = bundle.contains(&read.mid.as_str());
        if read.port == 0 && !bundled {
            read.write_rejected(&mut body);
        } else if bundled {
            transport.take(&read.attributes)?;
            read.write(&mut known, &mut body)?;
        } else {
            return Err(ErrorCode::SdpRefused);
        }
        sections.push(read.section(bundled));
    }
    if bundle
        .iter()
        .any(|mid| !sections.iter().any(|s| s.mid == *mid))
    {
        return Err(ErrorCode::SdpRefused);
    }
    let transport = transport.complete()?;
    let text = head(&bundle, &transport) + &body;
    Ok(Offer {
        text,
        fingerprint: transport.fingerprint,
        ice: transport.ice,
        sections,
        extensions: known.extensions,
    })
}

/// Lines of printable ASCII, each `x=…`.
fn lines(sdp: &str) -> Result<Vec<&str>, ErrorCode> {
    let mut lines = Vec::new();
    for line in sdp.split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.is_empty() {
            continue;
        }
        let plain = line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let typed = line.as_bytes().get(1) == Some(&b'=');
        if !plain || !typed || line.len() > LONGEST_LINE || lines.len() == LINES {
            return Err(ErrorCode::SdpRefused);
        }
        lines.push(line);
    }
    if lines.first() != Some(&"v=0") {
        return Err(ErrorCode::SdpRefused);
    }
    Ok(lines)
}

/// What stands before the first `m=`, then each `m=` with what follows it.
fn blocks<'l, 'a>(lines: &'l [&'a str]) -> impl Iterator<Item = &'l [&'a str]> {
    let mut rest = Some(lines);
    std::iter::from_fn(move || {
        let all = rest?;
        let next = all.iter().skip(1).position(|line| line.starts_with("m="));
        let (block, after) = match next {
            Some(at) => all.split_at_checked(at + 1)?,
            None => (all, &[][..]),
        };
        rest = (!after.is_empty()).then_some(after);
        Some(block)
    })
}

/// `a=` lines of one block: name and value.
struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    fn of(block: &[&'a str]) -> Self {
        let attributes = block.iter().filter_map(|line| line.strip_prefix("a="));
        Self(
            attributes
                .map(|a| a.split_once(':').unwrap_or((a, "")))
                .collect(),
        )
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| *n == name)
            .map(|(_, value)| *value)
    }

    fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Values that begin with a payload type.
    fn typed(&self, name: &str) -> impl Iterator<Item = (u8, &'a str)> {
        self.all(name).filter_map(|value| {
            let (number, rest) = value.split_once(' ')?;
            Some((number.parse().ok()?, rest))
        })
    }
}

/// The one BUNDLE group.
fn bundle<'a>(session: &Attributes<'a>) -> Result<Vec<&'a str>, ErrorCode> {
    let mut groups = session
        .all("group")
        .filter_map(|group| group.strip_prefix("BUNDLE"));
    let (Some(group), None) = (groups.next(), groups.next()) else {
        return Err(ErrorCode::SdpRefused);
    };
    if session.has("ice-lite") {
        return Err(ErrorCode::SdpRefused);
    }
    Ok(group.split_ascii_whitespace().collect())
}

fn head(bundle: &[&str], transport: &Transport) -> String {
    let (name, password) = &transport.ice;
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
         a=fingerprint:sha-256 {}\r\na=ice-ufrag:{name}\r\na=ice-pwd:{password}\r\na=setup:actpass\r\n",
        bundle.join(" "),
        transport.fingerprint,
    )
}

/// One `m=` and what belongs to it.
struct MediaBlock<'a> {
    mid: String,
    sound: bool,
    port: u16,
    payloads: Vec<u8>,
    attributes: Attributes<'a>,
}

impl<'a> MediaBlock<'a> {
    fn read(block: &[&'a str]) -> Result<Self, ErrorCode> {
        let refused = ErrorCode::SdpRefused;
        let line = block
            .first()
            .and_then(|line| line.strip_prefix("m="))
            .ok_or(refused)?;
        let mut words = line.split(' ');
        let sound = match words.next() {
            Some("audio") => true,
            Some("video") => false,
            // Data channels among them.
            _ => return Err(refused),
        };
        let port = words
            .next()
            .and_then(|port| port.parse().ok())
            .ok_or(refused)?;
        if words.next() != Some(PROTOCOL) {
            return Err(refused);
        }
        let payloads: Vec<u8> = words
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| refused)?;
        let mut sorted = payloads.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let attributes = Attributes::of(block);
        let mid = attributes.first("mid").unwrap_or_default();
        let named = (1..=16).contains(&mid.len()) && mid.bytes().all(|b| b.is_ascii_alphanumeric());
        if !named || sorted.len() != payloads.len() {
            return Err(refused);
        }
        Ok(Self {
            mid: mid.to_owned(),
            sound,
            port,
            payloads,
            attributes,
        })
    }

    fn kind(&self) -> &'static str {
        if self.sound { "audio" } else { "video" }
    }

    fn direction(&self) -> &'static str {
        let known = ["sendonly", "recvonly", "inactive"];
        known
            .into_iter()
            .find(|name| self.attributes.has(name))
            .unwrap_or("sendrecv")
    }

    /// Whether an extension or a kind of feedback is of use. A viewer's word on each packet's arrival is
    /// not: the relay sends on what it gets, as it gets it.
    fn wants(&self, name: &str) -> bool {
        self.direction() != "recvonly" || ![CONGESTION, codecs::CONGESTION].contains(&name)
    }

    fn section(self, live: bool) -> Section {
        let direction = self.direction();
        Section {
            sends: live && ["sendrecv", "sendonly"].contains(&direction),
            receives: live && ["sendrecv", "recvonly"].contains(&direction),
            sound: self.sound,
            mid: self.mid,
        }
    }

    fn write_rejected(&self, text: &mut String) {
        let _ = write!(
            text,
            "m={} 0 {PROTOCOL} 0\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n",
            self.kind(),
            self.mid,
        );
    }

    fn write(&self, known: &mut Known, text: &mut String) -> Result<(), ErrorCode> {
        if !self.attributes.has("rtcp-mux") {
            return Err(ErrorCode::SdpRefused);
        }
        let codecs = self.codecs()?;
        let numbers: Vec<String> = codecs
            .iter()
            .map(|codec| codec.number.to_string())
            .collect();
        let _ = write!(
            text,
            "m={} 9 {PROTOCOL} {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={}\r\na=rtcp-mux\r\n",
            self.kind(),
            numbers.join(" "),
            self.mid,
            self.direction(),
        );
        for codec in codecs {
            codec.write(self, known, text)?;
        }
        self.write_extensions(known, text)
    }

    fn write_extensions(&self, known: &mut Known, text: &mut String) -> Result<(), ErrorCode> {
        let mut named = false;
        for extension in self.attributes.all("extmap") {
            let mut words = extension.split(' ');
            let number = words.next().and_then(|word| word.split('/').next());
            let number = number.and_then(|number| number.parse::<u8>().ok());
            let uri = words.next();
            let Some(uri) = EXTENSIONS.into_iter().find(|known| Some(*known) == uri) else {
                continue;
            };
            // With one-byte headers there are no others.
            let number = number
                .filter(|n| (1..=14).contains(n))
                .ok_or(ErrorCode::SdpRefused)?;
            known.extension(number, uri)?;
            named |= uri == MID;
            if self.wants(uri) {
                let _ = write!(text, "a=extmap:{number} {uri}\r\n");
            }
        }
        if named {
            Ok(())
        } else {
            Err(ErrorCode::SdpRefused)
        }
    }
}
