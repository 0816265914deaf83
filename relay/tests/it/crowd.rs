//! How many connections one address may have open.

use std::time::Duration;

use proto::ErrorCode;
use proto::notice::RecordingMode;
use relay::app;
use relay::clock::Clock;
use relay::config::{Config, Forwarded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{Relay, WIDE, WIDGET, World};

async fn start(config: Config) -> Relay {
    let running = app::build(config, Clock::system(), None).await.unwrap();
    Relay {
        port: running.address().port(),
        running,
    }
}

/// Whether a connection is answered, which then stays open.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let _ = stream.write_all(request).await;
    let read = async { stream.read(&mut [0; 64]).await };
    let read = timeout(Duration::from_secs(10), read).await.unwrap();
    read.is_ok_and(|count| count > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections_and_no_more() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let mut config = world.config();
    config.listen.per_address = 2;
    let relay = start(config).await;
    let connect = || async { TcpStream::connect(("127.0.0.1", relay.port)).await.unwrap() };
    let (mut first, mut second, mut third) = (connect().await, connect().await, connect().await);
    assert!(is_answered(&mut first).await);
    assert!(is_answered(&mut second).await);
    assert!(!is_answered(&mut third).await);

    // A place that is given up is there for the next one.
    drop(first);
    let mut tries = 0;
    while !is_answered(&mut connect().await).await {
        tries += 1;
        assert!(tries < 200, "the place is not free again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(second);
    relay.stop().await;
}

/// Opens a socket through the proxy, for `address`.
async fn through_proxy(port: u16, address: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nhost: {WIDGET}\r\norigin: http://{WIDGET}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: vestibule.v1\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-forwarded-for: {address}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 2_048];
    let count = stream.read(&mut answer).await.unwrap();
    answer.truncate(count);
    (stream, String::from_utf8(answer).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_each_clients_sockets_are_counted_and_the_proxys_are_not() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let mut config = world.config();
    config.listen.per_address = 2;
    config.listen.forwarded = Some(Forwarded {
        header: "x-forwarded-for".to_owned(),
        from: vec!["127.0.0.1".parse().unwrap()],
    });
    let relay = start(config).await;
    let mut open = Vec::new();
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"] {
        let (stream, answer) = through_proxy(relay.port, address).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        open.push(stream);
    }
    let (_, answer) = through_proxy(relay.port, "192.0.2.1").await;
    let status = format!("HTTP/1.1 {}", ErrorCode::RateLimited.status());
    assert!(answer.starts_with(&status), "{answer}");
    drop(open);
    relay.stop().await;
}
