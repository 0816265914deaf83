//! Wrong frames: before the hello, and after it.

use anyhow::{Context as _, Result, ensure};
use http::Method;
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::ErrorCode;
use proto::wire::{ClientMessage, NAME_MAX, ServerMessage};
use testkit::house::House;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{Log, MARK, PATIENCE, Raw, Refusal, bank, hello, is_well};
use crate::session::client;

/// `[limits]` under which wrong input is quick.
const LIMITS: &str = "hello_seconds = 1\nconsents_per_minute = 10000\nnotices_per_minute = 10000\n\
                      sockets_per_minute = 10000\n";
/// The relay's own default.
const FRAME_BYTES: usize = 32 * 1024;
const TEXT_BYTES: usize = 4096;

async fn house(more: &str) -> Result<House> {
    House::start_with(|plan| plan.limits = format!("{LIMITS}{more}")).await
}

/// What no reader takes for a message, whenever it comes.
fn nonsense() -> Vec<(&'static str, Message)> {
    let invalid = [b"\"".as_slice(), MARK.as_bytes(), &[0xff, 0xfe]].concat();
    vec![
        ("nothing", Message::text("")),
        ("words", Message::text(MARK)),
        (
            "half a message",
            Message::text(format!("{{\"t\":\"say\",\"text\":\"{MARK}")),
        ),
        (
            "an unknown kind",
            Message::text(format!("{{\"t\":\"{MARK}\"}}")),
        ),
        ("no kind", Message::text(format!("{{\"text\":\"{MARK}\"}}"))),
        ("a list", Message::text(format!("[\"{MARK}\"]"))),
        (
            "a number too large",
            Message::text("{\"t\":\"say\",\"cid\":18446744073709551616,\"text\":\"x\"}"),
        ),
        (
            "a number below zero",
            Message::text("{\"t\":\"say\",\"cid\":-1,\"text\":\"x\"}"),
        ),
        (
            "a field too many",
            Message::text(format!(
                "{{\"t\":\"say\",\"cid\":1,\"text\":\"x\",\"{MARK}\":1}}"
            )),
        ),
        (
            "a field twice",
            Message::text("{\"t\":\"say\",\"cid\":1,\"cid\":2,\"text\":\"x\"}"),
        ),
        (
            "half a surrogate",
            Message::text("{\"t\":\"say\",\"cid\":1,\"text\":\"\\ud800\"}"),
        ),
        ("a deep nest", Message::text("[".repeat(20_000))),
        ("bytes", Message::binary(MARK.as_bytes().to_vec())),
        (
            "no UTF-8",
            Message::Frame(Frame::message(invalid, OpCode::Data(Data::Text), true)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_frame_that_is_no_hello_closes_the_socket() -> Result<()> {
    let mut house = house("").await?;
    let site = bank(&house)?;
    let token = "A".repeat(43);
    let mut cases: Vec<(&str, Message, ErrorCode)> = nonsense()
        .into_iter()
        .map(|(what, message)| (what, message, ErrorCode::Malformed))
        .collect();
    let text = |text: String| Message::text(text);
    cases.extend([
        ("a message before the hello", text("{\"t\":\"say\",\"cid\":1,\"text\":\"x\"}".to_owned()), ErrorCode::Malformed),
        ("a token that is none", text(format!("{{\"t\":\"join\",\"site\":\"{site}\",\"token\":\"{MARK}\"}}")), ErrorCode::Malformed),
        ("a site that is none", text(format!("{{\"t\":\"join\",\"site\":\"{MARK}\",\"token\":\"{token}\"}}")), ErrorCode::Malformed),
        ("an unknown join token", text(format!("{{\"t\":\"join\",\"site\":\"{site}\",\"token\":\"{token}\"}}")), ErrorCode::TokenInvalid),
        ("an unknown resume token", text(format!("{{\"t\":\"resume\",\"site\":\"{site}\",\"token\":\"{token}\",\"name\":\"{MARK}\",\"have\":0}}")), ErrorCode::ResumeStale),
        ("a frame over the limit", text(MARK.repeat(FRAME_BYTES / MARK.len() + 1)), ErrorCode::TooLarge),
    ]);
    for (what, message, code) in cases {
        let log = Log::from_here(&house)?;
        let mut raw = Raw::open(&house).await?;
        raw.send(message).await?;
        let refusal = raw.end().await.context(what)?;
        ensure!(
            refusal == Refusal::closing(code),
            "{what}: {refusal:?}, {code} was due"
        );
        log.tells(code).await.context(what)?;
    }
    for name in [
        "x".repeat(NAME_MAX + 1),
        format!("{MARK}\u{202e}"),
        format!("{MARK}\u{7}"),
    ] {
        let consent = agree(&house.widget(), site).await?;
        let log = Log::from_here(&house)?;
        let mut raw = Raw::open(&house).await?;
        raw.send(hello(site, consent.join.clone(), Some(name))?)
            .await?;
        let refusal = raw.end().await?;
        ensure!(
            refusal == Refusal::closing(ErrorCode::NameRefused),
            "{refusal:?}"
        );
        log.tells(ErrorCode::NameRefused).await?;
        // Whoever is refused a name may choose another: the token is not spent.
        Participant::join(
            &house.widget(),
            site,
            consent.join,
            Some("Robin".to_owned()),
            &[],
        )
        .await?;
    }

    let log = Log::from_here(&house)?;
    let start = Instant::now();
    let silent = Raw::open(&house).await?.end().await?;
    ensure!(
        silent == Refusal::closing(ErrorCode::HelloTimeout),
        "{silent:?}"
    );
    ensure!(
        start.elapsed() >= Duration::from_secs(1),
        "it was not waited for"
    );
    log.tells(ErrorCode::HelloTimeout).await?;
    is_well(&house).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_a_conversation_closes_that_socket_and_the_session_stays() -> Result<()> {
    let mut house = house("").await?;
    let site = bank(&house)?;
    let token = "A".repeat(43);
    let mut cases: Vec<(&str, Message, ErrorCode)> = nonsense()
        .into_iter()
        .map(|(what, message)| (what, message, ErrorCode::Malformed))
        .collect();
    cases.push((
        "a second hello",
        Message::text(format!(
            "{{\"t\":\"join\",\"site\":\"{site}\",\"token\":\"{token}\"}}"
        )),
        ErrorCode::Malformed,
    ));
    cases.push((
        "a frame over the limit",
        Message::text(MARK.repeat(FRAME_BYTES / MARK.len() + 1)),
        ErrorCode::TooLarge,
    ));
    for (what, message, code) in cases {
        let consent = agree(&house.widget(), site).await?;
        let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
        visitor.say(1, "before").await?;
        let resume = visitor.welcome.resume.clone();
        let log = Log::from_here(&house)?;
        let mut raw = Raw(visitor.into_socket());
        raw.send(message).await?;
        let refusal = raw.end().await.context(what)?;
        ensure!(
            refusal == Refusal::closing(code),
            "{what}: {refusal:?}, {code} was due"
        );
        log.tells(code).await.context(what)?;

        let hello = proto::wire::Hello::Resume {
            site,
            token: resume,
            name: "Robin".to_owned(),
            have: 0,
        };
        let mut again = Participant::enter(&house.widget(), site, &hello, &[]).await?;
        again.say(2, "after").await.context(what)?;
    }
    is_well(&house).await?;
    house.stop().await
}

/// Bytes that break the rules of WebSocket itself, which no client library sends.
fn no_frames() -> [(&'static str, &'static [u8]); 5] {
    [
        ("an unmasked frame", &[0x81, 2, b'{', b'}']),
        ("a reserved opcode", &[0x83, 0x82, 0, 0, 0, 0, b'{', b'}']),
        ("a reserved bit", &[0xc1, 0x82, 0, 0, 0, 0, b'{', b'}']),
        ("a ping in pieces", &[0x09, 0x80, 0, 0, 0, 0]),
        ("the rest of nothing", &[0x80, 0x82, 0, 0, 0, 0, b'{', b'}']),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_frames_close_the_socket_with_a_word() -> Result<()> {
    let mut house = house("").await?;
    for (what, bytes) in no_frames() {
        for joined in [false, true] {
            let mut raw = if joined {
                Raw::joined(&house).await?
            } else {
                Raw::open(&house).await?
            };
            let log = Log::from_here(&house)?;
            raw.0.get_mut().write_all(bytes).await?;
            let refusal = raw.end().await.context(what)?;
            ensure!(
                refusal == Refusal::closing(ErrorCode::Malformed),
                "{what}, joined {joined}: {refusal:?}"
            );
            log.tells(ErrorCode::Malformed).await.context(what)?;
        }
    }
    // Who just goes has broken no rule, and no line is written about them.
    let log = Log::from_here(&house)?;
    drop(Raw::open(&house).await?);
    drop(Raw::joined(&house).await?);
    is_well(&house).await?;
    log.holds_no(ErrorCode::Malformed)?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_frame_too_large_is_read_away_so_that_the_word_arrives() -> Result<()> {
    let mut house = house("").await?;
    for joined in [false, true] {
        let mut raw = if joined {
            Raw::joined(&house).await?
        } else {
            Raw::open(&house).await?
        };
        // More than the system takes for a reader that does not read.
        raw.send(Message::text("x".repeat(16 << 20))).await?;
        let refusal = raw.end().await?;
        ensure!(
            refusal == Refusal::closing(ErrorCode::TooLarge),
            "joined {joined}: {refusal:?}"
        );
    }
    is_well(&house).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_taken_is_refused_and_the_conversation_goes_on() -> Result<()> {
    let mut house = house("unanswered = 6\n").await?;
    let mut raw = Raw::joined(&house).await?;
    let log = Log::from_here(&house)?;
    raw.say(10, "first").await?;
    raw.acknowledged(10).await?;
    let json = |text: &str| Message::text(text.to_owned());
    let cases = [
        (
            "an empty text",
            json("{\"t\":\"say\",\"cid\":11,\"text\":\"\"}"),
            ErrorCode::TextEmpty,
            Some(11),
        ),
        (
            "blanks",
            json("{\"t\":\"say\",\"cid\":12,\"text\":\" \\n\\t \\u2003\"}"),
            ErrorCode::TextEmpty,
            Some(12),
        ),
        (
            "a text over the limit",
            json(&format!(
                "{{\"t\":\"say\",\"cid\":13,\"text\":\"{}\"}}",
                "ü".repeat(TEXT_BYTES / 2 + 1)
            )),
            ErrorCode::TextTooLong,
            Some(13),
        ),
        (
            "a number that goes back",
            json(&format!("{{\"t\":\"say\",\"cid\":3,\"text\":\"{MARK}\"}}")),
            ErrorCode::OutOfOrder,
            Some(3),
        ),
        (
            "a mark past the end",
            json("{\"t\":\"mark\",\"delivered\":999,\"read\":0}"),
            ErrorCode::OutOfOrder,
            None,
        ),
        (
            "read before it was delivered",
            json("{\"t\":\"mark\",\"delivered\":1,\"read\":2}"),
            ErrorCode::OutOfOrder,
            None,
        ),
        (
            "a visitor who transfers",
            json("{\"t\":\"transfer\",\"to\":null}"),
            ErrorCode::NotPermitted,
            None,
        ),
        (
            "a visitor who leaves",
            json("{\"t\":\"leave\"}"),
            ErrorCode::NotPermitted,
            None,
        ),
    ];
    let mut cid = 20;
    for (what, message, code, about) in cases {
        raw.send(message).await?;
        let refused = raw.refused().await.context(what)?;
        ensure!(refused == (code, about), "{what}: {refused:?}");
        log.tells(code).await.context(what)?;
    }
    // A text of exactly the limit is taken.
    cid += 1;
    raw.say(cid, &"ü".repeat(TEXT_BYTES / 2)).await?;
    raw.acknowledged(cid).await?;
    // The same number again is acknowledged again, and not doubled.
    raw.say(cid, "ü").await?;
    raw.acknowledged(cid).await?;
    for _ in 0..4 {
        cid += 1;
        raw.say(cid, "is anybody there?").await?;
        raw.acknowledged(cid).await?;
    }
    raw.say(cid + 1, MARK).await?;
    let refused = raw.refused().await?;
    ensure!(
        refused == (ErrorCode::TooManyUnanswered, Some(cid + 1)),
        "{refused:?}"
    );
    log.tells(ErrorCode::TooManyUnanswered).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_is_slowed_down_and_who_floods_is_closed() -> Result<()> {
    let mut house = house("per_minute = 40\nunacknowledged = 1\nunanswered = 1000\n").await?;
    let log = Log::from_here(&house)?;
    let mut raw = Raw::joined(&house).await?;
    // All at once: one is on its way to the disk, the next ones do not wait for it.
    for cid in 1..=10 {
        raw.say(cid, MARK).await?;
    }
    let refused = raw.refused().await?;
    ensure!(refused.0 == ErrorCode::TooManyUnacknowledged, "{refused:?}");
    log.tells(ErrorCode::TooManyUnacknowledged).await?;
    for cid in 11..=60 {
        raw.say(cid, MARK).await?;
    }
    raw.until(|message| {
        matches!(message, ServerMessage::Error { code: ErrorCode::RateLimited, retry_ms: Some(ms), .. } if *ms > 0)
    })
    .await?;
    log.tells(ErrorCode::RateLimited).await?;
    for cid in 61..=120 {
        // It may be closed meanwhile.
        if raw.say(cid, MARK).await.is_err() {
            break;
        }
    }
    let refusal = raw.end().await?;
    ensure!(
        refusal == Refusal::closing(ErrorCode::Flooding),
        "{refusal:?}"
    );
    log.tells(ErrorCode::Flooding).await?;
    is_well(&house).await?;
    house.stop().await
}

/// An agent's page stops reading; the visitor is acknowledged all the same, and the agent who comes
/// back has everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_let_go_and_holds_up_nobody() -> Result<()> {
    let quick = "out_queue = 16\npong_seconds = 2\n";
    let mut house = house(&format!(
        "{quick}per_minute = 1000000\nping_seconds = 3600\n"
    ))
    .await?;
    let bank = client(&house, "alpine")?.clone();
    let site = bank.site.context("a site")?;
    let mia = bank.agents.first().context("an agent")?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    let cookie = sign_in(&house.desk(), "alpine", &mia.sign_in, &mia.password).await?;
    let accepted = accept(&house.desk(), &cookie, consent.session).await?;

    let mut slow = Raw(slow_socket(&house, &cookie).await?);
    slow.send(hello(site, accepted.join, None)?).await?;
    let welcome = slow
        .until(|message| matches!(message, ServerMessage::Welcome { .. }))
        .await?;
    let ServerMessage::Welcome {
        resume,
        participant,
        ..
    } = welcome
    else {
        anyhow::bail!("no welcome")
    };
    let log = Log::from_here(&house)?;
    let text = "x".repeat(TEXT_BYTES);
    let start = Instant::now();
    let mut cid = 0;
    let offline = ServerMessage::Presence {
        participant,
        online: false,
    };
    // Whatever the system buffers for a reader that does not read is full at some time.
    loop {
        ensure!(
            start.elapsed() < PATIENCE * 4,
            "the slow one was never let go, after {cid} messages"
        );
        // Some at once share the disk's time; all together find room in a queue.
        for _ in 0..4 {
            cid += 1;
            visitor
                .send(&ClientMessage::Say {
                    cid,
                    text: text.clone(),
                })
                .await?;
        }
        let mut let_go = false;
        visitor
            .until(|message| {
                let_go |= message == offline;
                matches!(message, ServerMessage::Ack { cid: c, .. } if c == cid).then_some(())
            })
            .await?;
        if let_go {
            break;
        }
    }
    log.tells(ErrorCode::SlowClient).await?;
    drop(slow);
    let hello = proto::wire::Hello::Resume {
        site,
        token: resume,
        name: String::new(),
        have: 0,
    };
    let mut returned =
        Participant::enter(&house.desk(), site, &hello, &[("cookie", &cookie)]).await?;
    let mut parts = 0;
    returned
        .until(|message| match message {
            ServerMessage::Sealed {
                parts: some, more, ..
            } => {
                parts += some.len() as u64;
                (!more).then_some(())
            }
            _ => None,
        })
        .await?;
    // Two joined, and each message.
    ensure!(parts == cid + 2, "{parts} parts came back of {}", cid + 2);
    let health = house
        .widget()
        .send(Method::GET, "/healthz", &[], bytes::Bytes::new())
        .await?;
    ensure!(health.status.is_success(), "{}", health.status);
    house.stop().await
}

/// A socket at the desk with hardly any room for what it is sent.
async fn slow_socket(
    house: &House,
    cookie: &str,
) -> Result<tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>> {
    let door = house.desk();
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let stream = socket.connect(([127, 0, 0, 1], door.port).into()).await?;
    let mut request = format!("ws://{}/ws", door.authority()).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("origin", door.origin().parse()?);
    headers.insert("sec-websocket-protocol", proto::SUBPROTOCOL.parse()?);
    headers.insert("cookie", cookie.parse()?);
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(socket)
}
