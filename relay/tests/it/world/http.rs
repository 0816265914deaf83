//! One HTTP exchange, as a browser or as anything else would do it.

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use proto::ErrorBody;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{}: {:?}", self.status, self.body);
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The refusal's code, whose status must fit.
    #[track_caller]
    pub(crate) fn refusal(&self) -> proto::ErrorCode {
        let body: ErrorBody = serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}: {:?}", self.status, self.body));
        assert_eq!(self.status.as_u16(), body.code.status());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        body.code
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends `method path` to `host` on `port` with `headers`.
pub(crate) async fn send(
    port: u16,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) async fn get(port: u16, host: &str, path: &str) -> Answer {
    send(port, host, "GET", path, &[], "").await
}

/// As a page of `host` posts.
pub(crate) async fn post(
    port: u16,
    host: &str,
    path: &str,
    cookie: &str,
    body: &impl serde::Serialize,
) -> Answer {
    let origin = format!("http://{host}");
    let headers = [
        ("origin", origin.as_str()),
        ("content-type", "application/json"),
        ("cookie", cookie),
    ];
    let body = serde_json::to_vec(body).unwrap();
    send(port, host, "POST", path, &headers, body).await
}
