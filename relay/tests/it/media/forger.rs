//! A device that writes what no browser would, and the relay's end of its connection: without a
//! network, and with a time of their own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proto::ErrorCode;
use proto::notice::Modality;
use relay::clock::Clock;
use relay::media::counts::Why;
use relay::media::order::Send;
use relay::media::peer::{Engine, Gone, Happened, Out, Peer};
use relay::media::sdp;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{
    Extension, ExtensionMap, ExtensionSerializer, ExtensionValues, RawPacket, RtpWrite,
};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig};

use crate::world::rng;

pub(crate) const PICTURE: u8 = 96;
pub(crate) const AGAIN: u8 = 97;
/// The extension that numbers all packets of the connection.
pub(crate) const NUMBER: u8 = 3;

/// What the relay made of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// It was taken, of this SSRC.
    Taken(u32),
    Refused(Why),
}

/// A number of the connection, as it pleases the forger.
#[derive(Debug)]
struct Number(u16);

#[derive(Debug)]
struct Forged;

impl ExtensionSerializer for Forged {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Number(number)) = values.user_values.get() else {
            return 0;
        };
        buf[..2].copy_from_slice(&number.to_be_bytes());
        2
    }

    fn parse_value(&self, _: &[u8], _: &mut ExtensionValues) -> bool {
        false
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        true
    }
}

/// The device and its peer.
pub(crate) struct Forger {
    rtc: Box<Rtc>,
    peer: Peer,
    offer: String,
    own: SocketAddr,
    relay: SocketAddr,
    pub(crate) now: Instant,
    ssrc: u32,
    connected: bool,
    /// Packets on which the relay has reported.
    pub(crate) reported: usize,
    pub(crate) met: Vec<Met>,
}

impl Forger {
    /// Connected; it sends one picture. `asks`: it says that it wants reports.
    pub(crate) fn new(asks: bool) -> Self {
        let (own, relay) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (own, relay) = (SocketAddr::from((own, 9)), SocketAddr::from((relay, 9)));
        let now = Clock::instant();
        let mut extensions = ExtensionMap::empty();
        extensions.set(NUMBER, Extension::with_serializer("urn:forged", Forged));
        extensions.set(4, Extension::RtpMid);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .set_extension_map(extensions)
            .enable_raw_packets(true);
        for number in [PICTURE, AGAIN] {
            let (rate, format) = (Frequency::NINETY_KHZ, FormatParams::default());
            let codecs = config.codec_config();
            codecs.add_config(number.into(), None, Codec::Vp8, rate, None, format);
        }
        let mut rtc = Box::new(config.build(now));
        let mut api = rtc.direct_api();
        let IceCreds { ufrag, pass } = api.local_ice_credentials();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v\r\n\
             a=fingerprint:{}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pass}\r\na=setup:actpass\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF {PICTURE} {AGAIN}\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\n\
             a=sendonly\r\na=rtcp-mux\r\na=rtpmap:{PICTURE} VP8/90000\r\n{}\
             a=rtpmap:{AGAIN} rtx/90000\r\na=fmtp:{AGAIN} apt={PICTURE}\r\n\
             a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:{NUMBER} \
             http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n",
            api.local_dtls_fingerprint(),
            if asks {
                format!("a=rtcp-fb:{PICTURE} transport-cc\r\n")
            } else {
                String::new()
            },
        );
        let engine = Engine::new(relay).unwrap();
        let read = sdp::read(&offer).unwrap();
        let (mut peer, answer) = Peer::new(&engine, &read, now, &mut rng()).unwrap();
        let send = Send {
            mid: "v".to_owned(),
            kind: Modality::Video,
            track: 1,
        };
        peer.assign(&[send], &[]);
        let said = |what: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(what));
            line.unwrap().to_owned()
        };
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(IceCreds {
            ufrag: said("a=ice-ufrag:"),
            pass: said("a=ice-pwd:"),
        });
        api.set_remote_fingerprint(said("a=fingerprint:").parse().unwrap());
        api.start_dtls(true).unwrap();
        api.declare_media(Mid::from("v"), MediaKind::Video);
        let candidate = |address| Candidate::host(address, Protocol::Udp).unwrap();
        rtc.add_local_candidate(candidate(own));
        rtc.add_remote_candidate(candidate(relay));
        let mut forger = Self {
            rtc,
            peer,
            offer,
            own,
            relay,
            now,
            ssrc: 0,
            connected: false,
            reported: 0,
            met: Vec::new(),
        };
        for _ in 0..500 {
            forger.pass(Duration::from_millis(10));
        }
        assert!(forger.connected);
        forger
    }

    /// Offers once more, with `from` in its offer replaced.
    pub(crate) fn offer_again(&mut self, from: &str, to: &str) -> Result<String, ErrorCode> {
        assert!(self.offer.contains(from));
        let offer = sdp::read(&self.offer.replace(from, to))?;
        self.peer.offer(&offer, &mut rng())
    }

    /// Sends a packet: what the relay makes of it. With an empty payload of the kind [`AGAIN`] it is
    /// padding, of which nothing comes.
    pub(crate) fn say(&mut self, ssrc: u32, kind: u8, seq: u64, number: Option<u16>) -> Vec<Met> {
        let mid = Mid::from("v");
        let mut api = self.rtc.direct_api();
        if self.ssrc != ssrc {
            api.remove_stream_tx(self.ssrc.into());
            self.ssrc = ssrc;
        }
        let stream = api.declare_stream_tx(ssrc.into(), None, mid, None);
        stream.set_unpaced(true);
        let mut values = ExtensionValues::default();
        if let Some(number) = number {
            values.user_values.set(Number(number));
        }
        let payload: &[u8] = if kind == AGAIN { &[] } else { b"picture" };
        let write = RtpWrite::new(kind.into(), seq.into(), 0, self.now, payload);
        stream.write_rtp(write.ext_vals(values));
        let before = self.met.len();
        self.turn();
        self.met.split_off(before)
    }

    /// Somebody else's datagram, from this one's address.
    pub(crate) fn forged(&mut self, datagram: &[u8]) -> Vec<Met> {
        let before = self.met.len();
        self.arrives(datagram);
        self.met.split_off(before)
    }

    /// Lets time pass, and both do what is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut out = Out::default();
        let done = self.peer.turn(self.now, &mut out);
        self.came(done, out);
        self.turn();
    }

    fn turn(&mut self) {
        self.rtc.handle_input(Input::Timeout(self.now)).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.arrives(&transmit.contents),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RawPacket(raw)) => {
                    if let RawPacket::RtcpRx(Rtcp::Twcc(report)) = *raw {
                        self.reported += report.delta.len();
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    fn arrives(&mut self, datagram: &[u8]) {
        let mut out = Out::default();
        let done = self.peer.receive(self.now, self.own, datagram, &mut out);
        self.came(done, out);
    }

    fn came(&mut self, done: Result<Instant, Gone>, out: Out) {
        done.expect("the connection goes on");
        for happened in out.happened {
            match happened {
                Happened::Media(packet) => self.met.push(Met::Taken(packet.ssrc)),
                Happened::Refused(why) => self.met.push(Met::Refused(why)),
                _ => {}
            }
        }
        for (_, datagram) in out.datagrams {
            let receive = Receive::new(Protocol::Udp, self.relay, self.own, &datagram).unwrap();
            let _ = self.rtc.handle_input(Input::Receive(self.now, receive));
        }
    }
}
