//! The desk in its states.

use anyhow::{Context as _, Result};
use proto::wire::ClientMessage;
use serde_json::json;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;

use super::{ARABIC, ARABIC_NAME, LONG, LONG_NAME, arrive, fits, in_the_dark, sized};
use crate::session::client;

/// Makes the page send what the relay refuses: an empty message in place of this one.
const SEND_NOTHING: &str = "{ const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) { return send.call(this, text.replace('Refuse this', '')); }; }";

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [mia, jonas] = bank.agents.as_slice() else {
        anyhow::bail!("the bank has two agents")
    };
    let site = bank.site.context("the bank has a site")?;

    let browser = Browser::open(&driver, "states-desk", 1280, 800).await?;
    browser
        .cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({"source": SEND_NOTHING}),
        )
        .await?;
    let desk = Agent { browser };
    let page = &desk.browser;
    page.hold("*/api/v1/me").await?;
    page.goto(house.plan().desk_origin()).await?;
    page.read("Loading").await?;
    page.picture("loading").await?;
    page.release().await?;
    page.block(&["*/api/v1/me"]).await?;
    page.goto(house.plan().desk_origin()).await?;
    page.read("The desk cannot be opened").await?;
    page.picture("cannot-open").await?;
    page.block(&[]).await?;
    page.press_named("Try again").await?;

    page.write("input[name=client]", "alpine").await?;
    page.write("input[name=name]", "mia").await?;
    page.write("input[name=password]", "not the password")
        .await?;
    page.press("desk-sign-in button[type=submit]").await?;
    page.see("#sign-in-error").await?;
    page.picture("sign-in-refused").await?;
    in_the_dark(page, "sign-in-refused-dark").await?;
    sized(page, 320, 700, "sign-in-refused-narrow").await?;
    page.size(1280, 800).await?;
    page.write("input[name=password]", &mia.password).await?;
    page.press("desk-sign-in button[type=submit]").await?;
    page.see("desk-acknowledge").await?;
    page.picture("acknowledge").await?;
    sized(page, 320, 700, "acknowledge-narrow").await?;
    page.size(1280, 800).await?;
    page.hold("*/api/v1/queue").await?;
    page.press("desk-acknowledge button.primary").await?;
    page.read("Loading").await?;
    page.picture("list-loading").await?;
    page.release().await?;
    page.read("Nobody is waiting").await?;
    page.picture("empty").await?;
    fits(page, "the empty desk").await?;
    in_the_dark(page, "empty-dark").await?;
    sized(page, 320, 700, "empty-narrow").await?;
    page.size(1280, 800).await?;

    let mut waiting = Vec::new();
    for name in [
        "Blue Heron",
        "Quiet Falcon",
        "Green Finch",
        LONG_NAME,
        "Silver Otter",
        ARABIC_NAME,
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
    fits(page, "the desk with many waiting").await?;
    sized(page, 320, 700, "many-waiting-narrow").await?;
    page.size(1280, 800).await?;
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
    fits(page, "the conversation").await?;
    for (press, name) in [("invite", "invite"), ("transfer", "transfer")] {
        page.press(&format!("main header button.{press}")).await?;
        page.see("dialog[open]").await?;
        page.picture(&format!("dialog-{name}")).await?;
        fits(page, name).await?;
        page.press("dialog[open] .choices button").await?;
        page.gone("dialog[open]").await?;
    }
    page.press("main header button.stop").await?;
    page.see("dialog[open]").await?;
    page.picture("dialog-end").await?;
    in_the_dark(page, "dialog-end-dark").await?;
    sized(page, 320, 700, "dialog-end-narrow").await?;
    page.size(1280, 800).await?;
    page.press("dialog[open] .choices button").await?;
    page.press("button.help").await?;
    page.see("dialog[open]").await?;
    page.picture("dialog-keys").await?;
    fits(page, "the keys").await?;
    page.press("dialog[open] .choices button").await?;
    in_the_dark(page, "talk-dark").await?;
    sized(page, 320, 700, "talk-narrow").await?;
    page.press("main header button.facts").await?;
    page.see("desk-facts h2").await?;
    page.picture("facts-narrow").await?;
    page.press("desk-facts .close").await?;
    sized(page, 640, 400, "talk-zoomed").await?;
    page.size(1280, 800).await?;
    desk.write("Refuse this").await?;
    page.see("desk-pending-line.refused").await?;
    page.picture("refused-message").await?;
    sized(page, 320, 700, "refused-message-narrow").await?;
    page.size(1280, 800).await?;
    page.press_named("Do not send").await?;

    // The visitor's name runs the other way.
    desk.accept(ARABIC_NAME).await?;
    desk.say("Good morning").await?;
    page.picture("right-to-left").await?;
    sized(page, 320, 700, "right-to-left-narrow").await?;
    page.size(1280, 800).await?;

    // This tab once more, with its storage: the newer one has the conversation.
    let here = page.window().await?;
    page.execute("window.open(location.href)", Vec::new())
        .await?;
    page.read("open in another tab").await?;
    page.picture("superseded").await?;
    fits(page, "the superseded conversation").await?;
    for tab in page.windows().await? {
        if tab != here {
            page.switch_to_window(tab).await?;
            page.close_window().await?;
        }
    }
    page.switch_to_window(here).await?;
    page.press_named("Move it here").await?;
    page.see("desk-composer textarea").await?;
    page.press("desk-mine button").await?;
    page.read("open in another tab").await?;
    page.press_named("Move it here").await?;
    page.see("desk-composer textarea").await?;

    // The same agent elsewhere, and a colleague who takes over.
    let elsewhere = Agent::arrive(&driver, "states-elsewhere", &house.plan().desk_origin()).await?;
    elsewhere.sign_in(&bank, mia).await?;
    elsewhere.browser.press("desk-mine button").await?;
    elsewhere.browser.read("Continue here").await?;
    elsewhere.browser.picture("take-up").await?;
    elsewhere.browser.press_named("Continue here").await?;
    elsewhere.browser.see("desk-composer textarea").await?;
    page.press("desk-mine button").await?;
    page.read("open in another tab").await?;
    page.picture("taken-up-elsewhere").await?;
    page.press_named("Move it here").await?;
    page.see("desk-composer textarea").await?;
    let colleague = Agent::arrive(&driver, "states-colleague", &house.plan().desk_origin()).await?;
    colleague.sign_in(&bank, jonas).await?;
    desk.transfer("Jonas").await?;
    colleague.browser.read("hands this over to you").await?;
    colleague.browser.picture("offer").await?;
    colleague.accept("Blue Heron").await?;
    page.read("What was said is no longer on this page").await?;
    page.picture("handed-over").await?;

    waiting
        .first_mut()
        .context("a visitor")?
        .send(&ClientMessage::End {})
        .await?;
    colleague.browser.read("This conversation ended").await?;
    colleague.browser.picture("ended").await?;
    in_the_dark(&colleague.browser, "ended-dark").await?;
    sized(&colleague.browser, 320, 700, "ended-narrow").await?;
    colleague.browser.size(1280, 800).await?;
    colleague.browser.press_named("Close conversation").await?;
    colleague.browser.see("desk-past").await?;
    colleague.browser.picture("put-away").await?;

    page.press("desk-mine button").await?;
    page.see("desk-composer textarea").await?;
    house.relay.kill().await?;
    page.see(".banner").await?;
    page.picture("offline").await?;
    sized(page, 320, 700, "offline-narrow").await?;
    page.size(1280, 800).await?;
    house.start_relay().await?;
    page.hurry().await?;
    page.gone(".banner").await?;
    page.picture("names-not-known-again").await?;
    house.stop().await
}
