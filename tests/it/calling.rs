//! Calls in browsers beyond two people and a mouse: three of them, by keyboard alone, and with somebody
//! who is in another call already.

mod beside;

use anyhow::{Context as _, Result, bail, ensure};
use demo::people::{Client, Person};
use testkit::Key;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::performer;
use testkit::visitor::Visitor;

use crate::keyboard::{back, on, walk};
use crate::pictures::{fits, in_the_dark, sized};
use crate::session::client;

const VISITOR: &str = "Blue Heron";
const CAMERA: &str = "Turn the camera on";
const MUTE: &str = "Mute the microphone";
const UNMUTE: &str = "Unmute the microphone";

/// A visitor on the client's page, who agrees to chat.
async fn visitor(house: &House, driver: &Driver, name: &str, who: &str) -> Result<Visitor> {
    let browser = performer::open(driver, name, 1180, 820).await?;
    let visitor = Visitor::arrive_in(browser, &house.plan().shop_origin()).await?;
    visitor.press_launcher().await?;
    visitor.agree(Some(who)).await?;
    Ok(visitor)
}

/// An agent at the desk.
async fn agent(
    house: &House,
    driver: &Driver,
    name: &str,
    client: &Client,
    person: &Person,
) -> Result<Agent> {
    let browser = performer::open(driver, name, 1280, 800).await?;
    let agent = Agent::arrive_in(browser, &house.plan().desk_origin()).await?;
    agent.sign_in(client, person).await?;
    Ok(agent)
}

/// The visitor calls, and the agent answers.
async fn call(visitor: &Visitor, agent: &Agent) -> Result<()> {
    visitor.browser.press_named("Call").await?;
    visitor.browser.press_named("Agree and call").await?;
    agent.browser.press_named("Answer").await?;
    agent.browser.press_named("Agree and answer").await?;
    for browser in [&visitor.browser, &agent.browser] {
        performer::connected(browser).await?;
        browser.read("In the call").await?;
    }
    Ok(())
}

/// Waits until these others are shown, by name, and with what is said of each.
async fn tiles(browser: &Browser, wanted: &[(&str, &str)]) -> Result<()> {
    let script = "const plain = (text) => text.replace(/[\\u2068\\u2069]/g, '').trim();
      const shown = [...document.querySelectorAll('vestibule-call .tile')].filter((t) => t.checkVisibility())
        .map((t) => `${plain(t.querySelector('.name').textContent)}: ${plain(t.querySelector('.state').textContent)}`).sort();
      return shown.join('|') === arguments[0]";
    let mut wanted: Vec<String> = wanted
        .iter()
        .map(|(name, state)| format!("{name}: {state}"))
        .collect();
    wanted.sort();
    let what = wanted.join("|");
    browser
        .until(&what, script, vec![what.as_str().into()])
        .await
}

/// Waits until so many pictures of others move.
async fn moving(browser: &Browser, count: u64) -> Result<()> {
    let script = "return [...document.querySelectorAll('vestibule-call .tile video')]
      .filter((v) => v.checkVisibility() && v.videoWidth && !v.paused && v.currentTime > 0).length === arguments[0]";
    let what = format!("{count} moving pictures");
    browser.until(&what, script, vec![count.into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_people_hear_and_see_each_other_by_name() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [mia, jonas] = bank.agents.as_slice() else {
        bail!("the bank has two agents")
    };
    let first = agent(&house, &driver, "three-mia", &bank, mia).await?;
    let second = agent(&house, &driver, "three-jonas", &bank, jonas).await?;
    let visitor = visitor(&house, &driver, "three-widget", VISITOR).await?;
    let (widget, desk, third) = (&visitor.browser, &first.browser, &second.browser);
    first.accept(VISITOR).await?;
    call(&visitor, &first).await?;

    // The third is asked in, and is rung.
    first.invite("Jonas").await?;
    second.accept(VISITOR).await?;
    third.press_named("Answer").await?;
    third.press_named("Agree and answer").await?;
    performer::connected(third).await?;
    tiles(widget, &[("Mia", ""), ("Jonas", "")]).await?;
    tiles(desk, &[(VISITOR, ""), ("Jonas", "")]).await?;
    tiles(third, &[(VISITOR, ""), ("Mia", "")]).await?;

    // A camera flows once all three have agreed to cameras.
    widget.press_named(CAMERA).await?;
    widget.press_named("Agree and turn the camera on").await?;
    desk.press_named("Agree and watch").await?;
    widget
        .read("Your camera waits until everyone agrees")
        .await?;
    third.press_named("Agree and watch").await?;
    moving(desk, 1).await?;
    moving(third, 1).await?;
    for agent in [desk, third] {
        agent.press_named(CAMERA).await?;
    }
    for browser in [widget, desk, third] {
        moving(browser, 2).await?;
    }
    third.press_named(MUTE).await?;
    tiles(widget, &[("Mia", ""), ("Jonas", "Muted")]).await?;
    tiles(desk, &[(VISITOR, ""), ("Jonas", "Muted")]).await?;
    pictures(widget, desk, "three").await?;

    // Who goes leaves the others in it.
    third.press_named("Hang up").await?;
    tiles(widget, &[("Mia", "")]).await?;
    tiles(desk, &[(VISITOR, "")]).await?;
    moving(widget, 1).await?;
    third.read("A call is going on without you").await?;
    for browser in [widget, desk, third] {
        let mut complaints = browser.complaints().await?;
        complaints.retain(|line| !(line.contains("/api/v1/me") && line.contains("401")));
        ensure!(complaints.is_empty(), "{complaints:?}");
    }
    house.stop().await
}

async fn pictures(widget: &Browser, desk: &Browser, state: &str) -> Result<()> {
    for (browser, width, height) in [(widget, 1180, 820), (desk, 1280, 800)] {
        browser.picture(state).await?;
        fits(browser, state).await?;
        in_the_dark(browser, &format!("{state}-dark")).await?;
        sized(browser, 390, 780, &format!("{state}-phone")).await?;
        sized(browser, 320, 640, &format!("{state}-narrow")).await?;
        browser.size(width, height).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_begun_taken_muted_and_ended_by_keyboard_alone() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let agent = agent(&house, &driver, "call-keys-desk", &bank, mia).await?;
    let visitor = visitor(&house, &driver, "call-keys-widget", VISITOR).await?;
    agent.accept(VISITOR).await?;
    let (widget, desk) = (&visitor.browser, &agent.browser);

    // It is asked where one is, and the answer is the next stop.
    widget.see(".door button").await?;
    on(widget, "Write a message").await?;
    back(widget, "Call").await?;
    widget.tap(Key::Enter, "").await?;
    on(widget, "Agree before you talk").await?;
    ensure!(
        walk(widget, 3).await? == ["Who, why, your rights", "Agree and call", "Not now"],
        "the question's order"
    );
    back(widget, "Agree and call").await?;
    widget.tap(Key::Enter, "").await?;
    widget.read("Calling \u{2068}").await?;
    on(widget, MUTE).await?;

    // The ring takes no focus from who writes; the key takes the call.
    desk.see(".card.ring").await?;
    on(desk, "Write a message").await?;
    desk.type_text("One mo").await?;
    desk.tap(Key::Alt, "c").await?;
    on(desk, "Agree before you talk").await?;
    ensure!(walk(desk, 1).await? == ["Agree and answer"], "at the desk");
    desk.tap(Key::Enter, "").await?;
    for browser in [widget, desk] {
        performer::connected(browser).await?;
        browser.read("In the call").await?;
    }
    on(desk, MUTE).await?;
    on(widget, MUTE).await?;

    // Both mute and open again, and the focus stays where it was.
    desk.type_text("m").await?;
    tiles(widget, &[("Mia", "Muted")]).await?;
    on(desk, UNMUTE).await?;
    desk.type_text("m").await?;
    tiles(widget, &[("Mia", "")]).await?;
    widget.tap(Key::Enter, "").await?;
    tiles(desk, &[(VISITOR, "Muted")]).await?;
    on(widget, UNMUTE).await?;
    widget.tap(Key::Enter, "").await?;
    tiles(desk, &[(VISITOR, "")]).await?;

    // Tab goes through the controls and out of them, to where one writes.
    let order = walk(widget, 8).await?;
    ensure!(
        order.starts_with(&[
            CAMERA.to_owned(),
            "Show your screen".to_owned(),
            "Put the call on hold".to_owned(),
            "Devices and consent".to_owned(),
            "Hang up".to_owned(),
        ]) && order.iter().any(|name| name == "Write a message"),
        "{order:?}"
    );
    // The devices open, and Escape closes them and nothing else.
    back(widget, "Devices and consent").await?;
    widget.tap(Key::Enter, "").await?;
    widget.see(".settings select").await?;
    widget.tap(Key::Escape, "").await?;
    widget.gone(".settings select").await?;
    on(widget, "Devices and consent").await?;

    // What was begun to be written is still there; the key hangs up also from there.
    desk.type_text("r").await?;
    on(desk, "Write a message").await?;
    desk.type_text("ment").await?;
    desk.tap(Key::Alt, "h").await?;
    desk.read("The call has ended. It lasted").await?;
    let written: String = desk
        .value(
            "return document.querySelector('desk-composer textarea').value",
            Vec::new(),
        )
        .await?;
    ensure!(written == "One moment", "{written:?}");
    on(desk, "Write a message").await?;
    widget.read("The call ended after").await?;
    // Whoever writes may begin at once, and also when that is put away.
    on(widget, "Write a message").await?;
    back(widget, "Close").await?;
    widget.tap(Key::Enter, "").await?;
    widget.gone("vestibule-call .card").await?;
    on(widget, "Write a message").await?;
    widget.type_text("Back").await?;
    let written: String = widget
        .value(
            "return document.querySelector('textarea').value",
            Vec::new(),
        )
        .await?;
    ensure!(written == "Back", "{written:?}");

    // The agent calls; the visitor hangs up with the focus on the button that says so.
    desk.tap(Key::Alt, "c").await?;
    widget.see(".card.ring").await?;
    on(widget, "Write a message").await?;
    back(widget, "Answer").await?;
    widget.tap(Key::Enter, "").await?;
    widget.read("In the call").await?;
    on(widget, MUTE).await?;
    while walk(widget, 1).await? != ["Hang up"] {}
    widget.tap(Key::Enter, "").await?;
    desk.read("The call has ended. It lasted").await?;

    // Escape puts away what is told, and not the panel.
    widget.see("vestibule-call .away").await?;
    on(widget, "Write a message").await?;
    widget.tap(Key::Escape, "").await?;
    widget.gone("vestibule-call .card").await?;
    widget.see("vestibule-talk textarea").await?;
    on(widget, "Write a message").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_somebody_in_another_call_is_told_so() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let agent = agent(&house, &driver, "busy-desk", &bank, mia).await?;
    let first = visitor(&house, &driver, "busy-first", VISITOR).await?;
    agent.accept(VISITOR).await?;
    call(&first, &agent).await?;
    let second = visitor(&house, &driver, "busy-second", "Quiet Falcon").await?;
    agent.accept("Quiet Falcon").await?;

    let (widget, desk) = (&second.browser, &agent.browser);
    widget.press_named("Call").await?;
    widget.press_named("Agree and call").await?;
    widget.read("is in another call.").await?;
    widget.read("Mia was in another call").await?;
    widget.picture("told").await?;
    fits(widget, "busy").await?;
    sized(widget, 320, 640, "told-narrow").await?;
    widget.size(1180, 820).await?;

    // The agent reads who called; the call that runs goes on, and nothing rings.
    desk.read("\u{2068}Quiet Falcon\u{2069} called").await?;
    desk.read("called while you were in another call").await?;
    desk.picture("told").await?;
    fits(desk, "busy").await?;
    let rings = desk.texts(".card.ring").await?;
    ensure!(rings.is_empty(), "it rings: {rings:?}");
    tiles(&first.browser, &[("Mia", "")]).await?;

    // When the first call is over, the second can be called back.
    first.browser.press_named("Hang up").await?;
    desk.press_named("Call again").await?;
    desk.press_named("Agree and call").await?;
    widget.press_named("Answer").await?;
    widget.read("In the call").await?;
    house.stop().await
}
