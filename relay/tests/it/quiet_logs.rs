//! No log line holds an address, a name, a text or a token: a whole session, and what goes wrong,
//! with every line at the finest level held against the marks.

use std::io::Write;
use std::sync::{Arc, Mutex};

use proto::notice::Modality;
use proto::wire::ClientMessage;
use relay::config::LogConfig;
use relay::telemetry::logs;
use tracing_subscriber::fmt::MakeWriter;

use crate::desk::session;
use crate::media::hall::Hall;
use crate::media::stranger::Stranger;
use crate::world::agent::{sign_in, try_sign_in};
use crate::world::visitor::{agree, arrive, request};
use crate::world::wire::Socket;
use crate::world::{WIDGET, World, x25519};

/// Everything that is logged.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What stands in `text` that may not: each mark, and anything like an address.
fn found(text: &str, marks: &[&str]) -> Vec<String> {
    let marked = marks.iter().filter(|mark| text.contains(**mark));
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'));
    let addresses = words.filter(|word| {
        let word = word.trim_matches(|c| c == '.' || c == ':');
        let socket = word.parse::<std::net::SocketAddr>().is_ok();
        socket || word.parse::<std::net::IpAddr>().is_ok()
    });
    marked
        .map(|mark| (*mark).to_owned())
        .chain(addresses.map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_of_a_session_holds_an_address_a_name_a_text_or_a_token() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, Some("Zaphod Marked")).await;
    try_sign_in(relay.port, &client.slug, "mia", "marked-password")
        .await
        .refusal();
    try_sign_in(relay.port, &client.slug, "marked-name", "x")
        .await
        .refusal();
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    visitor.say(1, "marked-text").await;
    agent.hears("marked-text").await;
    let token = visitor.resume.expose();
    let mut bad = Socket::open(relay.port, WIDGET, "").await;
    bad.text(r#"{"t":"join","site":"marked-garbage"}"#.to_owned())
        .await;
    bad.refusal().await;
    let mut wrong = request(client, x25519());
    wrong.modalities.clear();
    agree(relay.port, client.site, &wrong).await.refusal();
    let visitor = visitor.return_to(relay.port, 0).await;
    agent.socket.send(&ClientMessage::End {}).await;
    agent.socket.closed().await;
    relay.stop().await;
    drop(visitor);

    let text = lines.text();
    assert!(text.contains("relay"), "nothing was logged");
    let cookie = mia.cookie.split('.').next_back().unwrap();
    let marks = ["Zaphod", "marked-", "MIA", &token, cookie];
    assert_eq!(found(&text, &marks), Vec::<String>::new());
    // The search itself finds what it looks for.
    let planted = format!("peer=127.83.1.2:4711 {token} Zaphod [2001:db8::1]:443 fe80::1");
    assert_eq!(
        found(&planted, &marks).len(),
        5,
        "{:?}",
        found(&planted, &marks)
    );
}

#[tokio::test]
async fn no_log_line_of_a_call_names_an_address_or_its_sdp_whatever_level_is_set() {
    let lines = Lines::default();
    let config = LogConfig {
        level: "trace,str0m=trace,str0m::ice=trace,is=debug,is::agent=trace".to_owned(),
        ..LogConfig::default()
    };
    tracing::subscriber::set_global_default(logs(&config, lines.clone()).unwrap()).unwrap();
    tracing::trace!(target: "relay::media", "a line at the finest level");

    let mut hall = Hall::new();
    let (mut ana, mut ben) = (Stranger::new().await, Stranger::new().await);
    ana.join(&mut hall, &[(Modality::Audio, 1)], &[]).await;
    ben.join(&mut hall, &[], &[(Modality::Audio, 1)]).await;
    hall.open_gates(&[1]);
    hall.until(&mut [&mut ana, &mut ben], |hall, all| {
        hall.connected() == 2 && all.iter().all(|one| one.connected)
    })
    .await;
    ana.say(1, 1, 960, b"a word");
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        !all[1].heard(1).is_empty()
    })
    .await;
    let port = |stranger: &Stranger| stranger.socket.local_addr().unwrap().port().to_string();
    let (here, there) = (port(&ana), port(&ben));
    let relays = hall.media.addresses()[0].port().to_string();
    hall.close().await;

    let text = lines.text();
    assert!(text.contains("at the finest level"), "{text}");
    let marks = [
        &here,
        &there,
        &relays,
        "candidate",
        "ufrag",
        "a=",
        "127.0.0.1",
    ];
    assert_eq!(found(&text, &marks), Vec::<String>::new());
}
