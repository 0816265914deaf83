//! The officers' pages in their states.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use demo::people::{Client, Person};
use loadtest::participant::{Participant, agree};
use proto::wire::{ClientMessage, ServerMessage};
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use tokio::time::sleep;

use super::{ARABIC, LONG, fits, in_the_dark, sized};
use crate::session::client;

/// More than one page of the list.
const MANY: u8 = 55;

#[tokio::test(flavor = "multi_thread")]
async fn the_console_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let vera = bank.officers.first().context("the bank has officers")?;
    let origin = house.plan().console_origin();
    let browser = Browser::open(&driver, "states-console", 1280, 900).await?;
    let page = &browser;

    let other = origin.replace("console.localhost", "localhost");
    states(page, &other, "/", "another-address").await?;
    page.press_named(&origin).await?;
    sign_in(page, &bank, vera, "not the password").await?;
    page.see("#told").await?;
    page.picture("sign-in-refused").await?;
    in_the_dark(page, "sign-in-refused-dark").await?;
    sized(page, 320, 700, "sign-in-refused-narrow").await?;
    page.size(1280, 900).await?;
    sign_in(page, &bank, vera, &vera.password).await?;
    page.read("Found by their metadata").await?;
    states(page, &origin, "/", "empty-sessions").await?;
    states(page, &origin, "/cases", "empty-cases").await?;
    states(page, &origin, "/log", "log-of-keys-alone").await?;
    states(page, &origin, "/cases/new", "case-form-empty").await?;
    states(page, &origin, "/?session=nothing", "search-refused").await?;

    let site = bank.site.context("the bank has a site")?;
    for number in 1..=MANY {
        // Each from an address of its own: one address may not agree so often.
        let door = house.widget().from(Ipv4Addr::new(127, 84, 0, number));
        let consent = agree(&door, site).await?;
        let mut visitor = Participant::join(&door, site, consent.join, None, &[]).await?;
        visitor.say(1, "One of many").await?;
        visitor.send(&ClientMessage::End {}).await?;
        visitor
            .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
            .await?;
    }
    let recording = crate::opened::listed(&house, &bank).await?.recording;
    // They come into the vault one after another.
    for _ in 0..100 {
        page.goto(&origin).await?;
        if page.texts(".pages a").await?.contains(&"Older".to_owned()) {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    states(page, &origin, "/", "many-sessions").await?;
    page.press_named("Older").await?;
    page.see("table").await?;
    page.picture("older-sessions").await?;
    states(
        page,
        &origin,
        "/?session=00000000-0000-4000-8000-000000000000",
        "nothing-found",
    )
    .await?;
    states(
        page,
        &origin,
        &format!("/recordings/{recording}"),
        "recording",
    )
    .await?;
    states(
        page,
        &origin,
        &format!("/recordings/{recording}?check=yes"),
        "recording-checked",
    )
    .await?;

    page.goto(format!("{origin}/cases/new?recording={recording}"))
        .await?;
    page.write("input[name=authority]", ARABIC).await?;
    page.write("input[name=reference]", LONG).await?;
    page.write("textarea[name=basis]", &format!("{LONG} {ARABIC}"))
        .await?;
    page.write("input[name=days]", "0").await?;
    page.whole_picture("case-form").await?;
    sized(page, 320, 700, "case-form-narrow").await?;
    page.size(1280, 900).await?;
    page.press_named("Open the case").await?;
    page.see(".told").await?;
    page.picture("case-form-refused").await?;
    page.write("input[name=days]", "30").await?;
    page.press_named("Open the case").await?;
    page.read("must unlock before anything").await?;
    let case = page.current_url().await?.path().to_owned();
    states(page, &origin, &case, "case").await?;
    page.write("input[name=passphrase]", "not the passphrase")
        .await?;
    page.press_named("Agree and unlock my share").await?;
    page.see("#told").await?;
    sized(page, 320, 700, "wrong-passphrase-narrow").await?;
    page.size(1280, 900).await?;

    page.goto(format!("{origin}{case}")).await?;
    page.press_named("Close this case").await?;
    page.see("button.stop").await?;
    page.whole_picture("case-to-close").await?;
    page.press_named("Close the case for good").await?;
    page.read("This case is closed").await?;
    states(page, &origin, &case, "case-closed").await?;
    states(page, &origin, "/cases", "cases").await?;
    states(
        page,
        &origin,
        &format!("/recordings/{recording}"),
        "recording-with-case",
    )
    .await?;
    states(page, &origin, "/log?check=yes", "log").await?;
    states(page, &origin, "/keys", "keys").await?;
    states(page, &origin, "/nothing-here", "not-found").await?;
    house.stop().await
}

/// The page wide and whole, in the dark, narrow, and where everything is twice as large.
async fn states(page: &Browser, origin: &str, path: &str, state: &str) -> Result<()> {
    page.goto(format!("{origin}{path}")).await?;
    page.whole_picture(state).await?;
    fits(page, state).await?;
    in_the_dark(page, &format!("{state}-dark")).await?;
    page.size(320, 700).await?;
    page.whole_picture(&format!("{state}-narrow")).await?;
    fits(page, state).await?;
    sized(page, 640, 450, &format!("{state}-zoomed")).await?;
    page.size(1280, 900).await
}

async fn sign_in(page: &Browser, client: &Client, officer: &Person, password: &str) -> Result<()> {
    page.write("input[name=client]", &client.slug).await?;
    page.write("input[name=name]", &officer.sign_in).await?;
    page.write("input[name=password]", password).await?;
    page.press_named("Sign in").await
}
