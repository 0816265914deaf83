//! Wrong requests: origins, versions, bodies, and too many of them.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use loadtest::door::Door;
use loadtest::participant::{consent, sign_in};
use proto::consent::RecordingChoice;
use proto::desk::{GateView, SignIn};
use proto::notice::Modality;
use proto::{ErrorCode, Hash32, SUBPROTOCOL};
use testkit::house::House;

use super::{Log, MARK, bank, is_well};
use crate::rows::{sessions, settled, unchanged};
use crate::session::client;

/// What a browser sends to open a socket.
fn upgrade<'a>(changed: &[(&'a str, Option<&'a str>)], origin: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![
        ("origin", origin),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", SUBPROTOCOL),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (name, value) in changed {
        headers.retain(|(other, _)| other != name);
        headers.extend(value.map(|value| (*name, value)));
    }
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_opened_for_the_hosts_own_pages_and_this_version_alone() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "sockets_per_minute = 1000\n".to_owned();
    })
    .await?;
    let (widget, desk) = (house.widget(), house.desk());
    let (own, other) = (widget.origin(), desk.origin());
    let shop = house.plan().shop_origin();
    let https = own.replace("http:", "https:");
    let refused = ErrorCode::OriginRefused;
    let version = ErrorCode::UnsupportedVersion;
    let cases: Vec<(&str, Vec<(&str, Option<&str>)>, ErrorCode)> = vec![
        ("no origin", vec![("origin", None)], refused),
        ("the client's page", vec![("origin", Some(&shop))], refused),
        ("the other host", vec![("origin", Some(&other))], refused),
        ("another scheme", vec![("origin", Some(&https))], refused),
        ("a sandboxed frame", vec![("origin", Some("null"))], refused),
        (
            "no subprotocol",
            vec![("sec-websocket-protocol", None)],
            version,
        ),
        (
            "another version",
            vec![("sec-websocket-protocol", Some("vestibule.v2"))],
            version,
        ),
        (
            "an old draft",
            vec![("sec-websocket-version", Some("8"))],
            version,
        ),
        (
            "no upgrade",
            vec![("upgrade", None), ("connection", None)],
            version,
        ),
    ];
    for (what, changed, code) in cases {
        let headers = upgrade(&changed, &own);
        let log = Log::from_here(&house)?;
        let reply = widget
            .begin(Method::GET, "/ws", &headers, Bytes::new())
            .await?;
        ensure!(reply.refusal() == Some(code), "{what}: {}", reply.status);
        log.tells(code).await.context(what)?;
    }
    // What none of this was changed in is let in; at the desk, only who is signed in.
    let good = widget
        .begin(Method::GET, "/ws", &upgrade(&[], &own), Bytes::new())
        .await?;
    ensure!(
        good.status == StatusCode::SWITCHING_PROTOCOLS,
        "{}",
        good.status
    );
    let nobody = desk
        .begin(Method::GET, "/ws", &upgrade(&[], &other), Bytes::new())
        .await?;
    ensure!(
        nobody.refusal() == Some(ErrorCode::SignInRequired),
        "{}",
        nobody.status
    );
    is_well(&house).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_gets_its_word_and_leaves_no_row() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "consents_per_minute = 1000\nsign_ins_per_minute = 1000\n".to_owned();
    })
    .await?;
    let site = bank(&house)?;
    let widget = house.widget();
    let consents = format!("/api/v1/sites/{site}/consents");
    let origin = widget.origin();
    let shop = house.plan().shop_origin();
    let before = settled(&house).await?;
    let large = format!("{{\"{MARK}\":\"{}\"}}", "x".repeat(17 * 1024));
    let cases = [
        ("no origin", None, "{}".to_owned(), ErrorCode::OriginRefused),
        (
            "the client's page",
            Some(&shop),
            "{}".to_owned(),
            ErrorCode::OriginRefused,
        ),
        (
            "no JSON",
            Some(&origin),
            MARK.to_owned(),
            ErrorCode::Malformed,
        ),
        (
            "nothing",
            Some(&origin),
            String::new(),
            ErrorCode::Malformed,
        ),
        (
            "another thing",
            Some(&origin),
            format!("{{\"name\":\"{MARK}\"}}"),
            ErrorCode::Malformed,
        ),
        (
            "a body over the limit",
            Some(&origin),
            large,
            ErrorCode::TooLarge,
        ),
    ];
    for (what, from, body, code) in cases {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(from.map(|from| ("origin", from.as_str())));
        let log = Log::from_here(&house)?;
        let reply = widget
            .send(Method::POST, &consents, &headers, body.into())
            .await?;
        ensure!(reply.refusal() == Some(code), "{what}: {}", reply.status);
        log.tells(code).await.context(what)?;
    }

    let gate: GateView = widget
        .fetch(&format!("/api/v1/sites/{site}/notice"), &[])
        .await?;
    // The clinic's site offers no screens.
    let clinic = client(&house, "harbour")?.site.context("no site")?;
    let clinic_gate: GateView = widget
        .fetch(&format!("/api/v1/sites/{clinic}/notice"), &[])
        .await?;
    let unknown = Hash32::of(MARK.as_bytes());
    let (yes, no) = (RecordingChoice::Acknowledged, RecordingChoice::Refused);
    let chat: &[Modality] = &[Modality::Chat];
    let agreements = [
        (
            "to nothing",
            site,
            gate.notice,
            &[] as &[Modality],
            yes,
            ErrorCode::ConsentMissing,
        ),
        (
            "to what is not offered",
            clinic,
            clinic_gate.notice,
            &[Modality::Chat, Modality::Screen],
            yes,
            ErrorCode::ModalityRefused,
        ),
        (
            "to a notice that is not this one",
            site,
            unknown,
            chat,
            yes,
            ErrorCode::NoticeOutdated,
        ),
        (
            "without the recording that must be",
            site,
            gate.notice,
            chat,
            no,
            ErrorCode::RecordingRequired,
        ),
    ];
    for (what, site, notice, modalities, choice, code) in agreements {
        let log = Log::from_here(&house)?;
        let reply = consent(&widget, site, notice, modalities, choice).await?;
        ensure!(
            reply.refusal() == Some(code),
            "agreeing {what}: {} {:?}",
            reply.status,
            reply.refusal()
        );
        log.tells(code).await.context(what)?;
    }
    for path in [
        "/nowhere",
        "/api/v1/sites/x/notice",
        "/assets/../relay.toml",
        "/assets/%2e%2e/%2e%2e/relay.toml",
        "/frame/",
    ] {
        let reply = widget.send(Method::GET, path, &[], Bytes::new()).await?;
        ensure!(
            reply.refusal() == Some(ErrorCode::NotFound),
            "{path}: {}",
            reply.status
        );
    }
    unchanged(&house, &before).await?;
    wrong_sign_ins(&house).await?;
    // A refused sign-in of somebody who is there stands in their client's log, and nowhere else.
    let after = settled(&house).await?;
    let left: Vec<&String> = after
        .iter()
        .filter(|(table, rows)| before.get(*table) != Some(rows))
        .map(|(table, _)| table)
        .filter(|table| {
            let of_the_log = [" log_entries", " log_subjects", " checkpoints"];
            !of_the_log.iter().any(|end| table.ends_with(end))
        })
        .collect();
    ensure!(left.is_empty(), "what was refused left rows: {left:?}");
    is_well(&house).await?;
    house.stop().await
}

async fn wrong_sign_ins(house: &House) -> Result<()> {
    let bank = client(house, "alpine")?;
    let mia = bank.agents.first().context("an agent")?;
    let vera = bank.officers.first().context("an officer")?;
    let cases = [
        ("a wrong password", "alpine", mia.sign_in.as_str(), MARK),
        ("an unknown name", "alpine", MARK, mia.password.as_str()),
        (
            "an unknown client",
            MARK,
            mia.sign_in.as_str(),
            mia.password.as_str(),
        ),
        (
            "the other client",
            "harbour",
            mia.sign_in.as_str(),
            mia.password.as_str(),
        ),
        (
            "an officer",
            "alpine",
            vera.sign_in.as_str(),
            vera.password.as_str(),
        ),
        ("no password", "alpine", mia.sign_in.as_str(), ""),
    ];
    for (what, client, name, password) in cases {
        let log = Log::from_here(house)?;
        let body = SignIn {
            client: client.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
        };
        let reply = house.desk().post("/api/v1/sign-in", &[], &body).await?;
        ensure!(
            reply.refusal() == Some(ErrorCode::SignInFailed),
            "{what}: {}",
            reply.status
        );
        ensure!(reply.cookie().is_none(), "{what}: a cookie is set");
        log.tells(ErrorCode::SignInFailed).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_asks_too_much_is_slowed_down_and_others_are_not() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "consents_per_minute = 3\nnotices_per_minute = 5\nsockets_per_minute = 3\nsign_ins_per_minute = 3\n".to_owned();
    })
    .await?;
    let site = bank(&house)?;
    let (greedy, other) = ([127, 44, 0, 1].into(), [127, 44, 0, 2].into());
    let widget = house.widget().from(greedy);
    let gate: GateView = widget
        .fetch(&format!("/api/v1/sites/{site}/notice"), &[])
        .await?;
    let agree = async |door: &Door| {
        consent(
            door,
            site,
            gate.notice,
            &[Modality::Chat],
            RecordingChoice::Acknowledged,
        )
        .await
    };
    let log = Log::from_here(&house)?;
    for _ in 0..3 {
        let reply = agree(&widget).await?;
        ensure!(reply.status == StatusCode::CREATED, "{}", reply.status);
    }
    let before = sessions(&house).await?;
    let refused = agree(&widget).await?;
    ensure!(
        refused.refusal() == Some(ErrorCode::RateLimited),
        "{}",
        refused.status
    );
    ensure!(
        refused.headers.contains_key("retry-after"),
        "it does not say when to try again"
    );
    ensure!(
        sessions(&house).await? == before,
        "a refused consent left a session"
    );
    log.tells(ErrorCode::RateLimited).await?;

    let desk = house.desk().from(greedy);
    for _ in 0..3 {
        ensure!(
            sign_in(&desk, "alpine", "nobody", MARK).await.is_err(),
            "nobody signed in"
        );
    }
    let body = SignIn {
        client: "alpine".to_owned(),
        name: "somebody".to_owned(),
        password: MARK.to_owned(),
    };
    let refused = desk.post("/api/v1/sign-in", &[], &body).await?;
    ensure!(
        refused.refusal() == Some(ErrorCode::RateLimited),
        "{}",
        refused.status
    );

    let elsewhere = agree(&house.widget().from(other)).await?;
    ensure!(
        elsewhere.status == StatusCode::CREATED,
        "{}",
        elsewhere.status
    );
    house.stop().await
}
