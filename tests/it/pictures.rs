//! Pictures of every page in its states, for people to look at: `target/screens/`. What can be
//! checked without eyes is checked: nothing is wider than its screen, and what is to be pressed is
//! large enough for a finger.

mod calls;
mod console;
mod desk;
mod player;
mod shop;
mod widget;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, agree};
use proto::SiteId;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;
use tokio::time::sleep;

use crate::session::client;

/// Words that do not end, and others that run the other way.
const LONG: &str =
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
const ARABIC: &str = "مرحبا، تم رفض بطاقتي في المحطة هذا الصباح";
const LONG_NAME: &str = "Wolfgang-Amadeus Theophilus von und zu Lichtenfels-Hohenau";
const ARABIC_NAME: &str = "مالك الحزين";

/// The two pictures of the README: `docs/pictures/` holds copies.
#[tokio::test(flavor = "multi_thread")]
async fn the_readme_shows_a_conversation_from_both_sides() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let site = bank.site.context("the bank has a site")?;
    let mia = bank.agents.first().context("the bank has agents")?;
    let desk = Agent::arrive(&driver, "readme-desk", &house.plan().desk_origin()).await?;
    desk.sign_in(&bank, mia).await?;
    let visitor = Visitor::arrive(&driver, "readme-widget", &house.plan().shop_origin()).await?;
    visitor.browser.size(820, 720).await?;
    visitor.press_launcher().await?;
    visitor.browser.see("form.gate").await?;
    visitor.browser.picture("gate").await?;
    visitor.agree(Some("Blue Heron")).await?;
    let waiting = arrive(&house, site, "Quiet Falcon").await?;
    visitor
        .say("Hello, my card was declined at the station this morning.")
        .await?;
    desk.accept("Blue Heron").await?;
    desk.say("Good morning. It was blocked because of a payment abroad. Was that you?")
        .await?;
    visitor
        .line(
            "theirs",
            "Good morning. It was blocked because of a payment abroad. Was that you?",
        )
        .await?;
    visitor.say("Yes, a train ticket in Milan.").await?;
    desk.say("Thank you. I have unblocked it: try again in a minute.")
        .await?;
    visitor
        .line(
            "theirs",
            "Thank you. I have unblocked it: try again in a minute.",
        )
        .await?;
    sleep(Duration::from_millis(500)).await;
    visitor.browser.picture("talk").await?;
    desk.browser.picture("talk").await?;
    drop(waiting);
    house.stop().await
}

/// Somebody of this name agrees and waits.
async fn arrive(house: &House, site: SiteId, name: &str) -> Result<Participant> {
    let consent = agree(&house.widget(), site).await?;
    Participant::join(
        &house.widget(),
        site,
        consent.join,
        Some(name.to_owned()),
        &[],
    )
    .await
}

/// A picture at this size, where nothing is to be wider than the screen.
pub(crate) async fn sized(browser: &Browser, width: u32, height: u32, state: &str) -> Result<()> {
    browser.size(width, height).await?;
    sleep(Duration::from_millis(200)).await;
    browser.picture(state).await?;
    fits(browser, state).await
}

pub(crate) async fn in_the_dark(browser: &Browser, state: &str) -> Result<()> {
    browser.dark(true).await?;
    browser.picture(state).await?;
    browser.dark(false).await
}

/// Fails where something is wider than its place, or where something to press is too small.
pub(crate) async fn fits(browser: &Browser, what: &str) -> Result<()> {
    let wide: Vec<String> = browser.value(WIDE, Vec::new()).await?;
    ensure!(wide.is_empty(), "too wide on {what}: {wide:?}");
    let small: Vec<String> = browser.value(SMALL, Vec::new()).await?;
    ensure!(
        small.is_empty(),
        "too small to be pressed on {what}: {small:?}"
    );
    Ok(())
}

/// What would have to be scrolled sideways, or is cut off: the page itself, what scrolls in it, and
/// what is pressed. Tables and program text may scroll for themselves.
const WIDE: &str = "const root = document.documentElement;
  const name = (e) => `${e.localName}.${e.className} ${e.textContent.trim().slice(0, 40)}`;
  return [root, ...document.body.querySelectorAll('*')].flatMap((e) => {
    if (!e.checkVisibility({ visibilityProperty: true }) || e.closest('.wide, pre, svg, .visually-hidden, [hidden]')) return [];
    const scrolls = e === root || /auto|scroll/.test(getComputedStyle(e).overflowX) || e.matches('button, a.button');
    if (!scrolls || (e.scrollWidth <= e.clientWidth + 1 && (!e.matches('button') || e.scrollHeight <= e.clientHeight + 1))) return [];
    const over = [...e.querySelectorAll('*')].filter((c) => c.getBoundingClientRect().right > e.getBoundingClientRect().right + 1).map(name);
    return [`${name(e)}: ${e.scrollWidth} × ${e.scrollHeight} in ${e.clientWidth} × ${e.clientHeight}, by ${over.slice(-3).join(' | ')}`];
  })";

/// What is to be pressed and is less than 44 pixels high or wide. Links within a text may be as
/// small as the text; a box to tick is as large as its label or its cell.
const SMALL: &str = "return [...document.querySelectorAll('button, select, input, textarea, summary, a.button, nav a')].flatMap((e) => {
    const whole = e.matches('[type=checkbox], [type=radio]') ? e.closest('label, td') ?? e : e;
    const { width, height } = whole.getBoundingClientRect();
    if (!e.checkVisibility({ visibilityProperty: true }) || e.type === 'hidden' || width < 2) return [];
    return width < 43.5 || height < 43.5
      ? [`${e.localName} ${e.textContent.trim() || e.ariaLabel || e.name}: ${width} × ${height}`] : [];
  })";
