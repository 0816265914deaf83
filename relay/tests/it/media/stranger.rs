//! A participant's device: a WebRTC endpoint of its own on a socket of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::select_all;
use proto::notice::Modality;
use proto::{ErrorCode, ParticipantId, TrackNo};
use relay::clock::Clock;
use relay::media::order::{Order, Send, Take};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use super::hall::Hall;

/// A packet that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) mid: Mid,
    pub(crate) ssrc: u32,
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) payload: Vec<u8>,
}

/// Which datagrams are lost.
pub(crate) type Loses = Box<dyn FnMut(&[u8]) -> bool + std::marker::Send>;

/// One device.
pub(crate) struct Stranger {
    pub(crate) who: ParticipantId,
    pub(crate) rtc: Box<Rtc>,
    pub(crate) socket: UdpSocket,
    local: SocketAddr,
    due: Instant,
    pub(crate) connected: bool,
    pub(crate) got: Vec<Got>,
    /// Sections for which a key frame was asked.
    pub(crate) asked: Vec<Mid>,
    /// What part of what it sent was lost on the way, as the relay told it last.
    pub(crate) loss: Option<f32>,
    /// Datagrams that were sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// Which of what it sends is lost on the way.
    pub(crate) loses_sent: Loses,
    /// Which of what is sent to it is lost on the way.
    pub(crate) loses_received: Loses,
    pub(crate) sends: Vec<Send>,
    pub(crate) takes: Vec<Take>,
}

/// Waits until one of them has something to do, and lets all do it.
pub(crate) async fn turn(strangers: &mut [&mut Stranger]) {
    for stranger in &mut *strangers {
        stranger.turn();
    }
    // The relay's thread tells nobody when it has news.
    let soon = Clock::instant() + Duration::from_millis(2);
    let due = strangers
        .iter()
        .map(|s| s.due)
        .min()
        .map_or(soon, |due| due.min(soon));
    let timer = tokio::time::sleep_until(due.into());
    if strangers.is_empty() {
        timer.await;
    } else {
        let sockets = strangers.iter().map(|s| s.socket.readable().boxed());
        tokio::select! { () = timer => {}, _ = select_all(sockets) => {} }
    }
    for stranger in strangers {
        stranger.turn();
    }
}

impl Stranger {
    pub(crate) async fn new() -> Self {
        Self::with(RtcConfig::new().set_rtp_mode(true)).await
    }

    pub(crate) async fn with(config: RtcConfig) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        let now = Clock::instant();
        let mut rtc = Box::new(config.build(now));
        rtc.add_local_candidate(Candidate::host(local, Protocol::Udp).unwrap());
        Self {
            who: super::hall::someone(),
            rtc,
            socket,
            local,
            due: now,
            connected: false,
            got: Vec::new(),
            asked: Vec::new(),
            loss: None,
            sent: Vec::new(),
            loses_sent: Box::new(|_| false),
            loses_received: Box::new(|_| false),
            sends: Vec::new(),
            takes: Vec::new(),
        }
    }

    /// Moves to another network: a new socket, whose address the relay has not seen.
    pub(crate) async fn move_away(&mut self) {
        self.socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        self.local = self.socket.local_addr().unwrap();
        self.rtc
            .add_local_candidate(Candidate::host(self.local, Protocol::Udp).unwrap());
    }

    /// An offer that adds what it sends and takes to what it has.
    pub(crate) fn offer(
        &mut self,
        sends: &[(Modality, TrackNo)],
        takes: &[(Modality, TrackNo)],
    ) -> (String, SdpPendingOffer) {
        let mut api = self.rtc.sdp_api();
        let kind = |modality| {
            if modality == Modality::Audio {
                MediaKind::Audio
            } else {
                MediaKind::Video
            }
        };
        for (modality, track) in sends {
            let mid = api.add_media(kind(*modality), Direction::SendOnly, None, None, None);
            self.sends.push(Send {
                mid: mid.to_string(),
                kind: *modality,
                track: *track,
            });
        }
        for (modality, track) in takes {
            let mid = api.add_media(kind(*modality), Direction::RecvOnly, None, None, None);
            self.takes.push(Take {
                mid: mid.to_string(),
                track: *track,
            });
        }
        let (offer, pending) = api.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    /// Offers through the room, and takes the answer.
    pub(crate) async fn join(
        &mut self,
        hall: &mut Hall,
        sends: &[(Modality, TrackNo)],
        takes: &[(Modality, TrackNo)],
    ) {
        let (sdp, pending) = self.offer(sends, takes);
        let answer = self.put(hall, sdp).await.unwrap();
        self.accept(pending, &answer);
    }

    pub(crate) fn accept(&mut self, pending: SdpPendingOffer, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    /// Puts an offer to the worker as it is.
    pub(crate) async fn put(&mut self, hall: &mut Hall, sdp: String) -> Result<String, ErrorCode> {
        hall.order(Order::Offer {
            peer: self.who,
            number: 1,
            sdp,
            sends: self.sends.clone(),
            takes: self.takes.clone(),
        });
        hall.answer().await
    }

    fn mid_of(&self, track: TrackNo) -> Mid {
        let sent = self
            .sends
            .iter()
            .find(|send| send.track == track)
            .map(|send| &send.mid);
        let taken = self
            .takes
            .iter()
            .find(|take| take.track == track)
            .map(|take| &take.mid);
        Mid::from(sent.or(taken).unwrap().as_str())
    }

    /// Sends one packet of its own `track`.
    pub(crate) fn say(&mut self, track: TrackNo, seq: u64, time: u32, payload: &[u8]) {
        let send = self.sends.iter().find(|send| send.track == track).unwrap();
        let codec = if send.kind == Modality::Audio {
            Codec::Opus
        } else {
            Codec::Vp8
        };
        self.say_as(track, codec, seq, time, payload);
    }

    pub(crate) fn say_as(
        &mut self,
        track: TrackNo,
        codec: Codec,
        seq: u64,
        time: u32,
        payload: &[u8],
    ) {
        let mid = self.mid_of(track);
        let params = self
            .rtc
            .codec_config()
            .find(|params| params.spec().codec == codec);
        let pt = params.unwrap().pt();
        let now = Clock::instant();
        let write = RtpWrite::new(pt, seq.into(), time, now, payload.to_vec())
            .nackable(codec != Codec::Opus);
        self.rtc
            .direct_api()
            .stream_tx_by_mid(mid, None)
            .unwrap()
            .write_rtp(write);
        self.turn();
    }

    /// Asks for a key frame of a track that it takes.
    pub(crate) fn ask(&mut self, track: TrackNo) {
        let mid = self.mid_of(track);
        let mut api = self.rtc.direct_api();
        api.stream_rx_by_mid(mid, None)
            .unwrap()
            .request_keyframe(KeyframeRequestKind::Pli);
        self.turn();
    }

    /// The payloads of a track that it takes, as they came.
    pub(crate) fn heard(&self, track: TrackNo) -> Vec<Vec<u8>> {
        let mid = self.mid_of(track);
        let got = self.got.iter().filter(|got| got.mid == mid);
        got.map(|got| got.payload.clone()).collect()
    }

    pub(crate) fn was_asked(&self, track: TrackNo) -> bool {
        self.asked.contains(&self.mid_of(track))
    }

    /// Takes what has come, and sends what is due.
    pub(crate) fn turn(&mut self) {
        self.rtc
            .handle_input(Input::Timeout(Clock::instant()))
            .unwrap();
        self.drain();
        let mut buffer = [0; 2_000];
        while let Ok((length, source)) = self.socket.try_recv_from(&mut buffer) {
            let datagram = &buffer[..length];
            if (self.loses_received)(datagram) {
                continue;
            }
            if let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, datagram) {
                let _ = self
                    .rtc
                    .handle_input(Input::Receive(Clock::instant(), receive));
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.due = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    // From a network it has left nothing leaves.
                    if transmit.source == self.local && !(self.loses_sent)(&transmit.contents) {
                        let _ = self
                            .socket
                            .try_send_to(&transmit.contents, transmit.destination);
                    }
                    self.sent.push(transmit.contents.to_vec());
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    let mid = self
                        .rtc
                        .direct_api()
                        .stream_rx(&packet.header.ssrc)
                        .unwrap()
                        .mid();
                    self.got.push(Got {
                        mid,
                        ssrc: *packet.header.ssrc,
                        seq: *packet.seq_no,
                        time: packet.header.timestamp,
                        payload: packet.payload.to_vec(),
                    });
                }
                Output::Event(Event::KeyframeRequest(request)) => self.asked.push(request.mid),
                Output::Event(Event::PeerStats(stats)) => {
                    self.loss = stats.egress_loss_fraction.or(self.loss);
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// Whether a datagram is RTP, and not RTCP.
pub(crate) fn is_rtp(datagram: &[u8]) -> bool {
    let Some([first, second]) = datagram.first_chunk() else {
        return false;
    };
    (128..192).contains(first) && !(64..96).contains(&(second & 0x7f))
}
