//! A socket of the protocol.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use proto::ErrorCode;
use proto::wire::{ClientMessage, Hello, ServerMessage};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, http::Response};

pub(crate) struct Socket {
    pub(crate) ws: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens a socket at `host`, as its own page would.
    pub(crate) async fn open(port: u16, host: &str, cookie: &str) -> Self {
        let origin = format!("http://{host}");
        Self::open_with(port, host, &origin, "vestibule.v1", cookie)
            .await
            .unwrap()
    }

    /// Opens a socket, or returns the answer that refused it.
    pub(crate) async fn open_with(
        port: u16,
        host: &str,
        origin: &str,
        protocol: &str,
        cookie: &str,
    ) -> Result<Self, Response<Option<Vec<u8>>>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{host}/ws").into_client_request().unwrap();
        let headers = request.headers_mut();
        for (name, value) in [
            ("origin", origin),
            ("sec-websocket-protocol", protocol),
            ("cookie", cookie),
        ] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((ws, _)) => Ok(Self { ws }),
            Err(Error::Http(response)) => Err(*response),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn hello(&mut self, hello: &Hello) {
        self.text(serde_json::to_string(hello).unwrap()).await;
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) {
        self.text(serde_json::to_string(message).unwrap()).await;
    }

    pub(crate) async fn say(&mut self, cid: u64, text: &str) {
        let text = text.to_owned();
        self.send(&ClientMessage::Say { cid, text }).await;
    }

    pub(crate) async fn text(&mut self, text: String) {
        self.ws.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next frame; `None` when the socket was closed.
    pub(crate) async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            let frame = timeout(Duration::from_secs(10), self.ws.next())
                .await
                .expect("nothing came for ten seconds");
            match frame {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// The next frame that `pick` wants; others are passed over.
    pub(crate) async fn until<T>(&mut self, pick: impl Fn(&ServerMessage) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the socket was closed");
            if let Some(found) = pick(&frame) {
                return found;
            }
            if let ServerMessage::Error { code, .. } = frame {
                panic!("refused: {code}");
            }
        }
    }

    /// The next frame that `pick` wants, refusals among them.
    pub(crate) async fn until_frame<T>(&mut self, pick: impl Fn(&ServerMessage) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the socket was closed");
            if let Some(found) = pick(&frame) {
                return found;
            }
        }
    }

    /// Waits for a refusal after which the socket stays.
    pub(crate) async fn until_error(&mut self) -> ErrorCode {
        loop {
            if let ServerMessage::Error { code, .. } = self.next().await.expect("closed") {
                return code;
            }
        }
    }

    /// Waits for the refusal that closes the socket: its code, whose close code must fit.
    pub(crate) async fn refusal(&mut self) -> ErrorCode {
        let mut told = None;
        loop {
            let frame = timeout(Duration::from_secs(10), self.ws.next())
                .await
                .expect("nothing came for ten seconds");
            match frame {
                Some(Ok(Message::Text(text))) => {
                    if let ServerMessage::Error { code, .. } = serde_json::from_str(&text).unwrap()
                    {
                        told = Some(code);
                    }
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    let told = told.expect("closed without a reason");
                    assert_eq!(Some(u16::from(close.code)), told.close_code());
                    assert_eq!(close.reason.as_str(), told.name());
                    return told;
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?} after {told:?}"),
            }
        }
    }

    /// Waits for an ordinary close.
    pub(crate) async fn closed(&mut self) {
        loop {
            match timeout(Duration::from_secs(10), self.ws.next())
                .await
                .unwrap()
            {
                Some(Ok(Message::Close(Some(close)))) => {
                    assert_eq!(u16::from(close.code), 1000);
                    return;
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
