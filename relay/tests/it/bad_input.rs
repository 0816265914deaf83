//! What is wrong gets an error of the closed list, closes the socket where that is right, and
//! harms nobody else.

use std::time::Duration;

use futures_util::SinkExt as _;
use proto::consent::ConsentResponse;
use proto::notice::RecordingMode;
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, SiteId, Token};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::desk::session;
use crate::world::agent::sign_in;
use crate::world::http::{get, post, send};
use crate::world::visitor::{agree, arrive, request};
use crate::world::wire::Socket;
use crate::world::{DESK, WIDGET, World, rng, x25519};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_frame_that_is_no_hello_closes_the_socket() {
    let world = World::new().await;
    let relay = world.start().await;
    for bad in [
        "",
        "hello",
        "{}",
        "[1]",
        r#"{"t":"say","cid":1,"text":"x"}"#,
        r#"{"t":"join","site":"x","token":"y"}"#,
    ] {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.text(bad.to_owned()).await;
        assert_eq!(socket.refusal().await, ErrorCode::Malformed, "{bad}");
    }
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    socket
        .ws
        .send(Message::Binary(vec![1, 2, 3].into()))
        .await
        .unwrap();
    assert_eq!(socket.refusal().await, ErrorCode::Malformed);
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    socket.text("x".repeat(100_000)).await;
    assert_eq!(socket.refusal().await, ErrorCode::TooLarge);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_socket_and_says_nothing_is_closed() {
    let world = World::with(RecordingMode::Required, "[limits]\nhello_seconds = 1\n").await;
    let relay = world.start().await;
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    assert_eq!(socket.refusal().await, ErrorCode::HelloTimeout);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_misleads_is_refused_and_the_token_stays_good() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let consent: ConsentResponse = agree(relay.port, client.site, &request(client, x25519()))
        .await
        .json();
    let hello = |name: &str| Hello::Join {
        site: client.site,
        token: consent.join.clone(),
        name: Some(name.to_owned()),
    };
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    socket.hello(&hello("Mia \u{202e}(agent)")).await;
    assert_eq!(socket.refusal().await, ErrorCode::NameRefused);
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    socket.hello(&hello("Mia")).await;
    assert!(matches!(
        socket.next().await,
        Some(ServerMessage::Welcome { .. })
    ));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_nobody_gave_out_open_nothing() {
    let world = World::new().await;
    let relay = world.start().await;
    let site = world.client().site;
    let join = Hello::Join {
        site,
        token: Token::random(&mut rng()),
        name: None,
    };
    let resume = |site| Hello::Resume {
        site,
        token: Token::random(&mut rng()),
        name: "Mia".to_owned(),
        have: 0,
    };
    for (hello, code) in [
        (join, ErrorCode::TokenInvalid),
        (resume(site), ErrorCode::ResumeStale),
        (resume(SiteId::random(&mut rng())), ErrorCode::ResumeStale),
    ] {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.hello(&hello).await;
        assert_eq!(socket.refusal().await, code);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_is_good_until_a_newer_one_is_used_and_a_newer_socket_wins() {
    let world = World::new().await;
    let relay = world.start().await;
    let visitor = arrive(relay.port, world.client(), None).await;
    let oldest = visitor.resume_hello(0);
    let mut before = visitor.socket;

    // Twice the same one: the welcome that carried the next may have been lost.
    let mut newest = None;
    for _ in 0..2 {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.hello(&oldest).await;
        let Some(ServerMessage::Welcome { resume, .. }) = socket.next().await else {
            panic!("not let in again");
        };
        assert_eq!(before.refusal().await, ErrorCode::Superseded);
        before = socket;
        newest = Some(resume);
    }
    let mut socket = Socket::open(relay.port, WIDGET, "").await;
    let Hello::Resume { site, name, .. } = oldest.clone() else {
        unreachable!();
    };
    socket
        .hello(&Hello::Resume {
            site,
            token: newest.unwrap(),
            name,
            have: 0,
        })
        .await;
    assert!(matches!(
        socket.next().await,
        Some(ServerMessage::Welcome { .. })
    ));
    let mut stale = Socket::open(relay.port, WIDGET, "").await;
    stale.hello(&oldest).await;
    assert_eq!(stale.refusal().await, ErrorCode::ResumeStale);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_hello_what_is_malformed_or_too_large_closes_and_the_other_side_goes_on() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let mia = sign_in(relay.port, client, "mia").await;
    for (bad, code) in [
        (r#"{"t":"shout"}"#.to_owned(), ErrorCode::Malformed),
        (
            r#"{"t":"say","cid":1,"text":"x","more":1}"#.to_owned(),
            ErrorCode::Malformed,
        ),
        ("\u{0}".to_owned(), ErrorCode::Malformed),
        ("[".repeat(30_000), ErrorCode::Malformed),
        ("x".repeat(40_000), ErrorCode::TooLarge),
    ] {
        let mut visitor = arrive(relay.port, client, None).await;
        let mut agent = mia.accept(session(&visitor)).await;
        visitor.socket.text(bad).await;
        assert_eq!(visitor.socket.refusal().await, code);
        agent
            .socket
            .until(|frame| {
                matches!(frame, ServerMessage::Presence { online: false, .. }).then_some(())
            })
            .await;
        agent.say(1, "hello?").await;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_numbers_outside_their_limits_are_refused_one_by_one() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    for (cid, text, code) in [
        (1, String::new(), ErrorCode::TextEmpty),
        (1, " \n\t ".to_owned(), ErrorCode::TextEmpty),
        (1, "x".repeat(4_097), ErrorCode::TextTooLong),
        (1, "é".repeat(2_049), ErrorCode::TextTooLong),
    ] {
        visitor.socket.say(cid, &text).await;
        assert_eq!(visitor.socket.until_error().await, code);
    }
    assert_eq!(visitor.say(1, &"é".repeat(2_048)).await, 2);
    assert_eq!(visitor.say(5, "numbers may be left out").await, 3);
    // Said twice it is acknowledged twice and kept once; a number that was passed over is refused.
    assert_eq!(visitor.say(5, "again").await, 3);
    visitor.socket.say(3, "too late").await;
    assert_eq!(visitor.socket.until_error().await, ErrorCode::OutOfOrder);
    for (delivered, read) in [(4, 0), (2, 3), (u64::MAX, u64::MAX)] {
        visitor
            .socket
            .send(&ClientMessage::Mark { delivered, read })
            .await;
        assert_eq!(visitor.socket.until_error().await, ErrorCode::OutOfOrder);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_anyone_answers_a_visitor_may_say_so_much_and_after_that_more() {
    let world = World::with(
        RecordingMode::Required,
        "[limits]\nunanswered = 2\nconsents_per_minute = 100\n",
    )
    .await;
    let relay = world.start().await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    visitor.say(1, "one").await;
    visitor.say(2, "two").await;
    visitor.socket.say(3, "three").await;
    assert_eq!(
        visitor.socket.until_error().await,
        ErrorCode::TooManyUnanswered
    );
    let mia = sign_in(relay.port, client, "mia").await;
    let agent = mia.accept(session(&visitor)).await;
    assert_eq!(agent.texts(), ["one", "two"]);
    visitor.say(3, "three").await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_too_fast_is_told_when_to_go_on_and_who_floods_is_closed() {
    let world = World::with(RecordingMode::Required, "[limits]\nper_minute = 5\n").await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    for cid in 1..=5 {
        visitor.say(cid, "quick").await;
    }
    visitor.socket.say(6, "too quick").await;
    let (cid, retry) = visitor
        .socket
        .until_frame(|frame| match frame {
            ServerMessage::Error {
                code: ErrorCode::RateLimited,
                cid,
                retry_ms,
                ..
            } => Some((*cid, *retry_ms)),
            _ => None,
        })
        .await;
    assert_eq!(cid, Some(6));
    assert!((1..=12_001).contains(&retry.unwrap()), "{retry:?}");
    for cid in 7..60 {
        // The socket may be closed already.
        let text = format!(r#"{{"t":"say","cid":{cid},"text":"flood"}}"#);
        if visitor
            .socket
            .ws
            .send(Message::Text(text.into()))
            .await
            .is_err()
        {
            break;
        }
    }
    assert_eq!(visitor.socket.refusal().await, ErrorCode::Flooding);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_with_pings_is_closed_let_in_or_not() {
    let world = World::with(RecordingMode::Required, "[limits]\nper_minute = 5\n").await;
    let relay = world.start().await;
    let nobody = Socket::open(relay.port, WIDGET, "").await;
    let visitor = arrive(relay.port, world.client(), None).await;
    for mut socket in [nobody, visitor.socket] {
        for _ in 0..200 {
            // It may be closed already.
            if socket.ws.send(Message::Ping("x".into())).await.is_err() {
                break;
            }
        }
        assert_eq!(socket.refusal().await, ErrorCode::Flooding);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_closed_and_holds_nobody_up() {
    let world = World::with(
        RecordingMode::Required,
        "[limits]\nper_minute = 1000000\nout_queue = 16\npong_seconds = 2\nunacknowledged = 64\n",
    )
    .await;
    let relay = world.start().await;
    let client = world.client();
    let visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    // The visitor reads nothing from here on; the agent is acknowledged all the same.
    let text = "x".repeat(4_000);
    let mut gone = false;
    for cid in 1..5_000 {
        agent.socket.say(cid, &text).await;
        loop {
            match agent.socket.next().await.unwrap() {
                ServerMessage::Ack { .. } => break,
                ServerMessage::Presence { online: false, .. } => gone = true,
                _ => {}
            }
        }
        if gone {
            break;
        }
    }
    assert!(gone, "the slow client was never let go");
    drop(visitor);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_pages_and_reads_none_is_given_up() {
    let world = World::with(RecordingMode::Required, "[limits]\npong_seconds = 1\n").await;
    let relay = world.start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port)).await.unwrap();
    let request = format!("GET /launch.js HTTP/1.1\r\nhost: {WIDGET}\r\n\r\n").repeat(1_000);
    // Answers fill the way back, then requests the way there; then the relay closes.
    let asks = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    let given_up = tokio::time::timeout(Duration::from_secs(20), asks).await;
    assert!(given_up.is_ok(), "it is waited for");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_relay_tells_everyone_after_what_is_on_its_way_is_kept() {
    let world = World::new().await;
    let relay = world.start().await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    visitor.socket.say(1, "the last word").await;
    visitor.acknowledged(1).await;
    let stopping = tokio::spawn(relay.stop());
    assert_eq!(visitor.socket.refusal().await, ErrorCode::ShuttingDown);
    stopping.await.unwrap();
    let relay = world.start().await;
    let visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts(), ["the last word"]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_with_a_code() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let consents = format!("/api/v1/sites/{}/consents", client.site);
    let own = format!("http://{WIDGET}");
    let headers = [("origin", own.as_str())];
    for (body, code) in [
        (b"".to_vec(), ErrorCode::Malformed),
        (b"{".to_vec(), ErrorCode::Malformed),
        (b"{\"notice\":1}".to_vec(), ErrorCode::Malformed),
        (b"\xff\xfe".to_vec(), ErrorCode::Malformed),
        (vec![b'['; 100_000], ErrorCode::TooLarge),
    ] {
        let refused = send(relay.port, WIDGET, "POST", &consents, &headers, body).await;
        assert_eq!(refused.refusal(), code);
    }
    for path in [
        "/api/v1/sites/x/notice",
        "/api/v1/sites/%00/notice",
        "/frame/..%2f..",
        "/nothing",
    ] {
        assert_eq!(
            get(relay.port, WIDGET, path).await.refusal(),
            ErrorCode::NotFound,
            "{path}"
        );
    }
    let mia = sign_in(relay.port, client, "mia").await;
    let path = "/api/v1/sessions/not-an-id/accept";
    let refused = post(relay.port, DESK, path, &mia.cookie, &()).await;
    assert_eq!(refused.refusal(), ErrorCode::NotFound);
    // An odd method, and a plain request where a socket is expected.
    let delete = send(relay.port, WIDGET, "DELETE", &consents, &headers, "").await;
    assert!(delete.status.is_client_error());
    let plain = send(relay.port, WIDGET, "GET", "/ws", &headers, "").await;
    assert_eq!(plain.refusal(), ErrorCode::UnsupportedVersion);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_asked_after_and_then_counts_as_gone() {
    let world = World::with(
        RecordingMode::Required,
        "[limits]\nping_seconds = 1\npong_seconds = 1\n",
    )
    .await;
    let relay = world.start().await;
    let client = world.client();
    let mia = sign_in(relay.port, client, "mia").await;
    let mut visitor = arrive(relay.port, client, None).await;
    let session = session(&visitor);
    // Whose socket is read answers pings: the visitor's until the agent is in, and then the agent's.
    let mut agent = tokio::select! {
        agent = mia.accept(session) => agent,
        () = visitor.socket.until_frame(|_| None::<()>) => panic!("the visitor was to wait"),
    };
    let gone = agent.socket.until(|frame| {
        matches!(frame, ServerMessage::Presence { online: false, .. }).then_some(())
    });
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
    drop(visitor);
    relay.stop().await;
}
