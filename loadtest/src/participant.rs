//! One participant: the gate, the desk's sign-in, and the socket, as a browser does them.

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use getrandom::SysRng;
use proto::consent::{ConsentRequest, ConsentResponse, ReceiptClaim, RecordingChoice};
use proto::desk::{AcceptRequest, AcceptResponse, GateView, SignIn};
use proto::notice::Modality;
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, Hash32, PublicKey, SUBPROTOCOL, SessionId, SiteId, Token};
use rand_core::TryRng as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, client::IntoClientRequest as _};

use crate::door::{Door, Reply};

/// What the relay refused, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub ErrorCode);

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

impl core::error::Error for Refused {}

/// Someone in a session, with a socket.
pub struct Participant {
    socket: WebSocketStream<TcpStream>,
    site: SiteId,
    /// What the relay said when this participant came in.
    pub welcome: Welcome,
}

/// The fields of a `welcome` that a participant goes on with.
#[derive(Clone)]
pub struct Welcome {
    /// The session.
    pub session: SessionId,
    /// Its sealed record, where there is one.
    pub recording: Option<proto::RecordingId>,
    /// This participant.
    pub participant: proto::ParticipantId,
    /// The name that the others see.
    pub name: String,
    /// For coming back.
    pub resume: Token,
}

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}

/// Reads the notice and agrees to chat: what a visitor's browser does before anything else.
pub async fn agree(widget: &Door, site: SiteId) -> Result<ConsentResponse> {
    let gate: GateView = widget
        .fetch(&format!("/api/v1/sites/{site}/notice?lang=en"), &[])
        .await
        .context("the notice")?;
    consent(
        widget,
        site,
        gate.notice,
        &[Modality::Chat],
        RecordingChoice::Acknowledged,
    )
    .await?
    .json()
    .context("the consent")
}

/// Posts a consent and hands back whatever the relay answers.
pub async fn consent(
    widget: &Door,
    site: SiteId,
    notice: Hash32,
    modalities: &[Modality],
    recording: RecordingChoice,
) -> Result<Reply> {
    let request = ConsentRequest {
        notice,
        modalities: modalities.to_vec(),
        recording,
        participant_key: PublicKey(random()?),
        receipt: ReceiptClaim {
            lookup: random::<16>()?.to_vec(),
            proof_hash: Hash32(random()?),
            public_key: PublicKey(random()?),
        },
    };
    widget
        .post(&format!("/api/v1/sites/{site}/consents"), &[], &request)
        .await
}

/// Signs an agent in; hands back the cookie.
pub async fn sign_in(desk: &Door, client: &str, name: &str, password: &str) -> Result<String> {
    let body = SignIn {
        client: client.to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let reply = desk.post("/api/v1/sign-in", &[], &body).await?;
    if !reply.status.is_success() {
        bail!("sign-in: {}", reply.status);
    }
    reply
        .cookie()
        .context("the sign-in's answer sets no cookie")
}

/// Accepts a waiting session for the agent whose cookie it is.
pub async fn accept(desk: &Door, cookie: &str, session: SessionId) -> Result<AcceptResponse> {
    let body = AcceptRequest {
        participant_key: PublicKey(random()?),
        recording: RecordingChoice::Acknowledged,
    };
    desk.post(
        &format!("/api/v1/sessions/{session}/accept"),
        &[("cookie", cookie)],
        &body,
    )
    .await?
    .json()
    .context("accepting")
}

/// Opens a socket at `door` and says nothing yet. `headers` are added to a browser's own.
pub async fn open(door: &Door, headers: &[(&str, &str)]) -> Result<WebSocketStream<TcpStream>> {
    let mut request = format!("ws://{}/ws", door.authority()).into_client_request()?;
    let own = request.headers_mut();
    own.insert("origin", door.origin().parse()?);
    own.insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
    for (name, value) in headers {
        own.insert(http::HeaderName::try_from(*name)?, value.parse()?);
    }
    let stream = door.connect().await?;
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(socket)
}

impl Participant {
    /// Joins with a token from the gate or from accepting.
    pub async fn join(
        door: &Door,
        site: SiteId,
        token: Token,
        name: Option<String>,
        headers: &[(&str, &str)],
    ) -> Result<Self> {
        let hello = Hello::Join { site, token, name };
        Self::enter(door, site, &hello, headers).await
    }

    /// Opens a socket, says `hello` and waits for the welcome.
    pub async fn enter(
        door: &Door,
        site: SiteId,
        hello: &Hello,
        headers: &[(&str, &str)],
    ) -> Result<Self> {
        let mut socket = open(door, headers).await?;
        let text = serde_json::to_string(hello)?;
        socket.send(Message::text(text)).await?;
        let first = frame(&mut socket).await?;
        match serde_json::from_str(&first)? {
            ServerMessage::Welcome {
                session,
                recording,
                participant,
                name,
                resume,
                ..
            } => Ok(Self {
                socket,
                site,
                welcome: Welcome {
                    session,
                    recording,
                    participant,
                    name,
                    resume,
                },
            }),
            ServerMessage::Error { code, .. } => Err(Refused(code).into()),
            _ => bail!("the first frame was no welcome"),
        }
    }

    /// The site that this participant came through.
    pub fn site(&self) -> SiteId {
        self.site
    }

    /// Sends a message of the protocol.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<()> {
        self.send_text(serde_json::to_string(message)?).await
    }

    /// Sends a frame as it is, right or wrong.
    pub async fn send_text(&mut self, text: String) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next frame's text.
    pub async fn frame(&mut self) -> Result<Utf8Bytes> {
        frame(&mut self.socket).await
    }

    /// The next message.
    pub async fn next(&mut self) -> Result<ServerMessage> {
        Ok(serde_json::from_str(&self.frame().await?)?)
    }

    /// Reads until `wanted` picks something out.
    pub async fn until<T>(
        &mut self,
        mut wanted: impl FnMut(ServerMessage) -> Option<T>,
    ) -> Result<T> {
        loop {
            if let Some(found) = wanted(self.next().await?) {
                return Ok(found);
            }
        }
    }

    /// Says `text` and waits until it is acknowledged; hands back its place.
    pub async fn say(&mut self, cid: u64, text: &str) -> Result<u64> {
        self.send(&ClientMessage::Say {
            cid,
            text: text.to_owned(),
        })
        .await?;
        self.until(|message| match message {
            ServerMessage::Ack { cid: c, n, .. } if c == cid => Some(Ok(n)),
            ServerMessage::Error { code, .. } => Some(Err(Refused(code).into())),
            _ => None,
        })
        .await?
    }

    /// The socket alone: for who goes on without the protocol.
    pub fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    /// Closes the socket without ending the session.
    pub async fn hang_up(mut self) -> Result<()> {
        Ok(self.socket.close(None).await?)
    }
}

async fn frame(socket: &mut WebSocketStream<TcpStream>) -> Result<Utf8Bytes> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Close(why))) => match why {
                Some(frame) => bail!("closed: {} {}", u16::from(frame.code), frame.reason),
                None => bail!("closed"),
            },
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => bail!("the connection is gone"),
        }
    }
}
