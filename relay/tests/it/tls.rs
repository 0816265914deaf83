//! TLS by the relay itself: pages and sockets over it, and what a wrong file gets.
//!
//! Certificate and key under `tls/` are throw-away ones for this test.

use std::path::Path;
use std::sync::Arc;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use proto::notice::RecordingMode;
use relay::app;
use relay::clock::Clock;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::world::http::get;
use crate::world::{WIDGET, World};

fn files(certificate: &str, key: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls");
    let folder = folder.display();
    format!("[listen.tls]\ncertificate = \"{folder}/{certificate}\"\nkey = \"{folder}/{key}\"\n")
}

async fn connect(port: u16) -> TlsStream<TcpStream> {
    let pem = include_bytes!("tls/certificate.pem");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("widget.localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_sockets_come_over_tls_where_it_is_configured() {
    let settings = files("certificate.pem", "key.pem");
    let world = World::with(RecordingMode::Required, &settings).await;
    let relay = world.start().await;
    let mut page = connect(relay.port).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    page.write_all(request).await.unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );

    let stream = connect(relay.port).await;
    let mut request = format!("wss://{WIDGET}/ws").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("origin", format!("http://{WIDGET}").parse().unwrap());
    headers.insert("sec-websocket-protocol", "vestibule.v1".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    let Some(Ok(Message::Text(refusal))) = socket.next().await else {
        panic!("no answer over TLS");
    };
    assert!(refusal.contains("malformed"), "{refusal}");

    // Without TLS nothing is answered.
    let mut plain = TcpStream::connect(("127.0.0.1", relay.port)).await.unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    drop(socket);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_relay_speaks_no_tls_it_promises_none() {
    let world = World::new().await;
    let relay = world.start().await;
    let page = get(relay.port, WIDGET, "/launch.js").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("strict-transport-security"), "");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_file_that_is_missing_or_no_key_is_named() {
    for (certificate, key, word) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("certificate.pem", "missing.pem", "missing.pem"),
        ("certificate.pem", "certificate.pem", "[listen.tls] key"),
        ("key.pem", "key.pem", "[listen.tls] certificate"),
    ] {
        let world = World::with(RecordingMode::Required, &files(certificate, key)).await;
        let refused = app::build(world.config(), Clock::system(), None).await;
        let error = format!("{:#}", refused.unwrap_err());
        assert!(error.contains(word), "{error}");
    }
}
