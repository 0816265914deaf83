//! The desk: signing in, the queue, taking, inviting, handing on, ending; own sessions only.

use std::path::Path;

use proto::consent::RecordingChoice;
use proto::desk::{AcceptResponse, Me, Offer, PastSession};
use proto::event::LeaveReason;
use proto::notice::RecordingMode;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, SessionId, Token};
use seal::Recipient;
use seal::manifest::Manifest;
use seal::spool::Record;
use seal::spool::read::{Position, read};

use crate::world::agent::{notice_view, sign_in, try_sign_in};
use crate::world::http::send;
use crate::world::visitor::{Person, arrive, arrive_with};
use crate::world::wire::Socket;
use crate::world::{DESK, PASSWORD, WIDE, World};

pub(crate) fn session(person: &Person) -> SessionId {
    let ServerMessage::Welcome { session, .. } = person.welcome else {
        unreachable!();
    };
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_sets_a_cookie_that_stays_with_this_host_and_out_of_scripts() {
    let world = World::new().await;
    let relay = world.start().await;
    let answer = try_sign_in(relay.port, "alpine", "mia", PASSWORD).await;
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-desk="), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));

    let mia = sign_in(relay.port, world.client(), "mia").await;
    let me: Me = mia.get("/api/v1/me").await.json();
    assert_eq!(
        (me.name.as_str(), me.client.as_str()),
        ("MIA", "alpine & Co")
    );
    assert_eq!(mia.post("/api/v1/sign-out", &()).await.status, 204);
    assert_eq!(
        mia.get("/api/v1/me").await.refusal(),
        ErrorCode::SignInRequired
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_sign_in_is_revoked_elsewhere_loses_the_open_socket() {
    let settings = format!("[session]\nsign_in_check_seconds = 1\n{WIDE}");
    let world = World::with(RecordingMode::Required, &settings).await;
    let relay = world.start().await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    agent.say(1, "still here").await;

    // Another process ends the sign-in: this one hears of it from the row alone.
    let store = world.store().await;
    let tenant = store.tenant(client.tenant).await.unwrap();
    let (_, token) = mia.cookie.split_once('.').unwrap();
    let token: Token = token.parse().unwrap();
    tenant.end_staff_session(&token.hash()).await.unwrap();
    store.close().await;
    assert_eq!(agent.socket.refusal().await, ErrorCode::SignInRequired);
    // The visitor has no sign-in to lose.
    visitor.say(1, "hello?").await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_name_or_client_are_not_told_apart() {
    let world = World::new().await;
    let relay = world.start().await;
    let long = "x".repeat(5_000);
    for (client, name, password) in [
        ("alpine", "mia", "wrong"),
        ("alpine", "nobody", PASSWORD),
        ("nowhere", "mia", PASSWORD),
        ("alpine", "mia", long.as_str()),
        ("", "", ""),
    ] {
        let refused = try_sign_in(relay.port, client, name, password).await;
        assert_eq!(
            refused.refusal(),
            ErrorCode::SignInFailed,
            "{client}/{name}"
        );
        assert!(refused.headers.get("set-cookie").is_none());
    }
    for path in ["/api/v1/me", "/api/v1/queue", "/api/v1/sessions"] {
        for cookie in ["", "__Host-desk=", "__Host-desk=x.y", "desk=1"] {
            let refused = send(relay.port, DESK, "GET", path, &[("cookie", cookie)], "").await;
            assert_eq!(
                refused.refusal(),
                ErrorCode::SignInRequired,
                "{path} {cookie}"
            );
        }
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_tried_so_often_and_no_more() {
    let world = World::with(
        RecordingMode::Required,
        "[limits]\nsign_ins_per_minute = 3\n",
    )
    .await;
    let relay = world.start().await;
    for _ in 0..3 {
        let refused = try_sign_in(relay.port, "alpine", "mia", "wrong").await;
        assert_eq!(refused.refusal(), ErrorCode::SignInFailed);
    }
    let refused = try_sign_in(relay.port, "alpine", "mia", PASSWORD).await;
    assert_eq!(refused.refusal(), ErrorCode::RateLimited);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_shows_who_waits_and_the_first_agent_takes_it() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let (mia, ben) = (
        sign_in(relay.port, client, "mia").await,
        sign_in(relay.port, client, "ben").await,
    );
    let mut events = mia.events().await;
    assert!(events.next().await.waiting.is_empty());
    assert!(notice_view(relay.port, client).await.staffed);

    let mut first = arrive(relay.port, client, Some("Heron")).await;
    let view = events
        .until(|view| view.waiting.iter().any(|entry| entry.online))
        .await;
    let entry = &view.waiting[0];
    assert_eq!(entry.visitor, "Heron");
    assert_eq!(entry.site_name, "Shop");
    assert!(entry.recorded && matches!(entry.offer, Some(Offer::Waiting)));
    assert_eq!((entry.minimum_days, entry.maximum_days), (180, 730));
    let mut second = arrive(relay.port, client, Some("Wren")).await;
    second
        .socket
        .until(|frame| matches!(frame, ServerMessage::Waiting { ahead: 1, .. }).then_some(()))
        .await;

    let mut agent = mia.accept(session(&first)).await;
    let view = events
        .until(|view| !view.mine.is_empty() && view.waiting.len() == 1)
        .await;
    assert_eq!(view.mine[0].session, session(&first));
    assert_eq!(view.waiting[0].visitor, "Wren");
    second
        .socket
        .until(|frame| matches!(frame, ServerMessage::Waiting { ahead: 0, .. }).then_some(()))
        .await;
    let late = ben
        .try_accept(session(&first), RecordingChoice::Acknowledged)
        .await;
    assert_eq!(late.refusal(), ErrorCode::AlreadyTaken);
    agent.say(1, "hello").await;
    first.hears("hello").await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_acknowledges_the_recording_before_joining() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let refused = mia
        .try_accept(session(&visitor), RecordingChoice::Refused)
        .await;
    assert_eq!(refused.refusal(), ErrorCode::RecordingRequired);
    let agent = mia.accept(session(&visitor)).await;
    let tenant = relay
        .running
        .front()
        .store
        .tenant(client.tenant)
        .await
        .unwrap();
    let consent = tenant.consent_of(agent.id).await.unwrap().unwrap();
    assert_eq!(consent.choice, RecordingChoice::Acknowledged);
    assert_eq!(consent.session, session(&visitor));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_brings_the_next_agent_in_with_what_was_said_and_the_first_one_out() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let (mia, ben) = (
        sign_in(relay.port, client, "mia").await,
        sign_in(relay.port, client, "ben").await,
    );
    let mut bens_desk = ben.events().await;
    let mut visitor = arrive(relay.port, client, None).await;
    visitor.say(1, "my card was declined").await;
    let mut first = mia.accept(session(&visitor)).await;
    first.say(1, "I ask a colleague").await;
    let to = Some(client.agents[1].0);
    first.socket.send(&ClientMessage::Transfer { to }).await;
    bens_desk
        .until(|view| {
            view.waiting
                .iter()
                .any(|entry| matches!(&entry.offer, Some(Offer::Transfer { by }) if by == "MIA"))
        })
        .await;

    let mut second = ben.accept(session(&visitor)).await;
    assert_eq!(
        second.texts(),
        ["my card was declined", "I ask a colleague"]
    );
    first.socket.closed().await;
    let reason = visitor
        .socket
        .until(|frame| match frame {
            ServerMessage::Left { reason, .. } => Some(*reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, LeaveReason::Transferred);
    second.say(1, "it works again").await;
    visitor.hears("it works again").await;
    // What is said from here on is not for who left.
    assert!(mia.queue().await.mine.is_empty());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_colleague_joins_and_may_leave_again() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let (mia, ben) = (
        sign_in(relay.port, client, "mia").await,
        sign_in(relay.port, client, "ben").await,
    );
    let mut visitor = arrive(relay.port, client, None).await;
    let mut first = mia.accept(session(&visitor)).await;
    first.socket.send(&ClientMessage::Leave {}).await;
    let code = first.socket.until_error().await;
    assert_eq!(code, ErrorCode::NotPermitted, "the only agent left");
    let to = client.agents[1].0;
    first.socket.send(&ClientMessage::Invite { to }).await;
    first
        .socket
        .until(|frame| {
            matches!(
                frame,
                ServerMessage::Asked {
                    handover: false,
                    ..
                }
            )
            .then_some(())
        })
        .await;
    let mut second = ben.accept(session(&visitor)).await;
    second.say(1, "hello from Ben").await;
    first.hears("hello from Ben").await;
    visitor.hears("hello from Ben").await;
    second.socket.send(&ClientMessage::Leave {}).await;
    second.socket.closed().await;
    visitor.say(1, "thank you").await;
    first.hears("thank you").await;
    // A visitor may do none of this.
    for message in [
        ClientMessage::Leave {},
        ClientMessage::Invite { to },
        ClientMessage::Transfer { to: None },
    ] {
        visitor.socket.send(&message).await;
        assert_eq!(visitor.socket.until_error().await, ErrorCode::NotPermitted);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_both_are_told_and_the_agent_keeps_metadata_only() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let mia = sign_in(relay.port, client, "mia").await;
    let ben = sign_in(relay.port, client, "ben").await;
    let mut visitor = arrive(relay.port, client, None).await;
    let id = session(&visitor);
    let mut agent = mia.accept(id).await;
    visitor.say(1, "bye").await;
    agent.socket.send(&ClientMessage::End {}).await;
    for person in [&mut visitor, &mut agent] {
        let (by, kept) = person
            .socket
            .until(|frame| match frame {
                ServerMessage::Ended {
                    by,
                    keep_min,
                    keep_max,
                    ..
                } => Some((*by, keep_min.zip(*keep_max))),
                _ => None,
            })
            .await;
        assert!(by.is_some());
        let (from, to) = kept.unwrap();
        assert_eq!(to.0 - from.0, (730 - 180) * 24 * 3_600 * 1_000);
        person.socket.closed().await;
    }
    let past = loop {
        let past: Vec<PastSession> = mia.get("/api/v1/sessions").await.json();
        if !past.is_empty() {
            break past;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(
        (past.len(), past[0].session, past[0].recorded),
        (1, id, true)
    );
    let others: Vec<PastSession> = ben.get("/api/v1/sessions").await.json();
    assert!(others.is_empty());
    let again = mia.try_accept(id, RecordingChoice::Acknowledged).await;
    assert_eq!(again.refusal(), ErrorCode::NotFound);
    let mut socket = Socket::open(relay.port, crate::world::WIDGET, "").await;
    socket.hello(&visitor.resume_hello(0)).await;
    assert_eq!(socket.refusal().await, ErrorCode::SessionEnded);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_at_the_end_still_gets_what_was_said() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let mia = sign_in(relay.port, client, "mia").await;
    let visitor = arrive(relay.port, client, None).await;
    let mut agent = mia.accept(session(&visitor)).await;
    let hello = visitor.resume_hello(0);
    let visitor = {
        let mut visitor = visitor;
        visitor.socket.ws.close(None).await.unwrap();
        visitor
    };
    agent.say(1, "I close this now, call us").await;
    agent.socket.send(&ClientMessage::End {}).await;
    agent.socket.closed().await;
    drop(hello);
    let mut visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts(), ["I close this now, call us"]);
    visitor
        .socket
        .until(|frame| matches!(frame, ServerMessage::Ended { .. }).then_some(()))
        .await;
    visitor.socket.closed().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_one_client_reaches_nothing_of_another() {
    let mut world = World::new().await;
    let store = world.store().await;
    world
        .add_client(&store, "other", RecordingMode::Required)
        .await;
    store.close().await;
    let relay = world.start().await;
    let stranger = sign_in(relay.port, &world.clients[1], "mia").await;
    let visitor = arrive(relay.port, world.client(), None).await;
    assert!(stranger.queue().await.waiting.is_empty());
    let refused = stranger
        .try_accept(session(&visitor), RecordingChoice::Acknowledged)
        .await;
    assert_eq!(refused.refusal(), ErrorCode::NotFound);

    // Not even with a token of theirs, at a desk of another client, or at the visitors' door.
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let agent = mia.accept(session(&visitor)).await;
    let mut stolen = Socket::open(relay.port, DESK, &stranger.cookie).await;
    stolen.hello(&agent.resume_hello(0)).await;
    assert_eq!(stolen.refusal().await, ErrorCode::TokenInvalid);
    let mut wrong_door = Socket::open(relay.port, crate::world::WIDGET, "").await;
    wrong_door.hello(&agent.resume_hello(0)).await;
    assert_eq!(wrong_door.refusal().await, ErrorCode::ResumeStale);
    let own = format!("http://{DESK}");
    let nobody = Socket::open_with(relay.port, DESK, &own, "vestibule.v1", "").await;
    assert_eq!(nobody.err().unwrap().status(), 401);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_closes_the_agents_sockets() {
    let world = World::new().await;
    let relay = world.start().await;
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let visitor = arrive(relay.port, world.client(), None).await;
    let mut agent = mia.accept(session(&visitor)).await;
    assert_eq!(mia.post("/api/v1/sign-out", &()).await.status, 204);
    assert_eq!(agent.socket.refusal().await, ErrorCode::SignInRequired);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_lost_their_page_takes_their_own_session_again() {
    let world = World::with(RecordingMode::Optional, WIDE).await;
    let relay = world.start().await;
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let mut visitor = arrive_with(
        relay.port,
        world.client(),
        None,
        RecordingChoice::Acknowledged,
    )
    .await;
    visitor.say(1, "still there?").await;
    let first = mia.accept(session(&visitor)).await;
    let mut second = mia.accept(session(&visitor)).await;
    assert_ne!(first.id, second.id);
    assert_eq!(second.texts(), ["still there?"]);
    second.say(1, "yes").await;
    visitor.hears("yes").await;
    assert_eq!(mia.queue().await.mine.len(), 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_accepts_and_never_comes_leaves_no_trace_in_the_manifest() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let mia = sign_in(relay.port, client, "mia").await;
    let mut visitor = arrive(relay.port, client, None).await;
    let session = session(&visitor);
    let lost = mia.try_accept(session, RecordingChoice::Acknowledged).await;
    let lost: AcceptResponse = lost.json();
    let mut agent = mia.accept(session).await;
    agent.say(1, "sorry, my page fell over").await;
    visitor.socket.send(&ClientMessage::End {}).await;
    visitor
        .socket
        .until(|frame| matches!(frame, ServerMessage::Ended { .. }).then_some(()))
        .await;
    relay.stop().await;

    let manifest = manifest(&world.folder.path().join("data/spool"));
    assert_eq!(manifest.participants.len(), 2);
    assert_eq!(manifest.tracks.len(), 2);
    let names = |recipient: &Recipient| matches!(recipient, Recipient::Participant { participant } if *participant == lost.participant);
    let mut epochs = manifest.tracks.iter().flat_map(|track| &track.epochs);
    assert!(!epochs.any(|epoch| epoch.recipients.iter().any(names)));
}

/// The manifest in a spool that holds one.
fn manifest(spool: &Path) -> Manifest {
    let node = std::fs::read_dir(spool).unwrap().next().unwrap().unwrap();
    let batch = read(&node.path(), Position::default(), 8 << 20).unwrap();
    let end = batch
        .records
        .into_iter()
        .find_map(|located| match located.record {
            Record::End(end) => Some(end),
            _ => None,
        });
    end.unwrap().manifest.payload_unverified().unwrap()
}
