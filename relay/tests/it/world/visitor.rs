//! A visitor: agrees, joins, talks, comes back, and opens what is handed back.

use proto::consent::{ConsentRequest, ConsentResponse, ReceiptClaim, RecordingChoice};
use proto::event::ChatEvent;
use proto::notice::Modality;
use proto::wire::{Hello, ServerMessage};
use proto::{Hash32, ParticipantId, PublicKey, RecordingId, SiteId, Token};

use super::browser::{Opener, x25519_pair};
use super::http::{Answer, post};
use super::wire::Socket;
use super::{Client, DESK, WIDGET, x25519};

/// A participant as their browser is: keys, and what it keeps to come back.
pub(crate) struct Person {
    pub(crate) socket: Socket,
    pub(crate) id: ParticipantId,
    pub(crate) name: String,
    pub(crate) resume: Token,
    pub(crate) recording: Option<RecordingId>,
    pub(crate) welcome: ServerMessage,
    /// What was handed back, opened, by `n`.
    pub(crate) opened: Vec<(ParticipantId, ChatEvent)>,
    site: SiteId,
    private: [u8; 32],
    opener: Option<Opener>,
    pub(crate) host: &'static str,
    pub(crate) cookie: String,
}

pub(crate) fn request(client: &Client, key: PublicKey) -> ConsentRequest {
    ConsentRequest {
        notice: client.notice,
        modalities: vec![Modality::Chat],
        recording: RecordingChoice::Acknowledged,
        participant_key: key,
        receipt: ReceiptClaim {
            lookup: x25519().0[..16].to_vec(),
            proof_hash: Hash32::ZERO,
            public_key: x25519(),
        },
    }
}

pub(crate) async fn agree(port: u16, site: SiteId, request: &ConsentRequest) -> Answer {
    let path = format!("/api/v1/sites/{site}/consents");
    post(port, WIDGET, &path, "", request).await
}

/// Agrees and joins.
pub(crate) async fn arrive(port: u16, client: &Client, name: Option<&str>) -> Person {
    arrive_with(port, client, name, RecordingChoice::Acknowledged).await
}

pub(crate) async fn arrive_with(
    port: u16,
    client: &Client,
    name: Option<&str>,
    recording: RecordingChoice,
) -> Person {
    arrive_asking(port, client, name, |request| request.recording = recording).await
}

/// Agrees to something else than chat that is recorded, and joins.
pub(crate) async fn arrive_asking(
    port: u16,
    client: &Client,
    name: Option<&str>,
    change: impl FnOnce(&mut ConsentRequest),
) -> Person {
    let (private, public) = x25519_pair();
    let mut request = request(client, public);
    change(&mut request);
    let consent: ConsentResponse = agree(port, client.site, &request).await.json();
    let hello = Hello::Join {
        site: client.site,
        token: consent.join,
        name: name.map(str::to_owned),
    };
    let socket = Socket::open(port, WIDGET, "").await;
    Person::enter(socket, &hello, client.site, private, WIDGET, "").await
}

impl Person {
    pub(crate) async fn enter(
        mut socket: Socket,
        hello: &Hello,
        site: SiteId,
        private: [u8; 32],
        host: &'static str,
        cookie: &str,
    ) -> Self {
        socket.hello(hello).await;
        let frame = socket.next().await.expect("closed");
        let ServerMessage::Welcome {
            tenant,
            recording,
            participant,
            ref name,
            ref resume,
            ..
        } = frame
        else {
            panic!("{}", serde_json::to_string(&frame).unwrap());
        };
        let mut person = Self {
            socket,
            id: participant,
            name: name.clone(),
            resume: resume.clone(),
            recording,
            welcome: frame,
            opened: Vec::new(),
            site,
            private,
            opener: recording.map(|recording| Opener::new(tenant, recording, participant, private)),
            host,
            cookie: cookie.to_owned(),
        };
        if recording.is_some() {
            person.open_backlog().await;
        }
        person
    }

    pub(crate) fn resume_hello(&self, have: u64) -> Hello {
        Hello::Resume {
            site: self.site,
            token: self.resume.clone(),
            name: self.name.clone(),
            have,
        }
    }

    /// Comes back on a new socket, to the relay on `port`.
    pub(crate) async fn return_to(self, port: u16, have: u64) -> Self {
        let hello = self.resume_hello(have);
        let host = if self.host == DESK { DESK } else { WIDGET };
        let socket = Socket::open(port, host, &self.cookie).await;
        drop(self.socket);
        Self::enter(socket, &hello, self.site, self.private, host, &self.cookie).await
    }

    /// Says something and waits for its acknowledgement; returns its `n`.
    pub(crate) async fn say(&mut self, cid: u64, text: &str) -> u64 {
        self.socket.say(cid, text).await;
        self.acknowledged(cid).await
    }

    pub(crate) async fn acknowledged(&mut self, cid: u64) -> u64 {
        self.socket
            .until(|frame| match frame {
                ServerMessage::Ack { cid: of, n, .. } if *of == cid => Some(*n),
                _ => None,
            })
            .await
    }

    /// Waits until somebody has said `text`; returns its `n`.
    pub(crate) async fn hears(&mut self, wanted: &str) -> u64 {
        self.socket
            .until(|frame| match frame {
                ServerMessage::Said { n, text, .. } if text == wanted => Some(*n),
                _ => None,
            })
            .await
    }

    /// The texts that were handed back, in order.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.opened
            .iter()
            .filter_map(|(_, event)| match event {
                ChatEvent::Said { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    async fn open_backlog(&mut self) {
        loop {
            let Some(ServerMessage::Sealed { wraps, parts, more }) = self.socket.next().await
            else {
                panic!("something else than sealed parts after the welcome");
            };
            let opener = self.opener.as_mut().unwrap();
            for wrap in wraps {
                opener.unwrap(&wrap);
            }
            let ServerMessage::Welcome { people, .. } = &self.welcome else {
                unreachable!();
            };
            for part in parts {
                let sender = people.iter().find(|p| p.track == part.track).unwrap();
                if let Some(event) = opener.open(&part) {
                    self.opened.push((sender.participant, event));
                }
            }
            if !more {
                return;
            }
        }
    }
}
