//! The gate: notice, consent, receipt, join token; and what is refused there.

use proto::consent::{ConsentResponse, Receipt, ReceiptEvent, RecordingChoice};
use proto::notice::{Modality, RecordingMode};
use proto::wire::ServerMessage;
use proto::{ErrorCode, Hash32, Millis, PublicKey, SiteId};
use relay::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Response;

use crate::world::agent::notice_view;
use crate::world::http::{get, post, send};
use crate::world::visitor::{agree, arrive, arrive_with, request};
use crate::world::wire::Socket;
use crate::world::{DESK, SHOP, WIDE, WIDGET, World, publish, rng, signing_key, x25519};

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_shows_the_notice_that_its_hash_names() {
    let world = World::new().await;
    let relay = world.start().await;
    let view = notice_view(relay.port, world.client()).await;
    assert_eq!(view.notice, world.client().notice);
    assert_eq!(Hash32::of(view.notice_json.as_bytes()), view.notice);
    assert_eq!(view.languages, ["en"]);
    assert_eq!(view.recording, RecordingMode::Required);
    // As the site lists them.
    assert_eq!(view.modalities, [Modality::Chat, Modality::Audio]);
    assert!(!view.staffed);

    let path = format!(
        "/api/v1/sites/{}/notices/{}",
        world.client().site,
        view.notice
    );
    let exact = get(relay.port, WIDGET, &path).await;
    assert_eq!(exact.body, view.notice_json.as_bytes());
    assert!(exact.headers.get("set-cookie").is_none());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agreeing_gives_a_signed_receipt_that_keeps_consent_and_acknowledgement_apart() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let answer = agree(relay.port, client.site, &request(client, x25519())).await;
    assert_eq!(answer.status, 201);
    let consent: ConsentResponse = answer.json();
    assert!(consent.join_expires_in <= 60);
    let node = PublicKey(
        relay
            .running
            .front()
            .house
            .node
            .key
            .verifying_key()
            .to_bytes(),
    );
    let receipt: Receipt = consent.receipt.verify(&node).unwrap();
    assert_eq!(receipt.session, consent.session);
    assert_eq!(receipt.record_id, consent.participant);
    assert_eq!(receipt.privacy_notice, client.notice);
    assert_eq!((receipt.minimum_days, receipt.maximum_days), (180, 730));
    assert_eq!(receipt.event_time.0 % 1000, 0);
    let did: Vec<_> = receipt
        .purposes
        .iter()
        .map(|purpose| (purpose.purpose.as_str(), purpose.event_type))
        .collect();
    assert_eq!(
        did,
        [
            ("conversation", ReceiptEvent::ExplicitlyConsented),
            ("recording", ReceiptEvent::Acknowledged),
        ]
    );
    let tenant = relay
        .running
        .front()
        .store
        .tenant(client.tenant)
        .await
        .unwrap();
    let kept = tenant
        .consent_of(consent.participant)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.modalities, [Modality::Chat]);
    assert_eq!(kept.choice, RecordingChoice::Acknowledged);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_cannot_be_agreed_to_and_leaves_no_session() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let right = request(client, x25519());
    let mut outdated = right.clone();
    outdated.notice = Hash32::ZERO;
    let mut video = right.clone();
    video.modalities = vec![Modality::Chat, Modality::Video];
    let mut nothing = right.clone();
    nothing.modalities.clear();
    let mut unrecorded = right.clone();
    unrecorded.recording = RecordingChoice::Refused;
    let mut short = right.clone();
    short.receipt.lookup.pop();
    for (wrong, code) in [
        (outdated, ErrorCode::NoticeOutdated),
        (video, ErrorCode::ModalityRefused),
        (nothing, ErrorCode::ConsentMissing),
        (unrecorded, ErrorCode::RecordingRequired),
        (short, ErrorCode::Malformed),
    ] {
        assert_eq!(agree(relay.port, client.site, &wrong).await.refusal(), code);
    }
    let elsewhere = SiteId::random(&mut rng());
    let unknown = agree(relay.port, elsewhere, &right).await;
    assert_eq!(unknown.refusal(), ErrorCode::NotFound);

    let tenant = relay
        .running
        .front()
        .store
        .tenant(client.tenant)
        .await
        .unwrap();
    assert!(tenant.unfinished_sessions().await.unwrap().is_empty());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_notice_must_be_read_before_anything_else() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let old = request(client, x25519());
    let tenant = relay
        .running
        .front()
        .store
        .tenant(client.tenant)
        .await
        .unwrap();
    let new = crate::world::notice("2", RecordingMode::Required);
    publish(&tenant, client.site, &new, Millis(1_000)).await;
    let refused = agree(relay.port, client.site, &old).await;
    assert_eq!(refused.refusal(), ErrorCode::NoticeOutdated);
    assert_ne!(notice_view(relay.port, client).await.notice, client.notice);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_policy_allows_one_may_talk_without_being_recorded() {
    let world = World::with(RecordingMode::Optional, WIDE).await;
    let relay = world.start().await;
    let client = world.client();
    let mut visitor = arrive_with(relay.port, client, None, RecordingChoice::Refused).await;
    assert_eq!(visitor.recording, None);
    visitor.socket.say(1, "off the record").await;
    let sealed = visitor
        .socket
        .until(|frame| match frame {
            ServerMessage::Ack { sealed, .. } => Some(*sealed),
            _ => None,
        })
        .await;
    assert_eq!(sealed, None);
    // The live process hands it back; nothing of it is on the disk.
    let mut visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.hears("off the record").await, 2);
    relay.stop().await;
    for record in world.records() {
        assert!(
            matches!(record, seal::spool::Record::Event(_)),
            "something was recorded"
        );
    }
    // A recorded one is offered too.
    let relay = world.start().await;
    let visitor = arrive(relay.port, client, None).await;
    assert!(visitor.recording.is_some());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_sites_own_origins_may_frame_the_widget() {
    let world = World::new().await;
    let relay = world.start().await;
    let site = world.client().site;
    let frame = get(relay.port, WIDGET, &format!("/frame/{site}")).await;
    assert_eq!(frame.status, 200);
    let policy = frame.header("content-security-policy");
    assert!(
        policy.ends_with(&format!("frame-ancestors {SHOP}")),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'"));
    assert!(policy.contains("require-trusted-types-for 'script'"));
    assert!(frame.headers.get("set-cookie").is_none());

    let unlisted = get(
        relay.port,
        WIDGET,
        &format!("/frame/{}", SiteId::random(&mut rng())),
    )
    .await;
    assert_eq!(unlisted.status, 404);
    assert!(
        unlisted
            .header("content-security-policy")
            .ends_with("frame-ancestors 'none'")
    );
    let desk = get(relay.port, DESK, "/").await;
    assert_eq!(desk.status, 200);
    assert!(
        desk.header("content-security-policy")
            .ends_with("frame-ancestors 'none'")
    );
    let launcher = get(relay.port, WIDGET, "/launch.js").await;
    assert_eq!(launcher.status, 200);
    assert_eq!(
        launcher.header("cross-origin-resource-policy"),
        "cross-origin"
    );
    assert_eq!(
        launcher.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    for path in [
        "/assets/../Cargo.toml",
        "/assets/widget/..%2f..%2fCargo.toml",
        "/assets/lib/model.d.ts",
    ] {
        assert_eq!(get(relay.port, WIDGET, path).await.status, 404, "{path}");
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_hosts_own_pages_may_post_or_open_a_socket() {
    let world = World::new().await;
    let relay = world.start().await;
    let client = world.client();
    let body = serde_json::to_vec(&request(client, x25519())).unwrap();
    let path = format!("/api/v1/sites/{}/consents", client.site);
    let desk = format!("http://{DESK}");
    for origin in [SHOP, "null", "http://widget.localhost:8081", &desk] {
        let headers = [("origin", origin)];
        let refused = send(relay.port, WIDGET, "POST", &path, &headers, body.clone()).await;
        assert_eq!(refused.refusal(), ErrorCode::OriginRefused, "{origin}");
        let Err(refused) = Socket::open_with(relay.port, WIDGET, origin, "vestibule.v1", "").await
        else {
            panic!("a socket from {origin}");
        };
        assert_eq!(code(&refused), ErrorCode::OriginRefused, "{origin}");
    }
    let none = send(relay.port, WIDGET, "POST", &path, &[], body.clone()).await;
    assert_eq!(none.refusal(), ErrorCode::OriginRefused);
    let own = format!("http://{WIDGET}");
    for protocol in ["", "vestibule.v0"] {
        let Err(refused) = Socket::open_with(relay.port, WIDGET, &own, protocol, "").await else {
            panic!("a socket of protocol {protocol:?}");
        };
        assert_eq!(code(&refused), ErrorCode::UnsupportedVersion);
    }
    // A path of one host is nothing on another, and nothing answers to a strange name.
    assert_eq!(
        post(relay.port, DESK, &path, "", &()).await.refusal(),
        ErrorCode::NotFound
    );
    let strange = get(relay.port, "evil.example", "/launch.js").await;
    assert_eq!(strange.refusal(), ErrorCode::NotFound);
    relay.stop().await;
}

fn code(response: &Response<Option<Vec<u8>>>) -> ErrorCode {
    let body: proto::ErrorBody =
        serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
    assert_eq!(response.status().as_u16(), body.status);
    body.code
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_may_ask_so_often_and_a_forwarding_header_does_not_help() {
    let world = World::with(
        RecordingMode::Required,
        "[limits]\nconsents_per_minute = 2\n",
    )
    .await;
    let relay = world.start().await;
    let client = world.client();
    let path = format!("/api/v1/sites/{}/consents", client.site);
    let own = format!("http://{WIDGET}");
    for (last, expected) in [(1, 201), (2, 201), (3, 429), (4, 429)] {
        let forged = format!("198.51.100.{last}");
        let headers = [("origin", own.as_str()), ("x-forwarded-for", &forged)];
        let body = serde_json::to_vec(&request(client, x25519())).unwrap();
        let answer = send(relay.port, WIDGET, "POST", &path, &headers, body).await;
        assert_eq!(answer.status, expected, "{:?}", answer.body);
        if expected == 429 {
            assert_eq!(answer.refusal(), ErrorCode::RateLimited);
        }
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_configured_proxy_the_last_forwarded_address_counts() {
    let settings = "[limits]\nconsents_per_minute = 1\n[listen.forwarded]\nheader = \"x-forwarded-for\"\nfrom = [\"127.0.0.1\"]\n";
    let world = World::with(RecordingMode::Required, settings).await;
    let relay = world.start().await;
    let client = world.client();
    let path = format!("/api/v1/sites/{}/consents", client.site);
    let own = format!("http://{WIDGET}");
    for (forwarded, expected) in [
        ("198.51.100.1", 201),
        ("203.0.113.9, 198.51.100.1", 429),
        ("198.51.100.1, 203.0.113.9", 201),
    ] {
        let headers = [("origin", own.as_str()), ("x-forwarded-for", forwarded)];
        let body = serde_json::to_vec(&request(client, x25519())).unwrap();
        let answer = send(relay.port, WIDGET, "POST", &path, &headers, body).await;
        assert_eq!(answer.status, expected, "{forwarded}");
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealing_key_that_the_pinned_root_has_not_signed_is_refused() {
    let mut world = World::new().await;
    let store = world.store().await;
    let (root, thief) = (signing_key(&mut rng()), signing_key(&mut rng()));
    world
        .add_client_sealing(&store, "forged", RecordingMode::Optional, root, &thief)
        .await;
    store.close().await;
    let relay = world.start().await;
    let forged = &world.clients[1];
    let mut wanted = request(forged, x25519());
    let refused = agree(relay.port, forged.site, &wanted).await;
    assert_eq!(refused.refusal(), ErrorCode::RecordingUnavailable);
    // What is not recorded needs no key; and the other client is not touched by it.
    wanted.recording = RecordingChoice::Refused;
    assert_eq!(agree(relay.port, forged.site, &wanted).await.status, 201);
    let client = world.client();
    let agreed = agree(relay.port, client.site, &request(client, x25519())).await;
    assert_eq!(agreed.status, 201);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_spools_disk_is_full_new_sessions_are_refused_with_a_reason() {
    let mut world = World::with(RecordingMode::Optional, WIDE).await;
    world.spool_min_free_mib = 1 << 40;
    let relay = world.start().await;
    let client = world.client();
    let mut wanted = request(client, x25519());
    let refused = agree(relay.port, client.site, &wanted).await;
    assert_eq!(refused.refusal(), ErrorCode::RecordingUnavailable);
    wanted.recording = RecordingChoice::Refused;
    assert_eq!(agree(relay.port, client.site, &wanted).await.status, 201);
    let health = get(relay.port, "127.0.0.1", "/healthz").await;
    assert_eq!(health.status, 503);
    let text = String::from_utf8(health.body.to_vec()).unwrap();
    assert!(text.contains("disk is full"), "{text}");
    relay.stop().await;

    world.spool_min_free_mib = 1;
    let relay = world.start().await;
    assert_eq!(get(relay.port, "127.0.0.1", "/healthz").await.status, 200);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_keeps_its_place_among_the_connections() {
    let world = World::new().await;
    let mut config = world.config();
    config.listen.connections = 1;
    let running = relay::app::build(config, Clock::system(), None)
        .await
        .unwrap();
    let port = running.address().port();
    let socket = Socket::open(port, WIDGET, "").await;
    assert_eq!(first_byte(port).await, None, "there was room for a second");
    drop(socket);
    let waited = async {
        while first_byte(port).await.is_none() {
            tokio::time::sleep(core::time::Duration::from_millis(20)).await;
        }
    };
    let patience = core::time::Duration::from_secs(10);
    tokio::time::timeout(patience, waited).await.unwrap();
    assert!(running.stop().await);
}

/// The first byte of an answer; `None` if the connection is closed unread.
async fn first_byte(port: u16) -> Option<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    asked.await.ok()?;
    stream.read_u8().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fills_one_clients_site_keeps_nobody_out_of_anothers() {
    let settings = format!("[session]\nsessions_per_client = 2\n{WIDE}");
    let mut world = World::with(RecordingMode::Required, &settings).await;
    let store = world.store().await;
    world
        .add_client(&store, "other", RecordingMode::Required)
        .await;
    store.close().await;
    let relay = world.start().await;
    let agreed = async |client: usize| {
        let client = &world.clients[client];
        agree(relay.port, client.site, &request(client, x25519())).await
    };
    for _ in 0..2 {
        assert_eq!(agreed(0).await.status, 201);
    }
    assert_eq!(agreed(0).await.refusal(), ErrorCode::Overloaded);
    assert_eq!(agreed(1).await.status, 201);
    relay.stop().await;
}
