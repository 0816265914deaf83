//! The player in its states, and the case from which it is opened.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::Key;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;

use super::{fits, in_the_dark, sized};
use crate::played::{a_call, opened, seek};
use crate::session::client;
use crate::spoken::talk;

#[tokio::test(flavor = "multi_thread")]
async fn the_player_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    talk(&house, &bank, &["Only written", "and nothing said"]).await?;
    let page = opened(&house, &driver, &bank, "states-player-chat").await?;
    states(&page, "chat-alone").await?;
    page.close().await?;

    let _ends = a_call(&house, &bank).await?;
    let page = opened(&house, &driver, &bank, "states-player").await?;
    states(&page, "opened").await?;
    let muted: f64 = page
        .value(
            "return Number(document.querySelector('.missing button').dataset.from)",
            Vec::new(),
        )
        .await?;
    seek(&page, muted + 800.0).await?;
    states(&page, "muted").await?;
    by_keyboard(&page).await?;

    // A film has nothing to show yet.
    let slow = "Object.defineProperty(document.querySelector('video'), 'readyState', { value: 1 }); return null";
    let _: Value = page.value(slow, Vec::new()).await?;
    page.press_named("Play").await?;
    page.read("loading").await?;
    states(&page, "loading").await?;

    // The case is closed by somebody else.
    let player = page.current_url().await?;
    let id = player
        .path()
        .split('/')
        .nth(2)
        .context("a case")?
        .to_owned();
    house
        .recorder_says(&["case", "close", &bank.slug, &id], "")
        .await?;
    page.read("It is not here any more").await?;
    states(&page, "gone").await?;

    // What is known of it while it is sealed.
    let recording = player.path().rsplit('/').next().context("a recording")?;
    page.goto(format!(
        "{}/recordings/{recording}",
        house.plan().console_origin()
    ))
    .await?;
    page.read("What was recorded of whom").await?;
    states(&page, "sealed").await?;
    house.stop().await
}

/// On a phone, where much is missing: where the focus is, it is seen, and what plays stays in reach.
async fn by_keyboard(page: &Browser) -> Result<()> {
    page.size(360, 780).await?;
    let much = "const one = document.querySelector('.missing li');
        for (let more = 0; more < 20; more += 1) one.after(one.cloneNode(true));
        return null";
    let _: Value = page.value(much, Vec::new()).await?;
    for (from, name) in [
        (".controls [data-play]", "line"),
        (".controls input", "speed"),
        (".controls select", "missing"),
        (".missing li:last-child button", "words"),
    ] {
        let start = "document.querySelector(arguments[0]).focus(); return null";
        let _: Value = page.value(start, vec![from.into()]).await?;
        page.tap(Key::Tab, "").await?;
        page.picture(&format!("focus-{name}")).await?;
        let hidden: Vec<String> = page.value(HIDDEN, Vec::new()).await?;
        ensure!(hidden.is_empty(), "out of sight at {name}: {hidden:?}");
    }
    let again =
        "document.querySelectorAll('.missing li + li').forEach((one) => one.remove()); return null";
    let _: Value = page.value(again, Vec::new()).await?;
    page.size(1280, 900).await
}

/// Which of what has the focus and what plays is out of sight, or behind something else.
const HIDDEN: &str = "return [document.activeElement, document.querySelector('.controls [data-play]')].filter((e) => {
    const { left, top, width, height } = e.getBoundingClientRect();
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    return !e.matches('.play *') || !(there && e.contains(there));
  }).map((e) => `${e.localName} ${e.className} ${e.textContent.slice(0, 60)}`)";

async fn states(page: &Browser, state: &str) -> Result<()> {
    let _: Value = page
        .value("scrollTo(0, 0); return null", Vec::new())
        .await?;
    page.whole_picture(state).await?;
    fits(page, state).await?;
    in_the_dark(page, &format!("{state}-dark")).await?;
    for (width, name) in [(390, "phone"), (360, "small"), (320, "narrow")] {
        page.size(width, 780).await?;
        page.whole_picture(&format!("{state}-{name}")).await?;
        fits(page, state).await?;
        if width == 360 {
            in_the_dark(page, &format!("{state}-{name}-dark")).await?;
        }
    }
    sized(page, 640, 450, &format!("{state}-zoomed")).await?;
    page.size(1280, 900).await
}
