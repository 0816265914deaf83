//! Calls in their states, at the widget and at the desk. Both sides see performers.

use anyhow::{Context as _, Result, ensure};
use demo::people::Client;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::performer;
use testkit::visitor::Visitor;

use super::{fits, in_the_dark, sized};
use crate::session::client;

/// Whether every picture that is shown moves, and how many there are.
const SEEN: &str =
    "const all = [...document.querySelectorAll('.tile video')].filter((v) => v.checkVisibility());
  return all.length === arguments[0] && all.every((v) => v.videoWidth > 0 && v.currentTime > 0)";

/// Whether nobody is waited for, and nothing is being looked for.
const BACK: &str =
    "return !/Reconnecting|Connecting|Connection lost/.test(document.body.innerText)";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let (visitor, desk) = talking(&house, &driver, &bank, "states-call").await?;
    let (widget, page) = (&visitor.browser, &desk.browser);
    widget.picture("door").await?;
    fits(widget, "the widget's door to calls").await?;
    let lines = "const title = document.querySelector('h1'); return title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight)";
    let lines: f64 = widget.value(lines, Vec::new()).await?;
    ensure!(lines < 1.5, "the client's name wraps: {lines}");
    sized(widget, 320, 640, "door-narrow").await?;
    widget.size(1180, 820).await?;
    page.picture("door").await?;
    fits(page, "the desk's door to calls").await?;

    widget.press_named("Call").await?;
    widget.read("Recorded and kept").await?;
    of_widget(widget, "consent").await?;
    widget.press_named("Agree and call").await?;
    page.see(".card.ring").await?;
    widget.read("Calling \u{2068}").await?;
    of_widget(widget, "calling").await?;
    of_desk(page, "ringing").await?;
    page.press_named("Answer").await?;
    page.see(".consent").await?;
    of_desk(page, "consent").await?;
    page.press_named("Agree and answer").await?;
    talk(widget, page).await?;
    of_widget(widget, "audio").await?;
    of_desk(page, "audio").await?;

    widget.press_named("Turn the camera on").await?;
    widget.press_named("Agree and turn the camera on").await?;
    page.read("would like to turn the camera on").await?;
    widget
        .read("Your camera waits until everyone agrees")
        .await?;
    widget.picture("not-agreed-by-all").await?;
    of_desk(page, "asked").await?;
    sized(page, 640, 360, "asked-landscape").await?;
    page.size(1280, 800).await?;
    page.press_named("Agree and watch").await?;
    seen(page, 1).await?;
    page.press_named("Turn the camera on").await?;
    seen(widget, 1).await?;
    of_widget(widget, "video").await?;
    sized(widget, 640, 360, "video-landscape").await?;
    let writes = "const field = document.querySelector('textarea'); const { x, y, width, height } = field.getBoundingClientRect();
      return field === document.elementFromPoint(x + width / 2, y + height / 2)";
    widget.until("room to write", writes, Vec::new()).await?;
    widget.size(1180, 820).await?;
    widget
        .see("vestibule-talk textarea")
        .await?
        .send_keys("One mo")
        .await?;
    widget.picture("video-and-writing").await?;
    of_desk(page, "video").await?;

    widget.press_named("Mute the microphone").await?;
    page.see("[class=state]:not(:empty)").await?;
    widget.picture("muted").await?;
    in_the_dark(widget, "muted-dark").await?;
    page.picture("muted").await?;
    widget.press_named("Unmute the microphone").await?;
    page.press_named("Put the call on hold").await?;
    widget.read("has put the call on hold").await?;
    of_widget(widget, "held").await?;
    page.picture("hold").await?;
    // Of a call that is on hold nothing is recorded; what is written still is.
    for (browser, sign) in [(widget, ".top .recorded"), (page, ".heading .recorded")] {
        ensure!(browser.texts(sign).await? == ["Chat recorded"], "on hold");
    }
    page.press_named("Resume the call").await?;
    seen(page, 1).await?;
    for (browser, sign) in [(widget, ".top .recorded"), (page, ".heading .recorded")] {
        ensure!(browser.texts(sign).await? == ["Recorded"], "it goes on");
    }

    page.press_named("Show your screen").await?;
    page.press_named("Agree and choose a screen").await?;
    widget.press_named("Agree and watch").await?;
    seen(widget, 2).await?;
    of_widget(widget, "screen").await?;
    page.read("You are showing your screen").await?;
    of_desk(page, "screen").await?;
    widget.press_named("Devices and consent").await?;
    widget.see(".settings select").await?;
    widget.picture("settings").await?;
    fits(widget, "the devices").await?;
    widget.press("h1").await?;

    house.relay.kill().await?;
    widget.read("Reconnecting").await?;
    page.read("Reconnecting").await?;
    widget.see(".banner").await?;
    of_widget(widget, "reconnecting").await?;
    of_desk(page, "reconnecting").await?;
    house.start_relay().await?;
    for browser in [widget, page] {
        browser.hurry().await?;
        browser
            .until("the call to be back", BACK, Vec::new())
            .await?;
    }
    seen(widget, 2).await?;
    seen(page, 1).await?;
    widget.picture("back").await?;

    widget.press_named("Hang up").await?;
    page.read("The call has ended. It lasted").await?;
    widget.read("The call ended after").await?;
    of_widget(widget, "ended").await?;
    of_desk(page, "ended").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_calls_way() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let (visitor, desk) = talking(&house, &driver, &bank, "states-no-call").await?;
    let (widget, page) = (&visitor.browser, &desk.browser);

    performer::refuse(widget, "audio", Some("NotAllowedError")).await?;
    widget.press_named("Call").await?;
    widget.press_named("Agree and call").await?;
    widget
        .read("does not let this page use the microphone")
        .await?;
    of_widget(widget, "no-permission").await?;
    performer::refuse(widget, "audio", Some("NotFoundError")).await?;
    widget.press_named("Call again").await?;
    widget.read("No microphone was found").await?;
    of_widget(widget, "no-device").await?;
    performer::refuse(widget, "audio", None).await?;
    widget.press_named("Call again").await?;

    performer::refuse(page, "audio", Some("NotAllowedError")).await?;
    page.press_named("Answer").await?;
    page.press_named("Agree and answer").await?;
    page.read("does not let this page use the microphone")
        .await?;
    of_desk(page, "no-permission").await?;
    widget.read("the microphone is not allowed there").await?;
    of_widget(widget, "not-taken").await?;

    performer::refuse(page, "audio", Some("NotFoundError")).await?;
    page.press_named("Call again").await?;
    page.read("No microphone was found").await?;
    of_desk(page, "no-device").await?;
    performer::refuse(page, "audio", None).await?;
    page.press_named("Call again").await?;
    widget.see(".card.ring").await?;
    of_widget(widget, "ringing").await?;
    widget.press_named("Decline").await?;
    page.read("declined the call").await?;
    page.picture("declined").await?;
    house.stop().await
}

/// A visitor who agreed to chat alone, and the agent who answers.
async fn talking(
    house: &House,
    driver: &Driver,
    bank: &Client,
    name: &str,
) -> Result<(Visitor, Agent)> {
    let mia = bank.agents.first().context("the bank has agents")?;
    let browser = performer::open(driver, name, 1180, 820).await?;
    browser.goto(house.plan().shop_origin()).await?;
    let visitor = Visitor { browser };
    visitor.press_launcher().await?;
    visitor.agree(Some("Blue Heron")).await?;
    let browser = performer::open(driver, &format!("{name}-desk"), 1280, 800).await?;
    browser.goto(house.plan().desk_origin()).await?;
    browser.see("desk-sign-in form").await?;
    let desk = Agent { browser };
    desk.sign_in(bank, mia).await?;
    desk.accept("Blue Heron").await?;
    desk.say("Good morning. Shall we talk about it?").await?;
    desk.browser.see("button.call").await?;
    visitor.browser.see(".door button").await?;
    Ok((visitor, desk))
}

/// Waits until both are in the call, and its connections are up.
async fn talk(widget: &Browser, page: &Browser) -> Result<()> {
    for browser in [widget, page] {
        performer::connected(browser).await?;
        browser.read("In the call").await?;
    }
    Ok(())
}

/// Waits until this many pictures of the others' are shown, and move.
async fn seen(browser: &Browser, pictures: u8) -> Result<()> {
    browser
        .until("the pictures to move", SEEN, vec![pictures.into()])
        .await
}

async fn of_widget(widget: &Browser, state: &str) -> Result<()> {
    widget.picture(state).await?;
    fits(widget, state).await?;
    in_the_dark(widget, &format!("{state}-dark")).await?;
    for (width, height, name) in [(390, 780, "phone"), (320, 640, "narrow")] {
        sized(widget, width, height, &format!("{state}-{name}")).await?;
    }
    widget.size(1180, 820).await
}

async fn of_desk(page: &Browser, state: &str) -> Result<()> {
    page.picture(state).await?;
    fits(page, state).await?;
    in_the_dark(page, &format!("{state}-dark")).await?;
    for (width, height, name) in [(390, 780, "phone"), (320, 700, "narrow")] {
        sized(page, width, height, &format!("{state}-{name}")).await?;
    }
    page.size(1280, 800).await
}
