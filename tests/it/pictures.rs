//! Pictures of every page in its states, for people to look at: `target/screens/`. What can be
//! checked without eyes is checked: nothing is wider than its screen, and no page complains.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, agree};
use proto::SiteId;
use proto::wire::ClientMessage;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let shop = house.plan().shop_origin();

    let visitor = Visitor::arrive(&driver, "states-widget", &shop).await?;
    let page = &visitor.browser;
    visitor.press_launcher().await?;
    page.see("form.gate").await?;
    page.press("form.gate summary").await?;
    page.picture("gate-details").await?;
    narrow(&visitor, "gate").await?;
    page.dark(true).await?;
    page.picture("gate-dark").await?;
    page.dark(false).await?;
    page.see("select[aria-label=Language]").await?;
    page.execute(
        "const list = document.querySelector('select[aria-label=Language]'); list.value = 'de'; list.dispatchEvent(new Event('change'))",
        Vec::new(),
    )
    .await?;
    page.read("Wie möchten Sie").await?;
    page.picture("gate-german").await?;

    // Another page of the same kind: unrecorded talk is offered there.
    let clinic = Visitor::arrive(&driver, "states-clinic", &format!("{shop}/clinic")).await?;
    clinic.press_launcher().await?;
    clinic.browser.press("label.check input").await?;
    clinic.browser.picture("gate-unrecorded").await?;
    clinic.agree(Some("Quiet Falcon")).await?;
    clinic.browser.read("Not recorded").await?;
    clinic.browser.picture("talk-unrecorded").await?;

    let fresh = Visitor::arrive(&driver, "states-talk", &shop).await?;
    let page = &fresh.browser;
    fresh.press_launcher().await?;
    fresh.agree(Some("Blue Heron")).await?;
    let desk = Agent::arrive(&driver, "states-desk-of-talk", &house.plan().desk_origin()).await?;
    desk.sign_in(&bank, mia).await?;
    desk.accept("Blue Heron").await?;
    for text in [
        LONG,
        ARABIC,
        "https://shop.example/a/very/long/address?with=parameters&and=more",
    ] {
        fresh.say(text).await?;
    }
    for number in 1..=8 {
        desk.say(&format!(
            "Answer number {number}, which says that it is being looked at."
        ))
        .await?;
    }
    fresh
        .line(
            "theirs",
            "Answer number 8, which says that it is being looked at.",
        )
        .await?;
    page.picture("talk-many").await?;
    narrow(&fresh, "talk").await?;
    page.dark(true).await?;
    page.picture("talk-dark").await?;
    page.dark(false).await?;

    house.relay.kill().await?;
    page.see(".banner").await?;
    fresh.write("Written while the line was down").await?;
    fresh
        .line("pending", "Written while the line was down")
        .await?;
    page.picture("talk-lost").await?;
    house.start_relay().await?;
    fresh
        .acknowledged("Written while the line was down")
        .await?;
    fresh.end().await?;
    page.press("vestibule-ended .row button:nth-of-type(2)")
        .await?;
    page.see("ol.words").await?;
    page.picture("ended-words").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let site = bank.site.context("the bank has a site")?;

    let desk = Agent::arrive(&driver, "states-desk", &house.plan().desk_origin()).await?;
    let page = &desk.browser;
    page.write("input[name=client]", "alpine").await?;
    page.write("input[name=name]", "mia").await?;
    page.write("input[name=password]", "not the password")
        .await?;
    page.press("desk-sign-in button[type=submit]").await?;
    page.see("#sign-in-error").await?;
    page.picture("sign-in-refused").await?;
    page.write("input[name=password]", &mia.password).await?;
    page.press("desk-sign-in button[type=submit]").await?;
    page.see("desk-acknowledge").await?;
    page.picture("acknowledge").await?;
    page.press("desk-acknowledge button.primary").await?;

    let mut waiting = Vec::new();
    for name in [
        "Blue Heron",
        "Quiet Falcon",
        "Green Finch",
        LONG_NAME,
        "Silver Otter",
        "مالك الحزين",
        "Amber Fox",
        "Grey Crane",
        "Small Owl",
        "Red Kite",
        "White Stork",
        "Brown Hare",
    ] {
        waiting.push(arrive(&house, site, name).await?);
    }
    page.read("Brown Hare").await?;
    page.picture("many-waiting").await?;
    desk.accept("Blue Heron").await?;
    for (cid, text) in (1..).zip([LONG, ARABIC, "And this too"]) {
        waiting
            .first_mut()
            .context("a visitor")?
            .say(cid, text)
            .await?;
    }
    desk.say("I am looking at it").await?;
    page.picture("talk").await?;
    for (press, name) in [("invite", "invite"), ("transfer", "transfer")] {
        page.press(&format!("main header button.{press}")).await?;
        page.see("dialog[open]").await?;
        page.picture(&format!("dialog-{name}")).await?;
        page.press("dialog[open] .choices button").await?;
        page.gone("dialog[open]").await?;
    }
    page.press("main header button.stop").await?;
    page.see("dialog[open]").await?;
    page.picture("dialog-end").await?;
    page.press("dialog[open] .choices button").await?;
    page.press("button.help").await?;
    page.see("dialog[open]").await?;
    page.picture("dialog-keys").await?;
    page.press("dialog[open] .choices button").await?;
    page.dark(true).await?;
    page.picture("talk-dark").await?;
    page.dark(false).await?;
    page.size(320, 700).await?;
    page.picture("talk-narrow").await?;
    fits(page, "the desk").await?;
    page.size(640, 400).await?;
    page.picture("talk-zoomed").await?;
    fits(page, "the desk at 200 %").await?;
    page.size(1280, 800).await?;

    house.relay.kill().await?;
    page.see(".banner").await?;
    page.picture("offline").await?;
    house.start_relay().await?;
    page.gone(".banner").await?;
    waiting
        .first_mut()
        .context("a visitor")?
        .send(&ClientMessage::End {})
        .await
        .ok();
    house.stop().await
}

const LONG_NAME: &str = "Wolfgang-Amadeus Theophilus von und zu Lichtenfels-Hohenau";

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

/// On a phone, and on the narrowest screen there is.
async fn narrow(visitor: &Visitor, what: &str) -> Result<()> {
    for (width, height, name) in [(390, 780, "phone"), (320, 640, "narrow")] {
        visitor.browser.size(width, height).await?;
        sleep(Duration::from_millis(200)).await;
        visitor.browser.picture(&format!("{what}-{name}")).await?;
        fits(&visitor.browser, what).await?;
    }
    visitor.browser.size(1180, 820).await
}

async fn fits(browser: &Browser, what: &str) -> Result<()> {
    let (wide, screen): (u32, u32) = browser
        .value(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]",
            Vec::new(),
        )
        .await?;
    ensure!(
        wide <= screen,
        "{what} is {wide} wide on a screen of {screen}"
    );
    Ok(())
}
