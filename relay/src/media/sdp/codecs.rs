//! Which codecs of an offer are taken, and that a number means one thing in all of it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proto::ErrorCode;

use super::MediaBlock;

/// Feedback on each packet's arrival.
pub(super) const CONGESTION: &str = "transport-cc";
const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", "goog-remb", CONGESTION];

/// Payload types and extension numbers mean one thing in all sections of a BUNDLE.
#[derive(Default)]
pub(super) struct Known {
    payloads: BTreeMap<u8, String>,
    pub(super) extensions: BTreeMap<u8, &'static str>,
}

impl Known {
    fn payload(&mut self, number: u8, meaning: &str) -> Result<(), ErrorCode> {
        let known = self
            .payloads
            .entry(number)
            .or_insert_with(|| meaning.to_owned());
        if known == meaning {
            Ok(())
        } else {
            Err(ErrorCode::SdpRefused)
        }
    }

    pub(super) fn extension(&mut self, number: u8, name: &'static str) -> Result<(), ErrorCode> {
        let known = *self.extensions.entry(number).or_insert(name);
        let twice = self
            .extensions
            .iter()
            .any(|(n, other)| *other == name && *n != number);
        if known == name && !twice {
            Ok(())
        } else {
            Err(ErrorCode::SdpRefused)
        }
    }
}

impl MediaBlock<'_> {
    /// Opus; VP8; where there is no VP8, H.264. Pictures only with retransmission, which the
    /// engine needs to ask for lost packets at all.
    pub(super) fn codecs(&self) -> Result<Vec<Codec>, ErrorCode> {
        let maps: Vec<(u8, &str)> = self.attributes.typed("rtpmap").collect();
        let are = |name: &str| -> Vec<u8> {
            let offered = self.payloads.iter().copied();
            offered
                // Others look like RTCP on a port that carries both.
                .filter(|number| (35..64).contains(number) || (96..128).contains(number))
                .filter(|number| {
                    maps.iter()
                        .any(|(n, map)| n == number && map.eq_ignore_ascii_case(name))
                })
                .collect()
        };
        let mut codecs = Vec::new();
        if self.sound {
            codecs.extend(
                are("opus/48000/2")
                    .first()
                    .map(|n| Codec::new(*n, "opus/48000/2")),
            );
        } else {
            let resend = are("rtx/90000");
            let mut main = self.with_resend(&are("VP8/90000"), &resend, "VP8/90000");
            main.truncate(2);
            if main.is_empty() {
                let whole = are("H264/90000").into_iter().filter(|number| {
                    let parameters = self.attributes.typed("fmtp").find(|(n, _)| n == number);
                    parameters.is_some_and(|(_, text)| text.contains("packetization-mode=1"))
                });
                main = self.with_resend(&whole.collect::<Vec<_>>(), &resend, "H264/90000");
            }
            codecs = main;
        }
        if codecs.is_empty() {
            Err(ErrorCode::CodecMissing)
        } else {
            Ok(codecs)
        }
    }

    fn with_resend(&self, main: &[u8], resend: &[u8], map: &'static str) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for number in main {
            let apt = format!("apt={number}");
            let found = resend.iter().find(|candidate| {
                let mut parameters = self.attributes.typed("fmtp");
                parameters
                    .any(|(n, text)| n == **candidate && text.split(';').any(|p| p.trim() == apt))
            });
            if let Some(found) = found {
                codecs.push(Codec::new(*number, map));
                codecs.push(Codec::new(*found, "rtx/90000"));
            }
        }
        codecs
    }
}

/// A payload type that is taken.
pub(super) struct Codec {
    pub(super) number: u8,
    map: &'static str,
}

impl Codec {
    fn new(number: u8, map: &'static str) -> Self {
        Self { number, map }
    }

    pub(super) fn write(
        &self,
        block: &MediaBlock<'_>,
        known: &mut Known,
        text: &mut String,
    ) -> Result<(), ErrorCode> {
        let from = &block.attributes;
        let number = self.number;
        let _ = write!(text, "a=rtpmap:{number} {}\r\n", self.map);
        let parameters = from
            .typed("fmtp")
            .find(|(n, _)| *n == number)
            .map(|(_, p)| p);
        // Levels may differ between sections; what a number stands for may not.
        let meaning = match (self.map, parameters) {
            ("rtx/90000", Some(parameters)) => format!("{} {parameters}", self.map),
            _ => self.map.to_owned(),
        };
        known.payload(number, &meaning)?;
        if let Some(parameters) = parameters {
            let _ = write!(text, "a=fmtp:{number} {parameters}\r\n");
        }
        for (n, feedback) in from.typed("rtcp-fb") {
            if n == number && FEEDBACK.contains(&feedback) && block.wants(feedback) {
                let _ = write!(text, "a=rtcp-fb:{number} {feedback}\r\n");
            }
        }
        Ok(())
    }
}
