//! The officers' pages: each of the console's routes, asked by nobody, by an agent, by the other
//! client's officer, from another page, and by their owner.
//!
//! The routes are read from where the console's router is built: a new one without a cell fails.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use loadtest::door::Reply;
use proto::wire::{ClientMessage, ServerMessage};

use super::{World, console_cookie};
use crate::rows::{settled, unchanged};
use crate::session::client;

const ROUTER: &str = include_str!("../../../recorder/src/console/mod.rs");

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Nobody's: signing in, style sheets.
    Anyone,
    /// Whoever is signed in, and their own client.
    Own,
    /// A recording, by its id.
    Recording,
    /// A case, by its id.
    Case,
}

fn about(path: &str) -> Result<About> {
    Ok(match path {
        "/sign-in" | "/sign-out" | "/assets/tokens.css" | "/assets/console.css" => About::Anyone,
        "/" | "/cases" | "/cases/new" | "/log" | "/keys" => About::Own,
        "/recordings/{id}" => About::Recording,
        "/cases/{id}" | "/cases/{id}/approve" | "/cases/{id}/bundle" | "/cases/{id}/close" => {
            About::Case
        }
        new => bail!("the console's route {new} is new: say here whose it is"),
    })
}

/// Method and path of each route.
fn routes() -> Result<Vec<(Method, &'static str)>> {
    let mut routes = Vec::new();
    for line in ROUTER.split(".route(").skip(1) {
        let mut quoted = line.split('"');
        let path = quoted.nth(1).context("a route has a path")?;
        let handlers = quoted.next().context("a route has a handler")?;
        let handlers = handlers.split('\n').next().unwrap_or_default();
        if handlers.contains("get(") {
            routes.push((Method::GET, path));
        }
        if handlers.contains("post(") {
            routes.push((Method::POST, path));
        }
    }
    ensure!(
        routes.len() > 10,
        "the console's router reads otherwise now: {routes:?}"
    );
    Ok(routes)
}

fn signed_out(reply: &Reply) -> bool {
    let to = reply.headers.get(header::LOCATION);
    reply.status == StatusCode::SEE_OTHER && to.is_some_and(|to| to == "/sign-in")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_of_the_console_is_its_own_clients_alone() -> Result<()> {
    let mut world = World::start().await?;
    let house = &world.house;
    let (_, mut agent) = world.bank.room(house).await?;
    agent.send(&ClientMessage::End {}).await?;
    agent
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;
    let (bank, clinic) = (client(house, "alpine")?, client(house, "harbour")?);
    let recording = ended(house).await?;
    let opened = house
        .recorder_says(
            &[
                "case",
                "open",
                "alpine",
                "--authority",
                "Court",
                "--reference",
                "1",
                "--basis",
                "Order",
                "--recording",
                &recording,
            ],
            "",
        )
        .await?;
    let case = opened
        .lines()
        .last()
        .context("a case has an id")?
        .trim()
        .to_owned();

    let own = console_cookie(house, bank).await?;
    let other = console_cookie(house, clinic).await?;
    let (_, token) = other.split_once('.').context("a token")?;
    let (tenant, _) = own.split_once('.').context("a tenant")?;
    let crossed = format!("{tenant}.{token}");
    let agents = world.bank.cookie.replace("__Host-desk", "__Host-console");
    let console = house.console();
    let origin = console.origin();
    let desk = house.desk().origin();
    for (method, route) in routes()? {
        let about = about(route)?;
        let id = if about == About::Recording {
            &recording
        } else {
            &case
        };
        let path = route.replace("{id}", id);
        let ask = async |cookie: Option<&str>, from: &str| {
            let mut headers = vec![
                ("origin", from),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            headers.extend(cookie.map(|cookie| ("cookie", cookie)));
            console
                .send(method.clone(), &path, &headers, Bytes::new())
                .await
        };
        let before = settled(house).await?;
        if about != About::Anyone {
            let nobodies = [None, Some(crossed.as_str()), Some(agents.as_str())];
            for (who, cookie) in ["nobody", "the other's token", "an agent"]
                .into_iter()
                .zip(nobodies)
            {
                let reply = ask(cookie, &origin).await?;
                ensure!(
                    signed_out(&reply),
                    "{method} {route}, {who}: {}",
                    reply.status
                );
            }
        }
        if matches!(about, About::Recording | About::Case) {
            let reply = ask(Some(&other), &origin).await?;
            // A form that cannot be read is refused before it is asked whose it is about.
            let refused = reply.status == StatusCode::NOT_FOUND
                || (method == Method::POST && reply.status == StatusCode::UNPROCESSABLE_ENTITY);
            ensure!(
                refused,
                "{method} {route}, the other's officer: {}",
                reply.status
            );
            let words = String::from_utf8_lossy(&reply.body).into_owned();
            ensure!(
                !words.contains(&recording),
                "{method} {route} tells the other client of it"
            );
        }
        if about == About::Own && method == Method::GET {
            let reply = ask(Some(&other), &origin).await?;
            let words = String::from_utf8_lossy(&reply.body).into_owned();
            let silent = !words.contains(&recording) && !words.contains(&case);
            ensure!(silent, "{route} shows the other client what is not theirs");
        }
        if method == Method::POST {
            let reply = ask(Some(&own), &desk).await?;
            ensure!(
                reply.status == StatusCode::FORBIDDEN,
                "{method} {route} from another page: {}",
                reply.status
            );
        }
        unchanged(house, &before)
            .await
            .with_context(|| format!("{method} {route}"))?;
        if method == Method::GET {
            let reply = ask(Some(&own), &origin).await?;
            ensure!(
                reply.status.is_success(),
                "{method} {route}, its owner: {}",
                reply.status
            );
        }
    }
    world.house.stop().await
}

/// The bank's one recording that has ended, once it is in the vault: others still wait.
pub(crate) async fn ended(house: &testkit::house::House) -> Result<String> {
    for _ in 0..100 {
        let list = house
            .recorder_says(&["list", "alpine", "--json"], "")
            .await?;
        for line in list.lines().filter(|line| line.starts_with('{')) {
            let row: serde_json::Value = serde_json::from_str(line)?;
            let kept = row.get("ended").is_some_and(serde_json::Value::is_i64);
            if let (true, Some(id)) = (kept, row.get("recording").and_then(|id| id.as_str())) {
                return Ok(id.to_owned());
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    bail!("the ended recording does not come into the vault")
}
