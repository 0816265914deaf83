//! One HTTP exchange with one of the relay's hosts, from a chosen loopback address.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use proto::{ErrorBody, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpSocket, TcpStream};

/// A host of the relay, as a browser knows it, and the loopback port that answers for it.
#[derive(Debug, Clone)]
pub struct Door {
    /// Host name, such as `widget.localhost`.
    pub host: String,
    /// Port on the loopback.
    pub port: u16,
    /// The address that requests come from: many participants, many addresses.
    pub from: Ipv4Addr,
}

/// An HTTP answer, whole.
#[derive(Clone)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl core::fmt::Debug for Reply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reply({})", self.status)
    }
}

impl Door {
    /// The door to `host`, which answers on `port`.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            from: Ipv4Addr::LOCALHOST,
        }
    }

    /// The same door, entered from another loopback address.
    #[must_use]
    pub fn from(&self, from: Ipv4Addr) -> Self {
        Self {
            from,
            ..self.clone()
        }
    }

    /// `host:port`, as in a `Host` header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The origin of this door's own pages.
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// A connection to it.
    pub async fn connect(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((self.from, 0)))?;
        let stream = socket
            .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
            .await
            .with_context(|| format!("nothing answers at {}", self.authority()))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Sends one request on a connection of its own.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply> {
        self.exchange(method, path, headers, body, true).await
    }

    /// Sends one request and hands back how the answer begins: of a stream or socket that never
    /// ends, status and headers alone; of a refusal, all of it.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply> {
        self.exchange(method, path, headers, body, false).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        to_the_end: bool,
    ) -> Result<Reply> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::builder().method(method).uri(path);
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header(header::HOST, self.authority());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await;
        let (parts, body) = answer
            .with_context(|| format!("{}{path} gave no answer", self.authority()))?
            .into_parts();
        let begun = parts.status.is_success() || parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let body = if to_the_end || !begun {
            body.collect().await?.to_bytes()
        } else {
            Bytes::new()
        };
        connection.abort();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// `GET`s JSON.
    pub async fn fetch<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<T> {
        self.send(Method::GET, path, headers, Bytes::new())
            .await?
            .json()
    }

    /// `POST`s JSON as this host's own pages do, with their `Origin`.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Reply> {
        let origin = self.origin();
        let mut all = vec![
            ("content-type", "application/json"),
            ("origin", origin.as_str()),
        ];
        all.extend_from_slice(headers);
        let body = serde_json::to_vec(body)?.into();
        self.send(Method::POST, path, &all, body).await
    }
}

impl Reply {
    /// The body, read as JSON, of a successful answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        ensure!(
            self.status.is_success(),
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The code of the closed list, where it refuses.
    pub fn refusal(&self) -> Option<ErrorCode> {
        let body: ErrorBody = serde_json::from_slice(&self.body).ok()?;
        (body.status == self.status.as_u16()).then_some(body.code)
    }

    /// The first cookie that it sets, as `name=value`.
    pub fn cookie(&self) -> Option<String> {
        let value = self.headers.get(header::SET_COOKIE)?.to_str().ok()?;
        value.split(';').next().map(str::to_owned)
    }
}
