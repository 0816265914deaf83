//! The widget in its states.

use anyhow::{Context as _, Result, ensure};
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;

use super::{ARABIC, LONG, fits, in_the_dark, sized};
use crate::session::client;

/// Whether one can agree and decline from where one reads, and what Tab leads to is not behind that.
const ANSWERED: &str = "const reached = (e) => {
    const { x, y, width, height } = e.getBoundingClientRect();
    return e.contains(document.elementFromPoint(x + width / 2, y + height / 2));
  };
  const answers = [...document.querySelectorAll('.choice > .primary, .choice > a')];
  const stops = [...document.querySelectorAll('.gate :is(summary, input[type=text], details a)')];
  return answers.length === 2 && stops.length > 2 && stops.every((stop) => {
    stop.focus();
    return [stop, ...answers].every(reached);
  })";

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let shop = house.plan().shop_origin();

    let visitor = Visitor::arrive(&driver, "states-widget", &shop).await?;
    let page = &visitor.browser;
    visitor.press_launcher().await?;
    page.see("form.gate").await?;
    fits(page, "the gate").await?;
    page.press("form.gate summary").await?;
    page.picture("gate-details").await?;
    narrow(&visitor, "gate").await?;
    for (width, height) in [(320, 640), (360, 640), (640, 360)] {
        let state = format!("gate-{width}-{height}");
        sized(page, width, height, &state).await?;
        page.until(&state, ANSWERED, Vec::new()).await?;
    }
    page.size(1180, 820).await?;
    in_the_dark(page, "gate-dark").await?;
    page.see("select[aria-label=Language]").await?;
    page.execute(
        "const list = document.querySelector('select[aria-label=Language]'); list.value = 'de'; list.dispatchEvent(new Event('change'))",
        Vec::new(),
    )
    .await?;
    page.read("Wie möchten Sie").await?;
    page.picture("gate-german").await?;
    sized(page, 320, 640, "gate-german-narrow").await?;

    // Another page of the same kind: unrecorded talk is offered there.
    let clinic = Visitor::arrive(&driver, "states-clinic", &format!("{shop}/clinic")).await?;
    clinic.press_launcher().await?;
    clinic.browser.press("label.check input").await?;
    clinic.browser.picture("gate-unrecorded").await?;
    clinic.agree(Some("Quiet Falcon")).await?;
    clinic.browser.read("Not recorded").await?;
    clinic.browser.picture("talk-unrecorded").await?;
    clinic.end().await?;
    clinic.browser.picture("ended-unrecorded").await?;

    // The frame by itself, because what it asks for can be held back there.
    let site = bank.site.context("the bank has a site")?;
    let frame = format!("{}/frame/{site}", house.plan().widget_origin());
    let alone = Browser::open(&driver, "states-gate", 376, 620).await?;
    alone.hold("*/notice*").await?;
    alone.goto(&frame).await?;
    alone.read("Opening").await?;
    alone.picture("loading").await?;
    in_the_dark(&alone, "loading-dark").await?;
    alone.release().await?;
    alone.see("form.gate").await?;
    alone.block(&["*/consents"]).await?;
    alone.press("form.gate button[type=submit]").await?;
    alone.see("form.gate .error").await?;
    alone.picture("refused").await?;
    sized(&alone, 320, 640, "refused-narrow").await?;
    alone.block(&["*/notice*"]).await?;
    alone.refresh().await?;
    alone.see(".error").await?;
    alone.picture("offline").await?;
    fits(&alone, "the gate offline").await?;
    in_the_dark(&alone, "offline-dark").await?;

    // No relay at all: the launcher says so by itself.
    let late = Visitor::arrive(&driver, "states-launcher", &shop).await?;
    house.relay.kill().await?;
    late.press_launcher().await?;
    late.browser.enter_default_frame().await?;
    late.browser.picture("opening").await?;
    late.browser
        .until(
            "the launcher to give up",
            "return document.querySelector('vestibule-launcher').shadowRoot.querySelector('.cover p').textContent.includes('cannot be opened')",
            Vec::new(),
        )
        .await?;
    late.browser.picture("gave-up").await?;
    in_the_dark(&late.browser, "gave-up-dark").await?;
    house.start_relay().await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widgets_conversation_in_its_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let shop = house.plan().shop_origin();

    let visitor = Visitor::arrive(&driver, "states-talk", &shop).await?;
    let page = &visitor.browser;
    visitor.press_launcher().await?;
    visitor.agree(Some("Blue Heron")).await?;
    page.see(".waiting").await?;
    fits(page, "waiting").await?;
    narrow(&visitor, "waiting").await?;
    in_the_dark(page, "waiting-dark").await?;
    let desk = Agent::arrive(&driver, "states-desk-of-talk", &house.plan().desk_origin()).await?;
    desk.sign_in(&bank, mia).await?;
    desk.accept("Blue Heron").await?;
    for text in [
        LONG,
        ARABIC,
        "https://shop.example/a/very/long/address?with=parameters&and=more",
    ] {
        visitor.say(text).await?;
    }
    page.picture("talk-long-words").await?;
    for number in 1..=8 {
        desk.say(&format!(
            "Answer number {number}, which says that it is being looked at."
        ))
        .await?;
    }
    visitor
        .line(
            "theirs",
            "Answer number 8, which says that it is being looked at.",
        )
        .await?;
    page.picture("talk-many").await?;
    fits(page, "the conversation").await?;
    narrow(&visitor, "talk").await?;
    in_the_dark(page, "talk-dark").await?;
    page.press("button[popovertarget=menu]").await?;
    page.see("#menu button").await?;
    page.picture("menu").await?;
    fits(page, "the menu").await?;
    page.press("#menu button:last-of-type").await?;
    page.see("dialog[open]").await?;
    page.picture("dialog-end").await?;
    in_the_dark(page, "dialog-end-dark").await?;
    sized(page, 320, 640, "dialog-end-narrow").await?;
    page.size(1180, 820).await?;
    page.press("dialog[open] button:not(.stop)").await?;
    page.gone("dialog[open]").await?;

    house.relay.kill().await?;
    page.see(".banner").await?;
    visitor.write("Written while the line was down").await?;
    visitor
        .line("pending", "Written while the line was down")
        .await?;
    page.picture("talk-lost").await?;
    fits(page, "the conversation without a connection").await?;
    house.start_relay().await?;
    page.hurry().await?;
    visitor
        .acknowledged("Written while the line was down")
        .await?;

    // The same tab once more: whoever comes back last has the conversation.
    page.enter_default_frame().await?;
    page.execute(
        "const { shadowRoot } = document.querySelector('vestibule-launcher');
         const again = shadowRoot.querySelector('iframe').cloneNode();
         again.id = 'again'; again.style.visibility = 'hidden'; document.body.append(again);",
        Vec::new(),
    )
    .await?;
    visitor.enter_frame().await?;
    page.see(".foot > .card").await?;
    page.picture("superseded").await?;
    fits(page, "the superseded card").await?;
    sized(page, 320, 640, "superseded-narrow").await?;
    page.size(1180, 820).await?;
    page.enter_default_frame().await?;
    page.execute("document.getElementById('again').remove()", Vec::new())
        .await?;
    visitor.enter_frame().await?;
    page.press_named("Continue here").await?;
    page.see("vestibule-composer textarea").await?;

    visitor.end().await?;
    fits(page, "the end").await?;
    narrow(&visitor, "ended").await?;
    in_the_dark(page, "ended-dark").await?;
    page.press("vestibule-ended .row button:nth-of-type(2)")
        .await?;
    page.see("ol.words").await?;
    page.picture("ended-words").await?;
    sized(page, 320, 640, "ended-words-narrow").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_where_too_much_is_written() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let visitor = Visitor::arrive(&driver, "states-too", &house.plan().shop_origin()).await?;
    let page = &visitor.browser;
    visitor.press_launcher().await?;
    visitor.agree(Some("Quiet Falcon")).await?;
    page.see(".waiting").await?;
    let unanswered = 20;
    for number in 1..=unanswered {
        visitor.say(&format!("Is anyone there? {number}")).await?;
        if number == 1 {
            page.execute(
                "const field = document.querySelector('textarea'); field.value = 'Word '.repeat(900); field.dispatchEvent(new Event('input'))",
                Vec::new(),
            )
            .await?;
            page.see("#note.error").await?;
            page.picture("long").await?;
            page.write("vestibule-composer textarea", "").await?;
        }
    }
    page.read("No more can be taken before somebody answers")
        .await?;
    let read_only: bool = page
        .value(
            "return document.querySelector('textarea').readOnly",
            Vec::new(),
        )
        .await?;
    ensure!(read_only, "more can be written than is taken");
    page.picture("many-unanswered").await?;
    sized(page, 320, 640, "many-unanswered-narrow").await?;
    house.stop().await
}

/// On a phone, on the narrowest screen there is, and where everything is twice as large.
async fn narrow(visitor: &Visitor, what: &str) -> Result<()> {
    for (width, height, name) in [
        (390, 780, "phone"),
        (320, 640, "narrow"),
        (590, 410, "zoomed"),
    ] {
        sized(&visitor.browser, width, height, &format!("{what}-{name}")).await?;
    }
    visitor.browser.size(1180, 820).await
}
