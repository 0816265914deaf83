//! An agent at the desk.

use proto::SessionId;
use proto::consent::RecordingChoice;
use proto::desk::{AcceptRequest, AcceptResponse, QueueView, SignIn};
use proto::wire::Hello;

use super::browser::x25519_pair;
use super::http::{Answer, get, post, send};
use super::visitor::Person;
use super::wire::Socket;
use super::{Client, DESK, PASSWORD, x25519};

/// An agent's browser.
pub(crate) struct Agent {
    pub(crate) cookie: String,
    port: u16,
}

pub(crate) async fn try_sign_in(port: u16, client: &str, name: &str, password: &str) -> Answer {
    let request = SignIn {
        client: client.to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
    };
    post(port, DESK, "/api/v1/sign-in", "", &request).await
}

pub(crate) async fn sign_in(port: u16, client: &Client, name: &str) -> Agent {
    let answer = try_sign_in(port, &client.slug, name, PASSWORD).await;
    assert_eq!(answer.status, 204, "{:?}", answer.body);
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    Agent { cookie, port }
}

impl Agent {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(
            self.port,
            DESK,
            "GET",
            path,
            &[("cookie", &self.cookie)],
            "",
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl serde::Serialize) -> Answer {
        post(self.port, DESK, path, &self.cookie, body).await
    }

    pub(crate) async fn try_accept(
        &self,
        session: SessionId,
        recording: RecordingChoice,
    ) -> Answer {
        let request = AcceptRequest {
            participant_key: x25519(),
            recording,
        };
        self.post(&format!("/api/v1/sessions/{session}/accept"), &request)
            .await
    }

    /// Accepts a session and joins it.
    pub(crate) async fn accept(&self, session: SessionId) -> Person {
        self.accept_with(session, RecordingChoice::Acknowledged)
            .await
    }

    pub(crate) async fn accept_with(
        &self,
        session: SessionId,
        recording: RecordingChoice,
    ) -> Person {
        let (private, public) = x25519_pair();
        let request = AcceptRequest {
            participant_key: public,
            recording,
        };
        let path = format!("/api/v1/sessions/{session}/accept");
        let accepted: AcceptResponse = self.post(&path, &request).await.json();
        let hello = Hello::Join {
            site: accepted.site,
            token: accepted.join,
            name: None,
        };
        let socket = Socket::open(self.port, DESK, &self.cookie).await;
        Person::enter(socket, &hello, accepted.site, private, DESK, &self.cookie).await
    }

    /// The first picture of the queue.
    pub(crate) async fn queue(&self) -> QueueView {
        let mut events = Events::open(self.port, &self.cookie).await;
        events.next().await
    }

    pub(crate) async fn events(&self) -> Events {
        Events::open(self.port, &self.cookie).await
    }
}

/// The queue's stream of server-sent events.
pub(crate) struct Events {
    stream: tokio::net::TcpStream,
    read: String,
}

impl Events {
    async fn open(port: u16, cookie: &str) -> Self {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        let request = format!(
            "GET /api/v1/queue HTTP/1.1\r\nhost: {DESK}\r\ncookie: {cookie}\r\naccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            read: String::new(),
        }
    }

    pub(crate) async fn next(&mut self) -> QueueView {
        use tokio::io::AsyncReadExt as _;
        loop {
            if let Some(at) = self.read.find("data: ")
                && let Some(end) = self.read[at..].find('\n')
            {
                let data = self.read[at + 6..at + end].to_owned();
                self.read.drain(..at + end);
                return serde_json::from_str(&data).unwrap();
            }
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer);
            let count = tokio::time::timeout(std::time::Duration::from_secs(10), read)
                .await
                .expect("no event for ten seconds")
                .unwrap();
            assert!(count > 0, "the stream ended: {}", self.read);
            self.read
                .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// The next picture that `wanted` finds right.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&QueueView) -> bool) -> QueueView {
        loop {
            let view = self.next().await;
            if wanted(&view) {
                return view;
            }
        }
    }
}

pub(crate) async fn notice_view(port: u16, client: &Client) -> proto::desk::GateView {
    let path = format!("/api/v1/sites/{}/notice?lang=en-GB", client.site);
    get(port, super::WIDGET, &path).await.json()
}
