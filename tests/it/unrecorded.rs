//! A conversation that is not recorded, over a death of the relay: neither page promises that
//! anything of it is kept.

use anyhow::{Context as _, Result, ensure};
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;

use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_unrecorded_conversation_is_said_to_be_kept() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let clinic = client(&house, "harbour")?.clone();
    let agent = clinic.agents.first().context("the clinic has agents")?;
    let page = format!("{}{}", house.plan().shop_origin(), clinic.page);

    let desk = Agent::arrive(&driver, "unrecorded-desk", &house.plan().desk_origin()).await?;
    desk.sign_in(&clinic, agent).await?;
    let visitor = Visitor::arrive(&driver, "unrecorded", &page).await?;
    visitor.press_launcher().await?;
    visitor.browser.press("label.check input").await?;
    visitor.agree(Some("Calm Badger")).await?;
    visitor.browser.read("You joined").await?;
    desk.accept("Calm Badger").await?;
    visitor.say("Is this between us?").await?;
    desk.line("theirs", "Is this between us?").await?;
    desk.say("It is").await?;
    visitor.line("theirs", "It is").await?;
    desk.progress("It is", "Read").await?;
    promises_nothing(&visitor.browser, &desk.browser).await?;

    house.relay.kill().await?;
    let lost = "The connection is lost. This conversation is not recorded: nothing of it is kept after the end";
    visitor.browser.read(lost).await?;
    visitor.write("Are you there?").await?;
    desk.browser
        .read("This conversation is not recorded")
        .await?;
    visitor.browser.picture("lost").await?;
    desk.browser.picture("lost").await?;
    promises_nothing(&visitor.browser, &desk.browser).await?;

    house.start_relay().await?;
    visitor.browser.hurry().await?;
    desk.browser.hurry().await?;
    let ended = "The conversation has ended. This conversation is not recorded: nothing of it is kept after the end";
    visitor.browser.read(ended).await?;
    desk.browser.read("This conversation has ended").await?;
    desk.browser.read("Close conversation").await?;
    visitor.browser.picture("after").await?;
    desk.browser.picture("after").await?;
    promises_nothing(&visitor.browser, &desk.browser).await?;

    // A tab that is loaded again knows from what it keeps itself, not from the relay.
    visitor.browser.enter_default_frame().await?;
    visitor.browser.refresh().await?;
    visitor.press_launcher().await?;
    visitor.browser.read(ended).await?;
    desk.browser.refresh().await?;
    desk.browser.read("Nobody is waiting").await?;
    promises_nothing(&visitor.browser, &desk.browser).await?;

    visitor.browser.press_named("Start over").await?;
    visitor.browser.see("form.gate").await?;
    house.stop().await
}

/// No page says of anything that it is, or was, kept.
async fn promises_nothing(visitor: &Browser, desk: &Browser) -> Result<()> {
    for page in [visitor, desk] {
        let text: String = page
            .value("return document.body.innerText", Vec::new())
            .await?;
        for promise in ["confirmed is kept", "conversations are kept", "Kept"] {
            ensure!(!text.contains(promise), "promised {promise:?}:\n{text}");
        }
    }
    Ok(())
}
