//! Calls, from two pages or programs to the films that two officers open.

mod joined;
mod killed;
mod lost;
mod twice;
mod two;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use demo::people::{Client, Person};
use loadtest::call::caller::{Caller, Log};
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::desk::GateView;
use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::{Hash32, SessionId};
use seal::manifest::{Gap, Manifest};
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::film::Film;
use testkit::house::House;
use testkit::lossy::Proxy;
use testkit::visitor::Visitor;
use testkit::{performer, ports};

use crate::opened::unpacked;
use crate::session::client;

/// Under which name the visitor comes.
const VISITOR: &str = "Blue Heron";
/// What a call needs with sound and a camera.
const BOTH: [Modality; 2] = [Modality::Audio, Modality::Video];

/// A house whose media goes through a proxy.
async fn behind_a_proxy(seed: u64) -> Result<(House, Proxy)> {
    let announced = ports::free()?;
    let house = House::start_with(|plan| plan.announce = Some(announced)).await?;
    let proxy = Proxy::start(announced, house.plan().relay, seed).await?;
    Ok((house, proxy))
}

/// A visitor and an agent in browsers, with performers instead of devices, in one conversation.
struct Pair {
    visitor: Visitor,
    agent: Agent,
}

impl Pair {
    async fn meet(house: &House, driver: &Driver, name: &str) -> Result<Self> {
        let bank = client(house, "alpine")?;
        let mia = bank.agents.first().context("the bank has agents")?;
        let widget = performer::open(driver, &format!("{name}-widget"), 1180, 820).await?;
        let desk = performer::open(driver, &format!("{name}-desk"), 1280, 800).await?;
        let visitor = Visitor::arrive_in(widget, &house.plan().shop_origin()).await?;
        let agent = Agent::arrive_in(desk, &house.plan().desk_origin()).await?;
        agent.sign_in(bank, mia).await?;
        visitor.press_launcher().await?;
        visitor.agree(Some(VISITOR)).await?;
        agent.accept(VISITOR).await?;
        Ok(Self { visitor, agent })
    }

    fn both(&self) -> [&Browser; 2] {
        [&self.visitor.browser, &self.agent.browser]
    }

    /// The visitor calls, the agent answers; both agree to it first.
    async fn call(&self) -> Result<()> {
        let [widget, desk] = self.both();
        widget.press_named("Call").await?;
        widget.press_named("Agree and call").await?;
        desk.press_named("Answer").await?;
        desk.press_named("Agree and answer").await?;
        performer::connected(widget).await?;
        performer::connected(desk).await
    }

    /// Both turn their cameras on, and each sees the other's.
    async fn cameras(&self) -> Result<()> {
        let [widget, desk] = self.both();
        turn_on(widget, "Turn the camera on", "Turn the camera off").await?;
        desk.press_named("Agree and watch").await?;
        turn_on(desk, "Turn the camera on", "Turn the camera off").await?;
        for browser in self.both() {
            sees(browser, 1).await?;
        }
        Ok(())
    }
}

/// Presses a control, and agrees where the page asks for it, until the control says the other thing.
async fn turn_on(browser: &Browser, name: &str, then: &str) -> Result<()> {
    browser.press_named(name).await?;
    let script = "const named = (name) => [...document.querySelectorAll('vestibule-call button:enabled')].find((b) => b.ariaLabel === name || b.textContent.startsWith(name));
         named('Agree and')?.click();
         return !!named(arguments[0])";
    browser.until(then, script, vec![then.into()]).await
}

/// Waits until this many pictures of others move on the page.
async fn sees(browser: &Browser, count: u64) -> Result<()> {
    let script = "return [...document.querySelectorAll('vestibule-call .tile video')].filter((v) => v.videoWidth && !v.paused && v.currentTime > 0).length >= arguments[0]";
    let what = format!("{count} moving pictures");
    browser.until(&what, script, vec![count.into()]).await
}

/// The hash of the site's notice.
pub(crate) async fn notice(house: &House, client: &Client) -> Result<Hash32> {
    let site = client.site.context("the client has a site")?;
    let path = format!("/api/v1/sites/{site}/notice?lang=en");
    Ok(house.widget().fetch::<GateView>(&path, &[]).await?.notice)
}

/// A visitor without a browser, in a session of their own.
pub(crate) async fn visitor(
    house: &House,
    client: &Client,
    name: Option<&str>,
) -> Result<Participant> {
    let site = client.site.context("the client has a site")?;
    let consent = agree(&house.widget(), site).await?;
    let name = name.map(str::to_owned);
    Participant::join(&house.widget(), site, consent.join, name, &[]).await
}

/// This agent takes the session, without a browser.
pub(crate) async fn answer(
    house: &House,
    client: &Client,
    agent: &Person,
    session: SessionId,
) -> Result<Participant> {
    let desk = house.desk();
    let cookie = sign_in(&desk, &client.slug, &agent.sign_in, &agent.password).await?;
    let accepted = accept(&desk, &cookie, session).await?;
    let headers = [("cookie", cookie.as_str())];
    Participant::join(&desk, accepted.site, accepted.join, None, &headers).await
}

/// Two callers in a call, with these sources each, all agreed to and playing.
async fn callers(house: &House, client: &Client, kinds: &[Modality]) -> Result<(Caller, Caller)> {
    let mia = client.agents.first().context("the client has agents")?;
    let visitor = visitor(house, client, None).await?;
    let agent = answer(house, client, mia, visitor.welcome.session).await?;
    let mut visitor = Caller::new(visitor, kinds, Log::default())?;
    let mut agent = Caller::new(agent, kinds, Log::default())?;
    connect(
        [&mut visitor, &mut agent],
        kinds,
        notice(house, client).await?,
    )
    .await?;
    visitor.play(true).await?;
    agent.play(true).await?;
    Ok((visitor, agent))
}

/// Both agree to these kinds, the first calls, the second answers, and both are connected.
pub(crate) async fn connect(
    [visitor, agent]: [&mut Caller; 2],
    kinds: &[Modality],
    notice: Hash32,
) -> Result<()> {
    visitor.agree(kinds, notice).await?;
    agent.agree(kinds, notice).await?;
    visitor.call(false).await?;
    agent.until("the ring", |seen| seen.call.is_some()).await?;
    agent.call(false).await?;
    for caller in [visitor, agent] {
        let connected = caller.until("a connection", |seen| !seen.connected.is_empty());
        connected.await?;
    }
    Ok(())
}

/// The films of a bundle, by file name, written to `folder`.
pub(crate) async fn films(bundle: &Path, folder: &Path) -> Result<BTreeMap<String, Film>> {
    let mut films = BTreeMap::new();
    for (name, bytes) in unpacked(bundle)? {
        if let Some((_, name)) = name.split_once("/data/media/") {
            let path = folder.join(name);
            std::fs::write(&path, bytes)?;
            let film = Film::open(&path).await?;
            film.is_clean().await?;
            films.insert(name.to_owned(), film);
        }
    }
    ensure!(!films.is_empty(), "the bundle holds no film");
    Ok(films)
}

/// The film of this name.
pub(crate) fn film<'a>(films: &'a BTreeMap<String, Film>, name: &str) -> Result<&'a Film> {
    let fitting = |file: &str| file.split('.').next() == Some(name);
    let found = films.iter().find(|(file, _)| fitting(file));
    let (_, film) = found.with_context(|| format!("no film {name}: {:?}", films.keys()))?;
    Ok(film)
}

/// What the signed manifest of a bundle says is missing.
fn gaps(bundle: &Path) -> Result<Vec<Gap>> {
    let files = unpacked(bundle)?;
    let mut files = files.iter();
    let manifest = files.find(|(name, _)| name.ends_with("/manifest.dsse.json"));
    let (_, manifest) = manifest.context("the bundle holds no manifest")?;
    let manifest: Envelope = serde_json::from_slice(manifest)?;
    Ok(manifest.payload_unverified::<Manifest>()?.gaps)
}
