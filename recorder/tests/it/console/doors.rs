//! Who comes in, and how: signing in and out, forms of other origins, limits.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use proto::Millis;
use recorder::config::Forwarded;
use recorder::console::listener::Peer;
use recorder::{Recorder, console};

use super::{ORIGIN, Visit, one_session};
use crate::house::clock;

#[tokio::test]
async fn without_a_sign_in_every_page_leads_to_the_sign_in_and_every_form_does_nothing() {
    let (house, talk, router) = one_session().await;
    let case = house.case(&[talk.recording]).await;
    let mut nobody = Visit::to(router.clone());
    for cookie in [
        None,
        Some("__Host-console=x"),
        Some(
            "__Host-console=00000000-0000-4000-8000-000000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ),
    ] {
        nobody.cookie = cookie.map(str::to_owned);
        for address in [
            "/",
            "/cases",
            "/cases/new",
            "/log",
            "/keys",
            &format!("/cases/{case}"),
            &format!("/recordings/{}", talk.recording),
        ] {
            let seen = nobody.get(address).await;
            assert_eq!(
                (seen.status, seen.location.as_str()),
                (StatusCode::SEE_OTHER, "/sign-in"),
                "{address}"
            );
        }
        for address in [
            "/cases",
            &format!("/cases/{case}/approve"),
            &format!("/cases/{case}/bundle"),
            &format!("/cases/{case}/close"),
        ] {
            let seen = nobody.post(address, "").await;
            assert_eq!(
                (seen.status, seen.location.as_str()),
                (StatusCode::SEE_OTHER, "/sign-in"),
                "{address}"
            );
        }
    }
    assert!(
        house
            .tenant
            .case(case)
            .await
            .unwrap()
            .unwrap()
            .closed
            .is_none()
    );
}

#[tokio::test]
async fn an_agent_a_wrong_password_and_a_wrong_client_are_refused_alike() {
    let (_house, _, router) = one_session().await;
    let mut visit = Visit::to(router.clone());
    let mut texts = Vec::new();
    for (client, name, password) in [
        ("alpine", "ines", "wrong"),
        ("alpine", "nobody", "the password of ines"),
        ("harbour", "ines", "the password of ines"),
        ("alpine", "mia", "the password of mia"),
    ] {
        let seen = visit.sign_in(client, name, password).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
        assert!(visit.cookie.is_none());
        let written = |what: &str| format!("value=\"{what}\"");
        texts.push(
            seen.text
                .replace(&written(client), "")
                .replace(&written(name), ""),
        );
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn sign_ins_are_limited_alike_for_names_that_are_there_and_names_that_are_not() {
    let (house, _, _) = one_session().await;
    let recorder = Recorder::open(house.recorder.config.clone(), clock(&house.time));
    let recorder = Arc::new(recorder.await.unwrap());
    let mut visit = Visit::to(console::router(recorder.clone()));

    // Somebody's attempt takes its time; an approval's turn is another one, and free.
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let (started, begun) = tokio::sync::oneshot::channel();
    let at_work = recorder.clone();
    let slow = tokio::spawn(async move {
        let work = move || {
            started.send(()).unwrap();
            wait.recv()
        };
        at_work.sign_in_queue.run(work).await
    });
    begun.await.unwrap();
    let crowded = visit
        .sign_in("alpine", "ines", "the password of ines")
        .await;
    assert_eq!(crowded.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(crowded.text.contains("Too many people are signing in"));
    assert!(recorder.one_at_a_time.run(|| true).await.unwrap());
    drop(let_go);
    assert!(slow.await.unwrap().is_ok());

    // One name, from wherever.
    let mut texts = Vec::new();
    for name in ["ines", "nobody"] {
        let who = format!("alpine\n{name}");
        let rng = &mut recorder::entropy::system();
        let now = recorder.now();
        while recorder.sign_ins.take(None, &who, now, rng).is_ok() {}
        let password = format!("the password of {name}");
        let seen = visit.sign_in("alpine", name, &password).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
        texts.push(seen.text.replace(&format!("value=\"{name}\""), ""));
    }
    assert_eq!(texts[0], texts[1]);
    Visit::signed_in(&visit.router, "omar").await;
    house.advance(60_000);
    Visit::signed_in(&visit.router, "ines").await;
}

#[tokio::test]
async fn behind_a_configured_proxy_the_last_forwarded_address_has_the_allowance() {
    let (house, _, _) = one_session().await;
    // No configuration, and another header: whatever is forwarded, the socket's address counts.
    let used_up = "10.0.0.2";
    for forwarded in [None, Some("x-real-ip"), Some("x-forwarded-for")] {
        let mut config = house.recorder.config.clone();
        config.console.forwarded = forwarded.map(|header| Forwarded {
            header: header.to_owned(),
            from: vec![used_up.parse().unwrap()],
        });
        let recorder = Recorder::open(config, clock(&house.time)).await.unwrap();
        let recorder = Arc::new(recorder);
        let now = recorder.now();
        use_up(&recorder, used_up, now);
        use_up(&recorder, "192.0.2.1", now);
        let router = console::router(recorder);
        let refused = StatusCode::TOO_MANY_REQUESTS;
        let proxied = if forwarded == Some("x-forwarded-for") {
            StatusCode::UNAUTHORIZED
        } else {
            refused
        };
        for (peer, said, expected) in [
            (used_up, "192.0.2.7", proxied),
            ("::ffff:10.0.0.2", "192.0.2.1, 192.0.2.8", proxied),
            (used_up, "192.0.2.9, 192.0.2.1", refused),
            // What is no address is not believed.
            (used_up, "192.0.2.9, somebody", refused),
            // Nor is anybody who is not the proxy.
            ("192.0.2.1", "192.0.2.10", refused),
            ("192.0.2.11", "192.0.2.1", StatusCode::UNAUTHORIZED),
        ] {
            let request = Request::post("/sign-in")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, super::ORIGIN)
                .header("x-forwarded-for", said)
                .extension(Peer(peer.parse().unwrap()))
                .body(Body::from("client=alpine&name=nobody&password=wrong"));
            let seen = Visit::to(router.clone()).go(request).await;
            assert_eq!(seen.status, expected, "{forwarded:?} {peer} {said}");
        }
    }
}

/// Nothing is left of an address's allowance.
fn use_up(recorder: &Recorder, address: &str, now: Millis) {
    let rng = &mut recorder::entropy::system();
    let address = address.parse().ok();
    for n in 0.. {
        let name = format!("alpine\nname {n}");
        if recorder.sign_ins.take(address, &name, now, rng).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_form_from_another_origin_is_refused_before_anything_is_read() {
    let (house, talk, router) = one_session().await;
    let case = house.case(&[talk.recording]).await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    for origin in [
        None,
        Some("null"),
        Some("http://shop.localhost:8082"),
        Some("http://console.localhost:8082"),
    ] {
        let seen = ines
            .post_from(origin, &format!("/cases/{case}/close"), "")
            .await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert!(
        house
            .tenant
            .case(case)
            .await
            .unwrap()
            .unwrap()
            .closed
            .is_none()
    );
}

#[tokio::test]
async fn under_another_host_name_the_console_names_its_own_address_and_takes_no_form() {
    let (_house, _, router) = one_session().await;
    let mut visit = Visit::to(router);
    let own = "console.localhost:8081";
    for host in ["localhost:8081", "127.0.0.1:8081", "console.localhost"] {
        for request in [
            Request::get("/sign-in"),
            Request::get("/log?from=1"),
            Request::post("/sign-in").header(header::ORIGIN, ORIGIN),
        ] {
            let request = request.header(header::HOST, host).body(Body::empty());
            let seen = visit.go(request).await;
            assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
            assert!(seen.text.contains(&format!("href=\"{ORIGIN}\"")), "{host}");
            assert!(!seen.text.contains("<form"), "{host}");
        }
        let style = Request::get("/assets/console.css").header(header::HOST, host);
        let (style, _) = visit.raw(style.body(Body::empty()).unwrap()).await;
        assert_eq!(style.status(), StatusCode::OK, "{host}");
    }
    for host in [own, "Console.Localhost:8081"] {
        let request = Request::get("/sign-in").header(header::HOST, host);
        let seen = visit.go(request.body(Body::empty())).await;
        assert_eq!(seen.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_for_every_copy_of_the_cookie() {
    let (_house, _, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let mut copy = Visit {
        router,
        cookie: ines.cookie.clone(),
    };
    assert_eq!(ines.post("/sign-out", "").await.location, "/sign-in");
    assert_eq!(copy.get("/").await.location, "/sign-in");
}
