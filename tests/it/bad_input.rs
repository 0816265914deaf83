//! Wrong input of every kind, and what it gets: a word of the closed list, the close code that goes
//! with it, a log line that holds nothing of it, and a node that goes on.

mod damage;
mod disk;
mod frames;
mod programs;
mod requests;
mod tokens;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, StatusCode};
use loadtest::participant::{Participant, agree};
use proto::wire::{Hello, ServerMessage};
use proto::{ErrorCode, SiteId, Token};
use testkit::house::House;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::session::client;

/// Nothing that is waited for here takes longer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Stands in whatever is wrong, and may stand in no log.
const MARK: &str = "wrongmark-77c1";

/// A socket that says what it likes.
struct Raw(WebSocketStream<TcpStream>);

/// How a socket was refused.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    /// The last error frame.
    code: Option<ErrorCode>,
    /// The close frame's code.
    closed: Option<u16>,
}

impl Refusal {
    /// What a code of the list that closes the socket looks like.
    fn closing(code: ErrorCode) -> Self {
        Self {
            code: Some(code),
            closed: code.close_code(),
        }
    }
}

impl Raw {
    /// Opens one at the widget's door.
    async fn open(house: &House) -> Result<Self> {
        Ok(Self(
            loadtest::participant::open(&house.widget(), &[]).await?,
        ))
    }

    /// Opens one and joins a fresh session with it.
    async fn joined(house: &House) -> Result<Self> {
        let site = bank(house)?;
        let consent = agree(&house.widget(), site).await?;
        let mut raw = Self::open(house).await?;
        raw.send(hello(site, consent.join, None)?).await?;
        raw.until(|message| matches!(message, ServerMessage::Sealed { more: false, .. }))
            .await?;
        Ok(raw)
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        Ok(self.0.send(message).await?)
    }

    async fn say(&mut self, cid: u64, text: &str) -> Result<()> {
        let text = serde_json::json!({"t": "say", "cid": cid, "text": text});
        self.send(Message::text(text.to_string())).await
    }

    /// Reads until a message is the one.
    async fn until(&mut self, wanted: impl Fn(&ServerMessage) -> bool) -> Result<ServerMessage> {
        let read = async {
            loop {
                match self.0.next().await.context("the socket ended")?? {
                    Message::Text(text) => {
                        let message: ServerMessage = serde_json::from_str(&text)?;
                        if wanted(&message) {
                            return Ok(message);
                        }
                    }
                    Message::Close(why) => bail!("closed: {why:?}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, read)
            .await
            .context("nothing came in time")?
    }

    /// Reads until an error about one message, which leaves the socket open.
    async fn refused(&mut self) -> Result<(ErrorCode, Option<u64>)> {
        let error = self
            .until(|message| matches!(message, ServerMessage::Error { .. }))
            .await?;
        match error {
            ServerMessage::Error { code, cid, .. } => Ok((code, cid)),
            _ => bail!("no error"),
        }
    }

    /// Reads until `cid` is acknowledged.
    async fn acknowledged(&mut self, cid: u64) -> Result<()> {
        self.until(|message| matches!(message, ServerMessage::Ack { cid: c, .. } if *c == cid))
            .await
            .map(drop)
    }

    /// Reads until the socket is over.
    async fn end(mut self) -> Result<Refusal> {
        let mut refusal = Refusal {
            code: None,
            closed: None,
        };
        let read = async {
            while let Some(Ok(message)) = self.0.next().await {
                match message {
                    Message::Text(text) => {
                        if let Ok(ServerMessage::Error { code, .. }) = serde_json::from_str(&text) {
                            refusal.code = Some(code);
                        }
                    }
                    Message::Close(why) => refusal.closed = why.map(|why| u16::from(why.code)),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, read)
            .await
            .context("the socket was not closed")?;
        Ok(refusal)
    }
}

/// The bank's site.
fn bank(house: &House) -> Result<SiteId> {
    client(house, "alpine")?.site.context("the bank has a site")
}

fn hello(site: SiteId, token: Token, name: Option<String>) -> Result<Message> {
    let hello = Hello::Join { site, token, name };
    Ok(Message::text(serde_json::to_string(&hello)?))
}

/// A whole conversation of one message, in a session of its own: the node does its work.
async fn is_well(house: &House) -> Result<()> {
    let site = bank(house)?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    visitor.say(1, "still there?").await?;
    let health = house
        .widget()
        .send(Method::GET, "/healthz", &[], bytes::Bytes::new())
        .await?;
    ensure!(health.status == StatusCode::OK, "{}", health.status);
    Ok(())
}

/// The relay's log from here on.
struct Log {
    file: std::path::PathBuf,
    from: usize,
}

impl Log {
    fn from_here(house: &House) -> Result<Self> {
        let file = house.plan().path("relay.log");
        let from = std::fs::read_to_string(&file)?.len();
        Ok(Self { file, from })
    }

    /// Waits for a line with this code; nothing in the log may hold a mark, and nothing panicked.
    async fn tells(&self, code: ErrorCode) -> Result<()> {
        let told = format!("code={code}");
        for _ in 0..50 {
            let whole = std::fs::read_to_string(&self.file)?;
            let new = whole.get(self.from..).unwrap_or_default();
            ensure!(!new.contains(MARK), "the log repeats what was wrong: {new}");
            ensure!(!new.contains("panic"), "something panicked: {new}");
            if new.lines().any(|line| line.contains(&told)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the log has no line with {told}")
    }

    /// No line with this code has been written.
    fn holds_no(&self, code: ErrorCode) -> Result<()> {
        let whole = std::fs::read_to_string(&self.file)?;
        let new = whole.get(self.from..).unwrap_or_default();
        ensure!(!new.contains(&format!("code={code}")), "{new}");
        Ok(())
    }
}
