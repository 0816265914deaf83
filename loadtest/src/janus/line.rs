//! What is said to Janus: a session over its WebSocket transport.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long Janus may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The plugin that rooms are in.
const PLUGIN: &str = "janus.plugin.videoroom";

/// A session of one's own.
pub(super) struct Line {
    socket: WebSocketStream<TcpStream>,
    session: Option<u64>,
    asked: u64,
}

/// An SDP and what it is.
#[derive(Serialize, Deserialize)]
pub(super) struct Jsep {
    #[serde(rename = "type")]
    kind: String,
    sdp: String,
}

impl Jsep {
    pub(super) fn new(kind: &str, sdp: String) -> Self {
        let kind = kind.to_owned();
        Self { kind, sdp }
    }
}

#[derive(Serialize, Default)]
struct Request<'a> {
    janus: &'a str,
    transaction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jsep: Option<Jsep>,
}

/// What Janus says.
#[derive(Deserialize)]
pub(super) struct Reply {
    janus: String,
    transaction: Option<String>,
    data: Option<Value>,
    plugindata: Option<Plugged>,
    jsep: Option<Jsep>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Plugged {
    data: Value,
}

impl Reply {
    /// Whether this is what `transaction` waits for: not a word that it was heard.
    fn answers(&self, transaction: &str) -> bool {
        self.janus != "ack" && self.transaction.as_deref() == Some(transaction)
    }

    /// Janus and its plugins refuse in words of their own.
    fn agreed(self) -> Result<Self> {
        let plugin = self.plugindata.as_ref();
        let refused = plugin.and_then(|plugin| plugin.data.get("error"));
        match refused.or(self.error.as_ref()) {
            Some(error) => bail!("Janus refuses: {error}"),
            None => Ok(self),
        }
    }

    /// A number that it tells.
    pub(super) fn number(&self, name: &str) -> Result<u64> {
        let plugin = self.plugindata.as_ref().map(|plugin| &plugin.data);
        let data = plugin.or(self.data.as_ref());
        let number = data.and_then(|data| data.get(name)?.as_u64());
        number.with_context(|| format!("Janus tells no {name}"))
    }

    /// The SDP that comes with it.
    pub(super) fn sdp(self) -> Result<String> {
        Ok(self.jsep.context("Janus sends no SDP")?.sdp)
    }
}

impl Line {
    /// Begins a session.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let mut request = url.into_client_request()?;
        let protocol = HeaderValue::from_static("janus-protocol");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let address = request.uri().authority().context("a URL of no host")?;
        let opened = async {
            let stream = TcpStream::connect(address.as_str()).await?;
            stream.set_nodelay(true)?;
            anyhow::Ok(client_async(request.clone(), stream).await?.0)
        };
        let socket = timeout(PATIENCE, opened).await?.context("Janus")?;
        let mut line = Self {
            socket,
            session: None,
            asked: 0,
        };
        let created = line.request("create");
        line.session = Some(line.answer(created).await?.number("id")?);
        Ok(line)
    }

    /// A new connection's place, not yet a connection.
    pub(super) async fn attach(&mut self) -> Result<u64> {
        let request = Request {
            plugin: Some(PLUGIN),
            ..self.request("attach")
        };
        self.answer(request).await?.number("id")
    }

    /// Asks the plugin something for the connection `handle`.
    pub(super) async fn ask(
        &mut self,
        handle: u64,
        body: Value,
        jsep: Option<Jsep>,
    ) -> Result<Reply> {
        let request = Request {
            handle_id: Some(handle),
            body: Some(body),
            jsep,
            ..self.request("message")
        };
        self.answer(request).await
    }

    /// Says that the session is still there.
    pub(super) async fn keep_alive(&mut self) -> Result<()> {
        let request = self.request("keepalive");
        timeout(PATIENCE, self.say(&request)).await?
    }

    /// The next that Janus says, whatever it is about.
    pub(super) async fn next(&mut self) -> Result<Reply> {
        loop {
            let frame = self.socket.next().await;
            if let Message::Text(text) = frame.context("Janus has hung up")?? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    /// Waits until Janus says that a connection is up.
    pub(super) async fn until_up(&mut self) -> Result<()> {
        let up = async {
            while self.next().await?.janus != "webrtcup" {}
            Ok(())
        };
        timeout(PATIENCE, up).await.context("no connection")?
    }

    fn request<'a>(&mut self, janus: &'a str) -> Request<'a> {
        self.asked += 1;
        Request {
            janus,
            transaction: self.asked.to_string(),
            session_id: self.session,
            ..Request::default()
        }
    }

    async fn say(&mut self, request: &Request<'_>) -> Result<()> {
        let text = serde_json::to_string(request)?;
        Ok(self.socket.send(Message::text(text)).await?)
    }

    async fn answer(&mut self, request: Request<'_>) -> Result<Reply> {
        let answered = async {
            self.say(&request).await?;
            loop {
                let reply = self.next().await?;
                if reply.answers(&request.transaction) {
                    return reply.agreed();
                }
            }
        };
        timeout(PATIENCE, answered).await.context("no answer")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Reply> {
        Ok(serde_json::from_str(text)?)
    }

    #[test]
    fn an_answer_is_told_from_a_word_that_the_question_was_heard() -> Result<()> {
        assert!(!reply(r#"{"janus":"ack","transaction":"7"}"#)?.answers("7"));
        assert!(!reply(r#"{"janus":"webrtcup","sender":9}"#)?.answers("7"));
        assert!(reply(r#"{"janus":"event","transaction":"7"}"#)?.answers("7"));
        Ok(())
    }

    #[test]
    fn a_refusal_inside_a_plugins_answer_is_one() -> Result<()> {
        let told = r#"{"janus":"event","plugindata":{"data":{"id":5}}}"#;
        assert_eq!(reply(told)?.agreed()?.number("id")?, 5);
        let refused = r#"{"janus":"event","plugindata":{"data":{"error":"No such room"}}}"#;
        assert!(reply(refused)?.agreed().is_err());
        assert!(
            reply(r#"{"janus":"error","error":{"code":458}}"#)?
                .agreed()
                .is_err()
        );
        Ok(())
    }
}
