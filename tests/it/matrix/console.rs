//! The officers' pages: each of the console's routes, asked by nobody, by an agent, by the other
//! client's officer, from another page, and at last by their owner.
//!
//! The routes are read from where the console's router is built: a new one without a cell, and a
//! form without its fields, fails.

use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use http::{Method, StatusCode, header};
use loadtest::door::{Door, Reply};
use proto::wire::{ClientMessage, ServerMessage};
use testkit::house::House;

use super::World;
use crate::officer::{Officer, ask};
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

/// What plays an opened recording, and what it plays: there once it is opened.
const PLAYER: &str = "/cases/{id}/play/{recording}";
const PLAYED: &str = "/cases/{id}/play/{recording}/{file}";

/// The forms, in an order in which their owner can send them.
const FORMS: &[&str] = &[
    "/sign-in",
    "/cases",
    "/cases/{id}/approve",
    "/cases/{id}/bundle",
    "/cases/{id}/play",
    PLAYER,
    "/cases/{id}/close",
    "/sign-out",
];

fn about(path: &str) -> Result<About> {
    Ok(match path {
        "/sign-in"
        | "/sign-out"
        | "/assets/tokens.css"
        | "/assets/console.css"
        | "/assets/play.js" => About::Anyone,
        "/" | "/cases" | "/cases/new" | "/log" | "/keys" => About::Own,
        "/recordings/{id}" => About::Recording,
        "/cases/{id}"
        | "/cases/{id}/approve"
        | "/cases/{id}/bundle"
        | "/cases/{id}/play"
        | PLAYER
        | PLAYED
        | "/cases/{id}/close" => About::Case,
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

/// Whose cookie, and from which page, if not the console's own.
fn headers<'a>(cookie: Option<&'a str>, from: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let cookie = cookie.map(|cookie| ("cookie", cookie));
    cookie
        .into_iter()
        .chain(from.map(|from| ("origin", from)))
        .collect()
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// To sign in first.
    SignIn,
    /// This status.
    Status(StatusCode),
    /// A page, which holds nothing of the client whose officer did not ask.
    Silence,
}

/// One request that is refused.
struct Refusal {
    who: &'static str,
    cookie: Option<String>,
    from: Option<String>,
    form: String,
    due: Due,
}

/// The bank, whose pages are asked for, and the clinic, whose officer is not shown them.
struct Sides {
    console: Door,
    desk: String,
    recording: String,
    case: String,
    /// What the player says that it shows.
    opening: OnceLock<String>,
    vera: Officer,
    otto: Officer,
    ruth: Officer,
    /// Cookies that are no officer's of the bank: who, and what they show.
    impostors: Vec<(&'static str, String)>,
}

impl Sides {
    async fn of(world: &World) -> Result<Self> {
        let house = &world.house;
        // Signing in is counted by address, and others sign in here too.
        let console = house.console().from([127, 0, 0, 9].into());
        let (bank, clinic) = (client(house, "alpine")?, client(house, "harbour")?);
        let [vera, otto] = bank.officers.as_slice() else {
            bail!("the bank has two officers")
        };
        let ruth = clinic.officers.first().context("the clinic has officers")?;
        let (vera, otto, ruth) = (
            Officer::sign_in(&console, bank, vera, &[]).await?,
            Officer::sign_in(&console, bank, otto, &[]).await?,
            Officer::sign_in(&console, clinic, ruth, &[]).await?,
        );
        let recording = ended(house).await?;
        let case = case(house, &recording).await?;
        let (tenant, _) = vera.cookie.split_once('.').context("a tenant")?;
        let (_, foreign) = ruth.cookie.split_once('.').context("a token")?;
        let mut impostors = vec![(
            "the other's token with this one's name",
            format!("{tenant}.{foreign}"),
        )];
        for (who, cookie) in [("an agent", &world.bank.cookie)]
            .into_iter()
            .chain(
                world
                    .bank
                    .impostors
                    .iter()
                    .map(|(who, cookie)| (*who, cookie)),
            )
            // That one is an officer's here.
            .filter(|(who, _)| *who != "an officer's cookie")
        {
            impostors.push((who, cookie.replace("__Host-desk", "__Host-console")));
        }
        Ok(Self {
            console,
            desk: house.desk().origin(),
            recording,
            case,
            opening: OnceLock::new(),
            vera,
            otto,
            ruth,
            impostors,
        })
    }

    /// A route's path, about what is the bank's.
    fn path(&self, route: &str) -> Result<String> {
        Ok(match about(route)? {
            About::Recording => route.replace("{id}", &self.recording),
            About::Case => route
                .replace("{id}", &self.case)
                .replace("{recording}", &self.recording)
                .replace("{file}", "call.webm"),
            About::Own if route == "/cases/new" => format!("{route}?recording={}", self.recording),
            About::Own | About::Anyone => route.to_owned(),
        })
    }

    /// Whoever does not get this.
    fn refusals(&self, method: &Method, route: &str) -> Result<Vec<Refusal>> {
        let about = about(route)?;
        let form = |officer: &Officer| match *method {
            Method::POST => officer.form(route, &self.recording),
            _ => Ok(String::new()),
        };
        let mut refusals = Vec::new();
        let mut refuse = |who, cookie: Option<&str>, form, due| {
            refusals.push(Refusal {
                who,
                cookie: cookie.map(str::to_owned),
                from: None,
                form,
                due,
            });
        };
        // Whose sign-out it is not, nobody signs out: what is due is what anyone gets.
        if about != About::Anyone || route == "/sign-out" {
            refuse("nobody", None, form(&self.vera)?, Due::SignIn);
            for (who, cookie) in &self.impostors {
                refuse(who, Some(cookie), form(&self.vera)?, Due::SignIn);
            }
        }
        let other = Some(self.ruth.cookie.as_str());
        let foreign = match (about, method, route) {
            (About::Anyone, ..) => None,
            (About::Own, _, "/cases/new") | (About::Recording | About::Case, ..) => {
                Some(Due::Status(StatusCode::NOT_FOUND))
            }
            (About::Own, &Method::POST, _) => Some(Due::Status(StatusCode::NOT_FOUND)),
            (About::Own, ..) => Some(Due::Silence),
        };
        if let Some(due) = foreign {
            refuse("the other's officer", other, form(&self.ruth)?, due);
        }
        if route == "/sign-in" && method == Method::POST {
            let unknown = Due::Status(StatusCode::UNAUTHORIZED);
            let own = form(&self.vera)?;
            let elsewhere = own.replace(&self.vera.client, &self.ruth.client);
            refuse("an officer, at the other client", None, elsewhere, unknown);
            let wrong = own.replace(&self.vera.person.password, &self.ruth.person.password);
            refuse("with the other's password", None, wrong, unknown);
        }
        if method == Method::POST {
            refusals.push(Refusal {
                who: "from another page",
                cookie: Some(self.vera.cookie.clone()),
                from: Some(self.desk.clone()),
                form: form(&self.vera)?,
                due: Due::Status(StatusCode::FORBIDDEN),
            });
        }
        Ok(refusals)
    }

    /// Whether a page holds anything of the bank's.
    fn tells(&self, page: &Reply) -> bool {
        let words = String::from_utf8_lossy(&page.body);
        let own = [&self.recording, &self.case, &self.vera.person.name];
        own.into_iter().any(|own| words.contains(own.as_str()))
    }

    async fn refused(&self, method: &Method, route: &str, refusal: &Refusal) -> Result<()> {
        let path = self.path(route)?;
        let (cookie, from) = (refusal.cookie.as_deref(), refusal.from.as_deref());
        let reply = ask(
            &self.console,
            method,
            &path,
            &headers(cookie, from),
            &refusal.form,
        )
        .await?;
        let to = reply.headers.get(header::LOCATION);
        let fits = match refusal.due {
            Due::SignIn => {
                reply.status == StatusCode::SEE_OTHER && to.is_some_and(|to| to == "/sign-in")
            }
            Due::Status(status) => reply.status == status,
            Due::Silence => reply.status == StatusCode::OK,
        };
        ensure!(fits, "{:?} was due: {}", refusal.due, reply.status);
        // A cookie of its own would let them in.
        let let_in = reply.cookie().is_some_and(|cookie| cookie.contains('.'));
        ensure!(!let_in, "it signs them in");
        ensure!(!self.tells(&reply), "it tells what is the bank's");
        Ok(())
    }

    async fn vera_asks(&self, route: &str) -> Result<Reply> {
        let own = Some(self.vera.cookie.as_str());
        let path = self.path(route)?;
        ask(&self.console, &Method::GET, &path, &headers(own, None), "").await
    }

    /// The owner gets the page, and it is theirs.
    async fn shown(&self, route: &str) -> Result<()> {
        if [PLAYER, PLAYED].contains(&route) {
            // Not before it is opened.
            return Ok(());
        }
        let reply = self.vera_asks(route).await?;
        ensure!(reply.status == StatusCode::OK, "{}", reply.status);
        ensure!(
            about(route)? == About::Anyone || self.tells(&reply),
            "the owner's page is empty"
        );
        Ok(())
    }

    /// The owner sends the form, and what it is for happens.
    async fn done(&self, route: &str) -> Result<()> {
        let officers: &[&Officer] = match route {
            "/cases/{id}/approve" => &[&self.vera, &self.otto],
            _ => &[&self.vera],
        };
        let path = self.path(route)?;
        for officer in officers {
            let form = match self.opening.get() {
                Some(opening) if route == PLAYER => format!("opening={opening}"),
                _ => officer.form(route, &self.recording)?,
            };
            let cookie = (route != "/sign-in").then_some(officer.cookie.as_str());
            let reply = ask(
                &self.console,
                &Method::POST,
                &path,
                &headers(cookie, None),
                &form,
            )
            .await?;
            let due = match route {
                "/cases/{id}/bundle" => StatusCode::OK,
                PLAYER => StatusCode::NO_CONTENT,
                _ => StatusCode::SEE_OTHER,
            };
            ensure!(reply.status == due, "{}", reply.status);
            let to = reply.headers.get(header::LOCATION);
            let to = to.map(|to| to.to_str()).transpose()?;
            match route {
                "/sign-in" => ensure!(
                    to == Some("/") && reply.cookie().is_some_and(|cookie| cookie.contains('.')),
                    "nobody is signed in"
                ),
                "/cases" => ensure!(
                    to.is_some_and(|to| to.starts_with("/cases/") && !to.contains(&self.case)),
                    "no case was opened: {to:?}"
                ),
                "/cases/{id}/bundle" => {
                    let names = memchr::memmem::find(&reply.body, self.recording.as_bytes());
                    ensure!(names.is_some(), "no bundle was handed out");
                }
                "/cases/{id}/play" => {
                    let player = self.vera_asks(PLAYER).await?;
                    ensure!(player.status == StatusCode::OK, "{}", player.status);
                    ensure!(self.tells(&player), "the player is empty");
                    let words = String::from_utf8_lossy(&player.body);
                    let says = words.split("data-opening=\"").nth(1);
                    let says = says.and_then(|rest| rest.split('"').next());
                    let opening = says.context("it says which opening it shows")?;
                    self.opening.get_or_init(|| opening.to_owned());
                    // It was a chat: there is nothing to hear.
                    let sound = self.vera_asks(PLAYED).await?;
                    ensure!(sound.status == StatusCode::NOT_FOUND, "{}", sound.status);
                }
                PLAYER => {
                    let player = self.vera_asks(PLAYER).await?;
                    ensure!(
                        player.status == StatusCode::SEE_OTHER,
                        "left, and still there"
                    );
                }
                "/sign-out" => {
                    let page =
                        ask(&self.console, &Method::GET, "/", &headers(cookie, None), "").await?;
                    ensure!(page.status == StatusCode::SEE_OTHER, "still signed in");
                }
                _ => ensure!(to.is_some_and(|to| to.contains(&self.case)), "{to:?}"),
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_of_the_console_is_its_own_clients_alone() -> Result<()> {
    let mut world = World::start().await?;
    let (_, mut agent) = world.bank.room(&world.house).await?;
    agent.send(&ClientMessage::End {}).await?;
    agent
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;
    let sides = Sides::of(&world).await?;
    let routes = routes()?;
    // Refusals first: what an owner does cannot be done twice.
    let before = settled(&world.house).await?;
    for (method, route) in &routes {
        for refusal in sides.refusals(method, route)? {
            let what = format!("{method} {route}, {}", refusal.who);
            let refused = sides.refused(method, route, &refusal).await;
            refused.with_context(|| what.clone())?;
            unchanged(&world.house, &before).await.context(what)?;
        }
    }
    for (_, route) in routes.iter().filter(|(method, _)| method == Method::GET) {
        let shown = sides.shown(route).await;
        shown.with_context(|| format!("GET {route}, its owner"))?;
    }
    for (_, route) in routes.iter().filter(|(method, _)| method == Method::POST) {
        ensure!(FORMS.contains(route), "{route} is new: say when it is sent");
    }
    for route in FORMS {
        let done = sides.done(route).await;
        done.with_context(|| format!("POST {route}, its owner"))?;
    }
    world.house.stop().await
}

/// A case of the bank's about this recording.
async fn case(house: &House, recording: &str) -> Result<String> {
    let arguments = ["case", "open", "alpine", "--authority", "Court"];
    let reason = [
        "--reference",
        "1",
        "--basis",
        "Order",
        "--recording",
        recording,
    ];
    let opened = house
        .recorder_says(&[arguments.as_slice(), &reason].concat(), "")
        .await?;
    let id = opened.lines().last().context("a case has an id")?;
    Ok(id.trim().to_owned())
}

/// The bank's one recording that has ended, once it is in the vault: others still wait.
pub(crate) async fn ended(house: &House) -> Result<String> {
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
