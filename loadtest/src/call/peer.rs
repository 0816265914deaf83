//! One WebRTC connection to a relay: str0m with a UDP socket of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use proto::ParticipantId;
use proto::call::{SendSlot, TakeSlot};
use proto::notice::Modality;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::recorded::Due;

/// The longest datagram that is read.
const DATAGRAM: usize = 2_000;

/// What a participant wants to receive: whose, and what of theirs.
pub type Wanted = (ParticipantId, Modality);

/// A connection.
pub struct Peer {
    rtc: Box<Rtc>,
    socket: UdpSocket,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    sends: Vec<(Mid, Modality, Numbers)>,
    takes: Vec<(Mid, Wanted)>,
    next: Instant,
}

/// How far an outgoing stream has come.
#[derive(Default)]
struct Numbers {
    seq: u64,
}

/// What has come out of a connection.
#[derive(Default)]
pub struct News {
    /// It is up.
    pub connected: bool,
    /// RTP packets that have come, by what was asked for.
    pub packets: BTreeMap<Wanted, u64>,
    /// Somebody has lost the picture.
    pub picture_lost: bool,
}

/// What is said to the relay of the connection.
pub struct Proposal {
    /// The SDP.
    pub sdp: String,
    /// Own sources.
    pub sends: Vec<SendSlot>,
    /// What is to be received.
    pub takes: Vec<TakeSlot>,
}

impl Peer {
    /// A connection that is none yet, from this address of the loopback.
    pub async fn new(from: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind((from, 0)).await?;
        let local = socket.local_addr()?;
        let now = Instant::now();
        let config = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true);
        let mut rtc = Box::new(config.build(now.into_std()));
        rtc.add_local_candidate(Candidate::host(local, Protocol::Udp)?);
        Ok(Self {
            rtc,
            socket,
            local,
            pending: None,
            sends: Vec::new(),
            takes: Vec::new(),
            next: now,
        })
    }

    /// Whether an offer waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// What is to be said so that these are sent and those received; `None` if it is so already.
    pub fn offer(
        &mut self,
        kinds: &[Modality],
        wanted: &[Wanted],
        restart: bool,
    ) -> Option<Proposal> {
        let sent: Vec<Modality> = self.sends.iter().map(|(_, kind, _)| *kind).collect();
        let before: Vec<Wanted> = self.takes.iter().map(|(_, whose)| *whose).collect();
        let mut api = self.rtc.sdp_api();
        if restart {
            api.ice_restart(true);
        }
        self.sends.retain(|(mid, kind, _)| {
            let stays = kinds.contains(kind);
            if !stays {
                api.set_direction(*mid, Direction::Inactive);
            }
            stays
        });
        self.takes.retain(|(mid, whose)| {
            let stays = wanted.contains(whose);
            if !stays {
                api.set_direction(*mid, Direction::Inactive);
            }
            stays
        });
        for kind in kinds.iter().filter(|kind| !sent.contains(kind)) {
            let mid = api.add_media(media(*kind), Direction::SendOnly, None, None, None);
            self.sends.push((mid, *kind, Numbers::default()));
        }
        for whose in wanted.iter().filter(|whose| !before.contains(whose)) {
            let mid = api.add_media(media(whose.1), Direction::RecvOnly, None, None, None);
            self.takes.push((mid, *whose));
        }
        let (offer, pending) = api.apply()?;
        self.pending = Some(pending);
        let sends = self.sends.iter().map(|(mid, kind, _)| SendSlot {
            mid: mid.to_string(),
            kind: *kind,
        });
        let takes = self.takes.iter().map(|(mid, whose)| TakeSlot {
            mid: mid.to_string(),
            participant: whose.0,
            kind: whose.1,
        });
        Some(Proposal {
            sdp: offer.to_sdp_string(),
            sends: sends.collect(),
            takes: takes.collect(),
        })
    }

    /// The relay's answer to the offer.
    pub fn answer(&mut self, sdp: &str) -> Result<()> {
        let pending = self.pending.take().context("an answer to nothing")?;
        let answer = SdpAnswer::from_sdp_string(sdp)?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    /// Answers the other side's offer: everything in it comes from `whose`.
    pub fn accept(&mut self, sdp: &str, whose: ParticipantId) -> Result<String> {
        let offer = SdpOffer::from_sdp_string(sdp)?;
        let answer = self.rtc.sdp_api().accept_offer(offer)?;
        let sections = sections(sdp).into_iter();
        self.takes
            .extend(sections.map(|(mid, kind)| (Mid::from(mid), (whose, kind))));
        Ok(answer.to_sdp_string())
    }

    /// The offer was refused: it counts for nothing.
    pub fn refused(&mut self) {
        self.pending = None;
    }

    /// Waits for a datagram, or until it is time to do something.
    pub async fn wait(&mut self) -> Result<()> {
        let mut datagram = [0; DATAGRAM];
        tokio::select! {
            came = self.socket.recv_from(&mut datagram) => {
                // A relay that is not there is no reason to end.
                let Ok((length, source)) = came else { return Ok(()) };
                let bytes = datagram.get(..length).unwrap_or_default();
                let now = Instant::now().into_std();
                if let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, bytes) {
                    self.rtc.handle_input(Input::Receive(now, receive))?;
                }
            }
            () = tokio::time::sleep_until(self.next) => {
                self.rtc.handle_input(Input::Timeout(Instant::now().into_std()))?;
            }
        }
        Ok(())
    }

    /// Sends what is to be sent, and tells what has come. After every change.
    pub async fn drain(&mut self, news: &mut News) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.next = Instant::from_std(at);
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    // Where nobody listens just now, a datagram is lost.
                    let _ = self
                        .socket
                        .send_to(&transmit.contents, transmit.destination)
                        .await;
                }
                Output::Event(Event::Connected) => news.connected = true,
                Output::Event(Event::KeyframeRequest(_)) => news.picture_lost = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    let ssrc = packet.header.ssrc;
                    let mid = self.rtc.direct_api().stream_rx(&ssrc).map(|s| s.mid());
                    let section = self.takes.iter().find(|(known, _)| Some(*known) == mid);
                    if let Some((_, whose)) = section {
                        *news.packets.entry(*whose).or_default() += 1;
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Sends a packet of an own source with this RTP time; says whether it could be.
    pub fn send(&mut self, kind: Modality, packet: &Due, time: u32) -> bool {
        let Some((mid, _, numbers)) = self.sends.iter_mut().find(|(_, k, _)| *k == kind) else {
            return false;
        };
        let Some(pt) = payload_type(&self.rtc, *mid, kind) else {
            return false;
        };
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(*mid, None) else {
            return false;
        };
        let now = Instant::now().into_std();
        stream.set_unpaced(true);
        stream.write_rtp(
            RtpWrite::new(
                pt,
                numbers.seq.into(),
                time,
                now,
                std::sync::Arc::clone(&packet.payload),
            )
            .marker(packet.marker)
            .nackable(kind != Modality::Audio),
        );
        numbers.seq += 1;
        true
    }
}

/// The sections of an SDP that carry sound or pictures, by name (`a=mid`).
fn sections(sdp: &str) -> Vec<(&str, Modality)> {
    let mut found = Vec::new();
    let mut kind = None;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            kind = match media.split(' ').next() {
                Some("audio") => Some(Modality::Audio),
                Some("video") => Some(Modality::Video),
                _ => None,
            };
        }
        if let Some((kind, mid)) = kind.zip(line.strip_prefix("a=mid:")) {
            found.push((mid, kind));
        }
    }
    found
}

fn media(kind: Modality) -> MediaKind {
    if kind == Modality::Audio {
        MediaKind::Audio
    } else {
        MediaKind::Video
    }
}

/// Under which payload type the other side takes this kind.
fn payload_type(rtc: &Rtc, mid: Mid, kind: Modality) -> Option<Pt> {
    let codec = if kind == Modality::Audio {
        Codec::Opus
    } else {
        Codec::Vp8
    };
    let taken = rtc.media(mid)?.remote_pts().to_vec();
    let params = rtc.codec_config().params().iter();
    params
        .filter(|params| params.spec().codec == codec)
        .map(PayloadParams::pt)
        .find(|pt| taken.contains(pt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart_by_what_they_carry_whatever_their_names() {
        let sdp = "v=0\r\na=mid:stray\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\na=mid:two\r\n";
        let expected = [("0", Modality::Video), ("two", Modality::Audio)];
        assert_eq!(sections(sdp), expected);
    }
}
