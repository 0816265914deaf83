//! What a call changes beside itself: the log, the list of conversations, what is asked, the sign.

use anyhow::{Context as _, Result, ensure};
use testkit::Key;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;

use super::{CAMERA, MUTE, UNMUTE, VISITOR, agent, call, moving, tiles, visitor};
use crate::pictures::{fits, in_the_dark, sized};
use crate::session::client;

/// Whether the last of what was said and what happened is in sight, and nothing lies over it.
const AT_END: &str = "const log = document.querySelector('vestibule-log, .scroller');
  const down = [...document.querySelectorAll('.down')].some((button) => button.checkVisibility());
  return !down && log.clientHeight > 0 && log.scrollHeight - log.scrollTop - log.clientHeight < 2";

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_at_its_end_in_a_call_and_folds_what_happens_in_it() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let agent = agent(&house, &driver, "log-desk", &bank, mia).await?;
    let visitor = visitor(&house, &driver, "log-widget", VISITOR).await?;
    agent.accept(VISITOR).await?;
    let (widget, desk) = (&visitor.browser, &agent.browser);
    for number in 1..=9 {
        agent.say(&format!("This is number {number}.")).await?;
    }
    visitor.say("My card was declined.").await?;
    call(&visitor, &agent).await?;
    widget.press_named(CAMERA).await?;
    widget.press_named("Agree and turn the camera on").await?;
    desk.press_named("Agree and watch").await?;
    moving(desk, 1).await?;
    for _ in 0..3 {
        widget.press_named(MUTE).await?;
        widget.press_named(UNMUTE).await?;
    }
    for browser in [widget, desk] {
        browser.until("the log's end", AT_END, Vec::new()).await?;
        browser.picture("folded").await?;
    }

    // One line tells the last and how many they are, and they are one key away.
    let folds = widget.texts(".event summary").await?;
    ensure!(folds.len() == 1, "{folds:?}");
    ensure!(desk.texts(".event summary").await?.len() == 1, "the desk's");
    ensure!(
        folds.iter().all(|fold| fold.ends_with(" events")),
        "{folds:?}"
    );
    // What was agreed to is not among them.
    widget.read("You agreed to sound").await?;
    let shown = "return [...document.querySelectorAll('.event li')].filter((li) => li.checkVisibility()).length";
    ensure!(widget.value::<u64>(shown, Vec::new()).await? == 0, "open");
    widget
        .execute(
            "document.querySelector('.event summary').focus()",
            Vec::new(),
        )
        .await?;
    widget.tap(Key::Enter, "").await?;
    widget.read("You muted the microphone").await?;
    widget.picture("unfolded").await?;
    let before: u64 = widget.value(shown, Vec::new()).await?;
    desk.press_named(MUTE).await?;
    let more = "return document.querySelectorAll('.event li').length > arguments[0]";
    widget.until("one more", more, vec![before.into()]).await?;
    let open: bool = widget
        .value(
            "return document.activeElement.matches('[open] summary')",
            Vec::new(),
        )
        .await?;
    ensure!(open, "what was open is closed, or has lost the focus");

    // What is said stands by itself; the call's beginning and end do too.
    visitor.say("It works now.").await?;
    widget.press_named("Hang up").await?;
    for (browser, who) in [(widget, "You"), (desk, VISITOR)] {
        let called = format!("{who} called");
        let lines = if who == "You" {
            visitor.lines().await?
        } else {
            agent.lines().await?
        };
        let plain = |text: &str| text.replace(['\u{2068}', '\u{2069}'], "");
        ensure!(
            lines.iter().any(|line| plain(&line.text) == called),
            "{lines:?}"
        );
        browser.read("The call ended after").await?;
        browser.until("the log's end", AT_END, Vec::new()).await?;
    }
    house.stop().await
}

/// Whether all that is asked, and every control, can be pressed where it stands, and the screen that is
/// watched is in sight.
const REACHED: &str = "const hit = (e, x, y) => e.contains(document.elementFromPoint(x, y));
  const reached = (e) => { const b = e.getBoundingClientRect(); return hit(e, b.x + b.width / 2, b.y + b.height / 2); };
  const pressed = [...document.querySelectorAll('.consent .acts button, .controls button:not([hidden])')];
  const screen = document.querySelector('.screen video').getBoundingClientRect();
  return pressed.length === 8 && pressed.every(reached) && screen.height > 90
    && [screen.top + 4, screen.bottom - 4].every((y) => hit(document.querySelector('.screen'), screen.x + 20, y))";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_asked_for_only_when_the_other_begins_anew() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let agent = agent(&house, &driver, "withdrawn-desk", &bank, mia).await?;
    let visitor = visitor(&house, &driver, "withdrawn-widget", VISITOR).await?;
    agent.accept(VISITOR).await?;
    let (widget, desk) = (&visitor.browser, &agent.browser);
    call(&visitor, &agent).await?;
    desk.press_named("Show your screen").await?;
    desk.press_named("Agree and choose a screen").await?;
    widget.press_named("Agree and watch").await?;
    moving(widget, 1).await?;

    // In a small window nothing lies over the question or its buttons, and the screen stays in sight.
    desk.press_named(CAMERA).await?;
    desk.press_named("Agree and turn the camera on").await?;
    widget.see(".consent").await?;
    for (width, height) in [(360, 560), (320, 568), (390, 780), (640, 360)] {
        let state = format!("asked-{width}");
        sized(widget, width, height, &state).await?;
        widget.until(&state, REACHED, Vec::new()).await?;
    }
    widget.size(1180, 820).await?;
    widget.until("all in reach", REACHED, Vec::new()).await?;
    in_the_dark(widget, "asked-dark").await?;
    widget.press_named("Agree and watch").await?;
    moving(widget, 2).await?;

    // Where it is withdrawn it is said what goes with it; after that nothing is asked by itself.
    widget.press_named("Devices and consent").await?;
    widget.see(".settings select").await?;
    widget.picture("withdrawing").await?;
    widget
        .press_named("Withdraw consent to cameras (nobody is seen any more)")
        .await?;
    desk.read("withdrew consent to cameras. Your camera waits until everyone agrees.")
        .await?;
    let away = "You see Mia\u{2019}s camera once you agree.";
    tiles(widget, &[("Mia: screen", ""), ("Mia", away)]).await?;
    ensure!(widget.texts(".consent").await?.is_empty(), "asked again");
    widget.picture("withdrawn").await?;
    fits(widget, "withdrawn").await?;
    desk.press_named("Turn the camera off").await?;
    tiles(widget, &[("Mia: screen", ""), ("Mia", "")]).await?;
    desk.press_named(CAMERA).await?;
    widget.see(".consent").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_another_conversation_is_seen_in_the_list_and_so_is_a_missed_one() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let agent = agent(&house, &driver, "elsewhere-desk", &bank, mia).await?;
    let first = visitor(&house, &driver, "elsewhere-first", VISITOR).await?;
    agent.accept(VISITOR).await?;
    let page = Visitor::arrive(&driver, "elsewhere-second", &house.plan().shop_origin()).await?;
    page.press_launcher().await?;
    page.agree(Some("Quiet Falcon")).await?;
    agent.accept("Quiet Falcon").await?;

    let (widget, desk) = (&first.browser, &agent.browser);
    widget.press_named("Call").await?;
    widget.press_named("Agree and call").await?;
    desk.see("desk-mine .rings .call").await?;
    ensure!(
        desk.texts("desk-mine .call")
            .await?
            .contains(&"Calling".to_owned()),
        "the list"
    );
    desk.read("is calling").await?;
    desk.picture("rings").await?;
    fits(desk, "a call elsewhere").await?;
    in_the_dark(desk, "rings-dark").await?;
    sized(desk, 390, 780, "rings-phone").await?;
    sized(desk, 320, 640, "rings-narrow").await?;
    desk.size(1280, 800).await?;
    widget.press_named("Hang up").await?;
    desk.read("Missed call").await?;
    desk.gone("desk-mine .rings").await?;
    let title = "return document.title.startsWith('(1)')";
    desk.until("the title to count it", title, Vec::new())
        .await?;
    desk.picture("missed").await?;
    in_the_dark(desk, "missed-dark").await?;

    // It is a mark until somebody looks, and no longer.
    desk.press("desk-mine:has(.call:not([hidden])) button")
        .await?;
    desk.gone("desk-mine .call").await?;
    desk.read("called. The call was not answered.").await?;
    house.stop().await
}
