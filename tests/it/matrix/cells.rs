//! HTTP: each endpoint of the route table, asked by its owner, by nobody, and by the other client.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use loadtest::door::{Door, Reply};
use loadtest::participant::random;
use proto::consent::{ConsentRequest, ReceiptClaim, RecordingChoice};
use proto::desk::{AcceptRequest, SignIn};
use proto::notice::Modality;
use proto::{ErrorCode, Hash32, PublicKey, SiteId};
use relay::http::routes::{About, Host, Needs, ROUTES, Route};

use super::{Side, World};
use crate::rows::{Snapshot, settled, unchanged};

/// What has cells here. Each is filled from the table's own words; a new one is looked at first.
const KNOWN: &[(&str, &str)] = &[
    ("GET", "/healthz"),
    ("GET", "/launch.js"),
    ("GET", "/frame/{site}"),
    ("GET", "/assets/{*path}"),
    ("GET", "/api/v1/sites/{site}/notice"),
    ("GET", "/api/v1/sites/{site}/notices/{hash}"),
    ("POST", "/api/v1/sites/{site}/consents"),
    ("GET", "/ws"),
    ("GET", "/"),
    ("POST", "/api/v1/sign-in"),
    ("POST", "/api/v1/sign-out"),
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/queue"),
    ("POST", "/api/v1/sessions/{session}/accept"),
    ("GET", "/api/v1/sessions"),
];

const SIGN_OUT: &str = "/api/v1/sign-out";

/// One request and who makes it.
struct Ask {
    who: &'static str,
    path: String,
    cookie: Option<String>,
    /// From a page of this origin, if not from the host's own.
    from: Option<String>,
    body: Option<Vec<u8>>,
    /// `None`: it succeeds.
    refused: Option<ErrorCode>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_serves_its_owner_and_refuses_everyone_else() -> Result<()> {
    let mut world = World::start().await?;
    let mut cells = 0;
    // Refusals first: an owner's success may use something up.
    let before = settled(&world.house).await?;
    for route in ROUTES {
        ensure!(
            KNOWN.contains(&(route.method, route.path)),
            "{route:?} is new: say here whose it is, and who is refused"
        );
        let mut asks = foreign(route, &world.bank, &world.clinic)?;
        // What writes, and what stays open, is for the host's own pages.
        if route.method == "POST" || route.path == "/ws" {
            asks.push(Ask {
                who: "its owner, from another page",
                from: Some(world.house.plan().shop_origin()),
                refused: Some(ErrorCode::OriginRefused),
                ..own(route, &world.bank)?
            });
        }
        for ask in asks {
            cells += 1;
            cell(&world, route, &ask, &before).await?;
        }
        elsewhere(&world, route, &before).await?;
    }
    // What reads, what writes, and the sign-out at last.
    let mut routes: Vec<&Route> = ROUTES.iter().collect();
    routes.sort_by_key(|route| (route.method == "POST", route.path == SIGN_OUT));
    for route in routes {
        cells += 1;
        cell(&world, route, &own(route, &world.bank)?, &before).await?;
    }
    let me = world
        .house
        .desk()
        .send(
            Method::GET,
            "/api/v1/me",
            &[("cookie", &world.bank.cookie)],
            Bytes::new(),
        )
        .await?;
    ensure!(
        me.refusal() == Some(ErrorCode::SignInRequired),
        "whoever signed out is still signed in: {}",
        me.status
    );
    ensure!(
        cells > 2 * ROUTES.len(),
        "only {cells} cells for {} routes",
        ROUTES.len()
    );
    world.house.stop().await
}

async fn cell(world: &World, route: &Route, ask: &Ask, before: &Snapshot) -> Result<()> {
    let reply = send(world, route, ask).await?;
    let what = format!(
        "{route:?}, {}: {} {:?}",
        ask.who,
        reply.status,
        reply.refusal()
    );
    match ask.refused {
        None => ensure!(
            reply.status.is_success() || reply.status == StatusCode::SWITCHING_PROTOCOLS,
            "the owner was refused: {what}"
        ),
        Some(code) => {
            ensure!(reply.refusal() == Some(code), "{code} was due: {what}");
            ensure!(
                reply.status.as_u16() == code.status(),
                "the status does not fit: {what}"
            );
            unchanged(&world.house, before).await.context(what)?;
        }
    }
    Ok(())
}

/// The same path on the other host is nobody's.
async fn elsewhere(world: &World, route: &Route, before: &Snapshot) -> Result<()> {
    let wrong = match route.host {
        Host::Widget => world.house.desk(),
        Host::Desk => world.house.widget(),
        Host::Any => return Ok(()),
    };
    let served_there = ROUTES
        .iter()
        .any(|other| other.path == route.path && other.host != route.host);
    if served_there {
        return Ok(());
    }
    let reply = ask_at(&wrong, route, &own(route, &world.bank)?).await?;
    ensure!(
        reply.refusal() == Some(ErrorCode::NotFound),
        "{route:?} is served on the other host too: {}",
        reply.status
    );
    unchanged(&world.house, before)
        .await
        .with_context(|| format!("{route:?} on the other host"))
}

async fn send(world: &World, route: &Route, ask: &Ask) -> Result<Reply> {
    let door = match route.host {
        Host::Widget | Host::Any => world.house.widget(),
        Host::Desk => world.house.desk(),
    };
    ask_at(&door, route, ask).await
}

async fn ask_at(door: &Door, route: &Route, ask: &Ask) -> Result<Reply> {
    let own = door.origin();
    let mut headers = vec![("origin", ask.from.as_deref().unwrap_or(&own))];
    if route.path == "/ws" {
        headers.extend([
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", proto::SUBPROTOCOL),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
    }
    if let Some(cookie) = &ask.cookie {
        headers.push(("cookie", cookie));
    }
    if ask.body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = Bytes::from(ask.body.clone().unwrap_or_default());
    let method = Method::from_bytes(route.method.as_bytes())?;
    // A stream and a socket never end: what counts is how they begin.
    if route.path == "/api/v1/queue" || route.path == "/ws" {
        return door.begin(method, &ask.path, &headers, body).await;
    }
    door.send(method, &ask.path, &headers, body).await
}

/// What the owner asks, and gets.
fn own(route: &Route, side: &Side) -> Result<Ask> {
    let cookie = match route.needs {
        Needs::Agent => Some(side.cookie.clone()),
        Needs::Token if route.host == Host::Desk => Some(side.cookie.clone()),
        Needs::Nobody | Needs::Token => None,
    };
    Ok(Ask {
        who: "its owner",
        path: path(route, side.site, &side.waiting.to_string(), side.notice)?,
        cookie,
        from: None,
        body: body(route, side, side.notice)?,
        refused: None,
    })
}

/// What nobody, and what the other client, asks and does not get.
fn foreign(route: &Route, side: &Side, other: &Side) -> Result<Vec<Ask>> {
    let at = |site, notice| path(route, site, &side.waiting.to_string(), notice);
    let mut asks = Vec::new();
    let mut refuse = |who, path, cookie: Option<&str>, body, code| {
        asks.push(Ask {
            who,
            path,
            cookie: cookie.map(str::to_owned),
            from: None,
            body,
            refused: Some(code),
        });
    };
    let own_body = || body(route, side, side.notice);
    if route.needs == Needs::Agent || (route.needs == Needs::Token && route.host == Host::Desk) {
        let signed_out = ErrorCode::SignInRequired;
        let own_path = at(side.site, side.notice)?;
        refuse("nobody", own_path.clone(), None, own_body()?, signed_out);
        for (who, cookie) in side.crossed(other) {
            refuse(
                who,
                own_path.clone(),
                Some(&cookie),
                own_body()?,
                signed_out,
            );
        }
    }
    match (route.about, route.needs) {
        (About::Session, Needs::Agent) => {
            let Some(code) = route.refusal else {
                bail!("{route:?} says of no session that it is not yours")
            };
            let own_path = at(side.site, side.notice)?;
            refuse(
                "the other client's agent",
                own_path,
                Some(&other.cookie),
                own_body()?,
                code,
            );
            let nowhere = path(route, side.site, &random_id()?, side.notice)?;
            refuse(
                "its owner, for no session",
                nowhere,
                Some(&side.cookie),
                own_body()?,
                code,
            );
        }
        (About::Site, _) => {
            let Some(code) = route.refusal else {
                bail!("{route:?} says of no site that it is not there")
            };
            let nowhere: SiteId = random_id()?.parse()?;
            refuse(
                "anyone, for no site",
                at(nowhere, side.notice)?,
                None,
                own_body()?,
                code,
            );
            if route.path.contains("{hash}") {
                let foreign_notice = at(side.site, other.notice)?;
                refuse(
                    "anyone, for the other's notice",
                    foreign_notice,
                    None,
                    None,
                    code,
                );
            }
            if route.path.ends_with("/consents") {
                let outdated = body(route, side, other.notice)?;
                let own_path = at(side.site, side.notice)?;
                refuse(
                    "anyone, with the other's notice",
                    own_path,
                    None,
                    outdated,
                    ErrorCode::NoticeOutdated,
                );
            }
        }
        (About::Nothing, _) if route.path.contains('*') => {
            let path = route.path.replace("{*path}", "desk/../../Cargo.toml");
            refuse(
                "anyone, for what is no asset",
                path,
                None,
                None,
                ErrorCode::NotFound,
            );
        }
        (About::Nothing, _) if route.path.ends_with("/sign-in") => {
            let stolen = SignIn {
                client: other.slug.clone(),
                name: side.name.clone(),
                password: side.password.clone(),
            };
            let body = Some(serde_json::to_vec(&stolen)?);
            refuse(
                "its agent, at the other client",
                route.path.to_owned(),
                None,
                body,
                ErrorCode::SignInFailed,
            );
        }
        _ => {}
    }
    Ok(asks)
}

fn path(route: &Route, site: SiteId, session: &str, notice: Hash32) -> Result<String> {
    let asset = match route.host {
        Host::Widget => "widget/main.js",
        Host::Desk | Host::Any => "desk/main.js",
    };
    let path = route
        .path
        .replace("{site}", &site.to_string())
        .replace("{session}", session)
        .replace("{hash}", &notice.to_string())
        .replace("{*path}", asset);
    ensure!(
        !path.contains('{'),
        "{route:?} names something that this test does not know"
    );
    Ok(path)
}

fn body(route: &Route, side: &Side, notice: Hash32) -> Result<Option<Vec<u8>>> {
    let body = match route.path {
        "/api/v1/sites/{site}/consents" => serde_json::to_vec(&ConsentRequest {
            notice,
            modalities: vec![Modality::Chat],
            recording: RecordingChoice::Acknowledged,
            participant_key: PublicKey(random()?),
            receipt: ReceiptClaim {
                lookup: random::<16>()?.to_vec(),
                proof_hash: Hash32(random()?),
                public_key: PublicKey(random()?),
            },
        })?,
        "/api/v1/sign-in" => serde_json::to_vec(&SignIn {
            client: side.slug.clone(),
            name: side.name.clone(),
            password: side.password.clone(),
        })?,
        "/api/v1/sessions/{session}/accept" => serde_json::to_vec(&AcceptRequest {
            participant_key: PublicKey(random()?),
            recording: RecordingChoice::Acknowledged,
        })?,
        _ if route.method == "GET" || route.path == SIGN_OUT => return Ok(None),
        other => bail!("this test knows no body for {other}"),
    };
    Ok(Some(body))
}

fn random_id() -> Result<String> {
    Ok(SiteId::from_bytes(random()?).to_string())
}
