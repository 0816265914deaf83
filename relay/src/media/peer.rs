//! One participant's connection: ICE, DTLS, SRTP, and the numbers of what is sent on. The only
//! place that knows the engine (str0m); its traps are in `docs/adr/0002-media-engine.md`.
//!
//! Every change is followed by [`Peer::turn`], which drains the engine. The engine is never let
//! near a candidate of the client's, so it sends nowhere but where a proven STUN request came from.

mod terms;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use proto::{ErrorCode, TrackNo};
use rand_core::Rng;
use seal::media::Codec;
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RawPacket, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::counts::Why;
use super::numbers::{Incoming, Numbers};
use super::order::{Send, Take};
use super::sdp::Offer;
use super::sieve::Sieve;
use terms::{codec, credentials, extensions, low, ntp};

/// Packets that are kept for those who lost them: half a second of a good picture, a second of sound.
const KEPT_PICTURES: usize = 256;
const KEPT_SOUND: usize = 50;

/// What all connections of a worker share.
pub struct Engine {
    certificate: DtlsCert,
    crypto: Arc<str0m::config::CryptoProvider>,
    announced: SocketAddr,
}

/// The connection is over: the engine gave it up, or was given what it cannot bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A packet that came in, decrypted.
pub struct Packet {
    /// Its track.
    pub track: TrackNo,
    /// On this connection.
    pub ssrc: u32,
    /// Of the payload.
    pub codec: Codec,
    /// Extended by its roll-overs.
    pub seq: u64,
    /// RTP time.
    pub time: u32,
    /// RTP marker.
    pub marker: bool,
    /// Without header and padding.
    pub payload: Arc<[u8]>,
    /// When it came.
    pub at: Instant,
}

/// What a connection has to tell.
pub enum Happened {
    /// It is up.
    Connected,
    /// A packet has come.
    Media(Packet),
    /// A datagram or packet has come that goes nowhere.
    Refused(Why),
    /// What the sender says of a source's clock.
    Report {
        /// Of which track.
        track: TrackNo,
        /// Its wall clock, as NTP.
        ntp: u64,
        /// The RTP time then.
        time: u32,
    },
    /// A viewer has lost the picture of this track.
    Lost(TrackNo),
}

/// What [`Peer::turn`] brings out.
#[derive(Default)]
pub struct Out {
    /// Datagrams to send.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// What has happened.
    pub happened: Vec<Happened>,
}

/// A source that is sent on in one of the client's receiving sections.
struct Outgoing {
    track: TrackNo,
    codecs: Vec<(Codec, str0m::media::Pt)>,
    numbers: Numbers,
}

/// One connection.
pub struct Peer {
    rtc: Box<Rtc>,
    born: Instant,
    announced: SocketAddr,
    fingerprint: String,
    remote_ice: (String, String),
    name: String,
    sends: Vec<(Mid, TrackNo)>,
    takes: Vec<(Mid, Outgoing)>,
    /// What each payload type stands for.
    codecs: BTreeMap<u8, Codec>,
    sieve: Sieve,
}

impl Engine {
    /// With a certificate of its own. `announced` is what clients are told to send to.
    pub fn new(announced: SocketAddr) -> Option<Self> {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate()?;
        Some(Self {
            certificate,
            crypto: Arc::new(crypto),
            announced,
        })
    }
}

impl Peer {
    /// A new connection for this offer, and the answer to it.
    pub fn new(
        engine: &Engine,
        offer: &Offer,
        now: Instant,
        rng: &mut impl Rng,
    ) -> Result<(Self, String), ErrorCode> {
        let credentials = credentials(rng);
        let name = credentials.ufrag.clone();
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&engine.crypto))
            .set_dtls_cert(engine.certificate.clone())
            .set_local_ice_credentials(credentials)
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .enable_h264(true)
            .set_extension_map(extensions(offer))
            // What the sieve goes by: which packets were genuine, padding too.
            .enable_raw_packets(true)
            .set_send_buffer_audio(KEPT_SOUND)
            .set_send_buffer_video(KEPT_PICTURES);
        let built = catch_unwind(AssertUnwindSafe(|| {
            let mut rtc = Box::new(config.build(now));
            // Lite, but not said so: a browser then picks its path at once.
            rtc.direct_api().set_ice_lite(true);
            // Whether it was asked for or not: what is never reported is kept for ever.
            rtc.direct_api().enable_twcc_feedback();
            let candidate = Candidate::host(engine.announced, Protocol::Udp);
            let candidate = candidate.map_err(|_| ErrorCode::Internal)?;
            rtc.add_local_candidate(candidate);
            Ok(rtc)
        }));
        let rtc = built.map_err(|_| ErrorCode::Internal)??;
        let mut peer = Self {
            rtc,
            born: now,
            announced: engine.announced,
            fingerprint: offer.fingerprint.clone(),
            remote_ice: offer.ice.clone(),
            name,
            sends: Vec::new(),
            takes: Vec::new(),
            codecs: BTreeMap::new(),
            sieve: Sieve::new(offer.congestion()),
        };
        let answer = peer.accept(offer)?;
        Ok((peer, answer))
    }

    /// Whether `offer` is of this connection, and not of a new one.
    pub fn is_of(&self, offer: &Offer) -> bool {
        self.fingerprint == offer.fingerprint
    }

    /// The name under which STUN requests are for this connection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Another offer of the same connection. After an error the connection cannot be used.
    pub fn offer(&mut self, offer: &Offer, rng: &mut impl Rng) -> Result<String, ErrorCode> {
        if offer.congestion().is_some_and(|n| !self.sieve.is_for(n)) {
            return Err(ErrorCode::SdpRefused);
        }
        let answer = self.accept(offer)?;
        if self.remote_ice == offer.ice {
            return Ok(answer);
        }
        // An ICE restart. The engine's own credentials are not from a cryptographic generator.
        self.remote_ice = offer.ice.clone();
        let old = self.rtc.direct_api().local_ice_credentials();
        let new = credentials(rng);
        let answer = answer
            .replace(
                &format!("a=ice-ufrag:{}\r\n", old.ufrag),
                &format!("a=ice-ufrag:{}\r\n", new.ufrag),
            )
            .replace(
                &format!("a=ice-pwd:{}\r\n", old.pass),
                &format!("a=ice-pwd:{}\r\n", new.pass),
            )
            .replace(
                &format!(" ufrag {}", old.ufrag),
                &format!(" ufrag {}", new.ufrag),
            );
        new.ufrag.clone_into(&mut self.name);
        self.rtc.direct_api().set_local_ice_credentials(new);
        Ok(answer)
    }

    fn accept(&mut self, offer: &Offer) -> Result<String, ErrorCode> {
        let rtc = &mut self.rtc;
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            let offer =
                SdpOffer::from_sdp_string(&offer.text).map_err(|_| ErrorCode::SdpRefused)?;
            let answer = rtc.sdp_api().accept_offer(offer);
            answer.map_err(|_| ErrorCode::SdpRefused)
        }));
        let answer = accepted.map_err(|_| ErrorCode::SdpRefused)??;
        let config = self.rtc.codec_config();
        self.codecs = config
            .params()
            .iter()
            .filter_map(|params| Some((*params.pt(), codec(params.spec().codec)?)))
            .collect();
        Ok(answer.to_sdp_string())
    }

    /// Says which sections carry which tracks: such as [`Offer::carries`] has found possible.
    pub fn assign(&mut self, sends: &[Send], takes: &[Take]) {
        let sent = sends.iter();
        self.sends = sent.map(|s| (Mid::from(s.mid.as_str()), s.track)).collect();
        let mut before = std::mem::take(&mut self.takes);
        for take in takes {
            let mid = Mid::from(take.mid.as_str());
            let known = before.iter().position(|(known, _)| *known == mid);
            // The section's numbers go on, whatever it carries.
            let numbers = known.map(|at| before.swap_remove(at).1.numbers);
            let outgoing = Outgoing {
                track: take.track,
                codecs: self.codecs_of(mid),
                numbers: numbers.unwrap_or_default(),
            };
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
                stream.set_unpaced(true);
            }
            self.takes.push((mid, outgoing));
        }
    }

    fn codecs_of(&self, mid: Mid) -> Vec<(Codec, str0m::media::Pt)> {
        let offered = self.rtc.media(mid).map(str0m::media::Media::remote_pts);
        let offered = offered.unwrap_or_default().iter();
        offered
            .filter_map(|pt| Some((*self.codecs.get(pt)?, *pt)))
            .collect()
    }

    /// Whether a datagram that claims to be for this connection proves it.
    pub fn is_proved_by(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) -> bool {
        let Ok(receive) = Receive::new(Protocol::Udp, source, self.announced, datagram) else {
            return false;
        };
        let input = Input::Receive(now, receive);
        let rtc = &self.rtc;
        catch_unwind(AssertUnwindSafe(|| rtc.accepts(&input))).unwrap_or(false)
    }

    /// A datagram that is for this connection.
    pub fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        out: &mut Out,
    ) -> Result<Instant, Gone> {
        if let Some(why) = self.sieve.refuses(datagram) {
            out.happened.push(Happened::Refused(why));
        // Unreadable: the network's or a stranger's, and no reason to end.
        } else if let Ok(receive) = Receive::new(Protocol::Udp, source, self.announced, datagram) {
            self.input(Input::Receive(now, receive))?;
        }
        self.drain(out)
    }

    /// Lets time pass; sends what was written. Tells when to come again.
    pub fn turn(&mut self, now: Instant, out: &mut Out) -> Result<Instant, Gone> {
        self.input(Input::Timeout(now))?;
        self.drain(out)
    }

    /// Sends a packet on, if this client takes its track and knows its codec; it leaves with the
    /// next [`Peer::turn`].
    pub fn forward(&mut self, from: u64, packet: &Packet) -> bool {
        let mut takes = self.takes.iter_mut();
        let Some((mid, outgoing)) = takes.find(|(_, taken)| taken.track == packet.track) else {
            return false;
        };
        let mut codecs = outgoing.codecs.iter();
        let Some((_, pt)) = codecs.find(|(codec, _)| *codec == packet.codec).copied() else {
            return false;
        };
        let rate = if packet.codec == Codec::Opus {
            48_000
        } else {
            90_000
        };
        let incoming = Incoming {
            source: (from, packet.ssrc),
            seq: packet.seq,
            time: packet.time,
            rate,
            at: packet.at.saturating_duration_since(self.born),
        };
        let Some((seq, time)) = outgoing.numbers.next(incoming) else {
            return false;
        };
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(*mid, None) else {
            return false;
        };
        let write = RtpWrite::new(pt, seq.into(), time, packet.at, Arc::clone(&packet.payload))
            .marker(packet.marker)
            .nackable(packet.codec != Codec::Opus);
        stream.write_rtp(write);
        true
    }

    /// What comes next of these tracks follows on what was last sent of them, whatever lies between.
    pub fn skip(&mut self, of: impl Fn(TrackNo) -> bool) {
        for (_, outgoing) in self.takes.iter_mut().filter(|(_, o)| of(o.track)) {
            outgoing.numbers.skip();
        }
    }

    /// Asks the client for a key frame of its own `track`.
    pub fn ask(&mut self, track: TrackNo) {
        let Some((mid, _)) = self.sends.iter().find(|(_, sent)| *sent == track) else {
            return;
        };
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(*mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Tells the client that it is over, as far as that can be done.
    pub fn close(mut self, now: Instant, out: &mut Out) {
        let closed = catch_unwind(AssertUnwindSafe(|| self.rtc.close().is_ok()));
        if closed.unwrap_or(false) {
            let _ = self.turn(now, out);
        }
    }

    fn input(&mut self, input: Input<'_>) -> Result<(), Gone> {
        let rtc = &mut self.rtc;
        let handled = catch_unwind(AssertUnwindSafe(|| rtc.handle_input(input)));
        match handled {
            Ok(Ok(())) => Ok(()),
            // One datagram that the handshake cannot use does not end a connection by itself.
            Ok(Err(_)) if self.rtc.is_alive() => Ok(()),
            _ => Err(Gone),
        }
    }

    fn drain(&mut self, out: &mut Out) -> Result<Instant, Gone> {
        loop {
            let rtc = &mut self.rtc;
            let output = catch_unwind(AssertUnwindSafe(|| rtc.poll_output()));
            match output.map_err(|_| Gone)?.map_err(|_| Gone)? {
                Output::Timeout(_) if !self.rtc.is_alive() => return Err(Gone),
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) => {
                    out.datagrams
                        .push((transmit.destination, transmit.contents.into()));
                }
                Output::Event(event) => self.event(event, out)?,
            }
        }
    }

    fn event(&mut self, event: Event, out: &mut Out) -> Result<(), Gone> {
        match event {
            Event::Connected => out.happened.push(Happened::Connected),
            Event::RtpPacket(packet) => {
                let happened = self.packet(packet)?;
                out.happened.push(happened);
            }
            Event::SenderFeedback(report) => {
                if let Some((_, track)) = self.sends.iter().find(|(mid, _)| *mid == report.mid) {
                    let info = &report.sender_info;
                    out.happened.push(Happened::Report {
                        track: *track,
                        ntp: ntp(info.ntp_time),
                        time: low(info.rtp_time.numer()),
                    });
                }
            }
            Event::KeyframeRequest(request) => {
                let outgoing = self.takes.iter().find(|(mid, _)| *mid == request.mid);
                if let Some((_, outgoing)) = outgoing {
                    out.happened.push(Happened::Lost(outgoing.track));
                }
            }
            Event::RawPacket(raw) => {
                if let RawPacket::RtpRx(header, _) = *raw
                    && let Some(number) = header.ext_vals.transport_cc
                {
                    self.sieve.came(number);
                }
            }
            Event::Closed => return Err(Gone),
            _ => {}
        }
        Ok(())
    }

    fn packet(&mut self, packet: RtpPacket) -> Result<Happened, Gone> {
        let ssrc = *packet.header.ssrc;
        // The record counts in 32 bits, and an honest sender takes years to come so far.
        if *packet.seq_no > u64::from(u32::MAX) {
            return Err(Gone);
        }
        let mut api = self.rtc.direct_api();
        let mid = api.stream_rx(&Ssrc::from(ssrc)).map(|stream| stream.mid());
        let source = self.sends.iter().find(|(known, _)| Some(*known) == mid);
        // Numbers are the whole connection's; what this section may carry is what it agreed to.
        let number = packet.header.payload_type;
        let section = mid.and_then(|mid| self.rtc.media(mid));
        let agreed = section.is_some_and(|media| media.remote_pts().contains(&number));
        let codec = self.codecs.get(&number).filter(|_| agreed);
        let (Some((_, track)), Some(codec)) = (source, codec) else {
            return Ok(Happened::Refused(Why::Unasked));
        };
        Ok(Happened::Media(Packet {
            track: *track,
            ssrc,
            codec: *codec,
            seq: *packet.seq_no,
            time: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
            at: packet.timestamp,
        }))
    }
}
