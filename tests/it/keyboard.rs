//! Every page by keyboard alone: what Tab reaches and in which order, that it is seen where the
//! focus is, what Enter and Escape do, and where the focus is after a question.

use anyhow::{Context as _, Result, ensure};
use testkit::Key;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;

use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_agrees_talks_and_ends_by_keyboard_alone() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let visitor = Visitor::arrive(&driver, "keys-widget", &house.plan().shop_origin()).await?;
    let page = &visitor.browser;
    for _ in 0..10 {
        if focused(page).await?.0 == "Talk to Alpine Bank" {
            break;
        }
        page.tap(Key::Tab, "").await?;
    }
    page.picture("launcher").await?;
    page.tap(Key::Enter, "").await?;
    visitor.enter_frame().await?;
    page.see("form.gate").await?;
    on(page, "Talk to Alpine Bank").await?;
    ensure!(
        walk(page, 10).await?
            == [
                "Language",
                "Close",
                "Chat",
                "Sound",
                "Camera",
                "Screen",
                "Call me (optional)",
                "Suggest another name",
                "Who, why, your rights",
                "Agree and start chat",
            ],
        "the gate's order"
    );
    page.picture("gate").await?;
    page.tap(Key::Enter, "").await?;
    page.see("vestibule-talk textarea").await?;
    on(page, "Write a message").await?;
    page.type_text("Hello").await?;
    page.tap(Key::Enter, "").await?;
    visitor.acknowledged("Hello").await?;
    on(page, "Write a message").await?;

    // The menu, and out of it again.
    back(page, "More").await?;
    page.tap(Key::Enter, "").await?;
    page.see("#menu button").await?;
    ensure!(
        walk(page, 3).await? == ["Save a copy", "Save the receipt", "End conversation…"],
        "the menu's order"
    );
    page.picture("menu").await?;
    page.tap(Key::Escape, "").await?;
    page.gone("#menu button").await?;
    on(page, "More").await?;

    // The question, taken back, leads to where it was asked.
    page.tap(Key::Enter, "").await?;
    walk(page, 3).await?;
    page.tap(Key::Enter, "").await?;
    page.see("dialog[open]").await?;
    on(page, "Keep talking").await?;
    page.picture("dialog").await?;
    page.tap(Key::Escape, "").await?;
    page.gone("dialog[open]").await?;
    on(page, "More").await?;

    // Escape closes the panel and leads back to the launcher; Enter opens it again.
    page.tap(Key::Escape, "").await?;
    page.enter_default_frame().await?;
    on(page, "Talk to Alpine Bank").await?;
    page.tap(Key::Enter, "").await?;
    visitor.enter_frame().await?;
    on(page, "Write a message").await?;
    back(page, "More").await?;
    page.tap(Key::Enter, "").await?;
    walk(page, 3).await?;
    page.tap(Key::Enter, "").await?;
    page.see("dialog[open]").await?;
    ensure!(walk(page, 1).await? == ["End it"], "the question's order");
    page.tap(Key::Enter, "").await?;
    page.see("vestibule-ended").await?;
    on(page, "The conversation has ended").await?;
    ensure!(
        walk(page, 4).await? == ["Save as a file", "Show as words", "Save a copy", "Close"],
        "the end's order"
    );
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_signs_in_accepts_answers_and_ends_by_keyboard_alone() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [mia, jonas] = bank.agents.as_slice() else {
        anyhow::bail!("the bank has two agents")
    };
    let visitor = Visitor::arrive(&driver, "keys-visitor", &house.plan().shop_origin()).await?;
    visitor.press_launcher().await?;
    visitor.agree(Some("Blue Heron")).await?;

    let desk = Agent::arrive(&driver, "keys-desk", &house.plan().desk_origin()).await?;
    let page = &desk.browser;
    on(page, "Client").await?;
    for (field, text) in [
        ("Client", "alpine"),
        ("Your sign-in name", &mia.sign_in),
        ("Password", &mia.password),
    ] {
        on(page, field).await?;
        page.type_text(text).await?;
        page.tap(Key::Tab, "").await?;
    }
    on(page, "Sign in").await?;
    page.tap(Key::Enter, "").await?;
    on(page, "I know this. Open the desk").await?;
    page.tap(Key::Enter, "").await?;
    page.read("Blue Heron").await?;
    page.type_text("a").await?;
    on(page, "Write a message").await?;
    page.type_text("Good morning").await?;
    page.tap(Key::Enter, "").await?;
    desk.line("mine", "Good morning").await?;
    on(page, "Write a message").await?;

    // A question asked while writing leads back to the field; outside it a letter is enough.
    page.tap(Key::Alt, "e").await?;
    page.see("dialog[open]").await?;
    on(page, "Cancel").await?;
    page.picture("dialog").await?;
    page.tap(Key::Escape, "").await?;
    page.gone("dialog[open]").await?;
    on(page, "Write a message").await?;
    page.tap(Key::Escape, "").await?;
    page.type_text("?").await?;
    page.see("dialog[open] kbd").await?;
    page.tap(Key::Escape, "").await?;
    page.gone("dialog[open]").await?;

    // A colleague comes to the desk while it is asked whom to hand over to.
    page.type_text("t").await?;
    page.read("Not at the desk").await?;
    ensure!(
        page.texts("dialog[open] button:disabled .who").await? == ["Jonas"],
        "Jonas can be chosen before he is there"
    );
    page.picture("not-at-desk").await?;
    let colleague = Agent::arrive(&driver, "keys-colleague", &house.plan().desk_origin()).await?;
    colleague.sign_in(&bank, jonas).await?;
    page.read("At the desk").await?;
    page.picture("at-desk").await?;
    on(page, "Back to the queue Whoever is free").await?;
    ensure!(
        walk(page, 1).await? == ["Jonas At the desk"],
        "whom to hand over to"
    );
    page.tap(Key::Escape, "").await?;
    page.gone("dialog[open]").await?;

    page.tap(Key::Alt, "r").await?;
    on(page, "Write a message").await?;
    let before = [
        "Keys",
        "Sign out",
        "Blue Heron",
        "Call",
        "Video call",
        "Ask a colleague in",
        "Hand over",
        "End",
        "What was said",
    ];
    for name in before.into_iter().rev() {
        page.tap(Key::Shift, &Key::Tab.value().to_string()).await?;
        on(page, name).await?;
    }

    // It ends while the agent writes: what is typed then is neither sent nor a key.
    page.tap(Key::Alt, "r").await?;
    on(page, "Write a message").await?;
    visitor.end().await?;
    page.read("This conversation ended").await?;
    page.type_text("ai?").await?;
    let dialogs = page.texts("dialog").await?;
    ensure!(dialogs.is_empty(), "a letter became a key: {dialogs:?}");
    ensure!(
        walk(page, 1).await? == ["Close conversation"],
        "after the end"
    );
    page.picture("ended").await?;
    page.tap(Key::Enter, "").await?;
    page.see("desk-past").await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_signs_in_and_opens_the_log_by_keyboard_alone() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let vera = bank.officers.first().context("the bank has officers")?;
    let page = Browser::open(&driver, "keys-console", 1280, 900).await?;
    page.goto(house.plan().console_origin()).await?;
    for (field, text) in [
        ("Client", "alpine"),
        ("Your sign-in name", vera.sign_in.as_str()),
        ("Password", &vera.password),
    ] {
        on(&page, field).await?;
        page.type_text(text).await?;
        page.tap(Key::Tab, "").await?;
    }
    on(&page, "Sign in").await?;
    page.tap(Key::Enter, "").await?;
    page.read("Found by their metadata").await?;
    ensure!(
        walk(&page, 6).await?
            == [
                "To the content",
                "Recordings",
                "Cases",
                "Log",
                "Keys and officers",
                "Sign out",
            ],
        "the console's order"
    );
    page.tap(Key::Shift, &Key::Tab.value().to_string()).await?;
    page.tap(Key::Shift, &Key::Tab.value().to_string()).await?;
    on(&page, "Log").await?;
    page.tap(Key::Enter, "").await?;
    page.read("Newest checkpoint").await?;
    page.tap(Key::Tab, "").await?;
    on(&page, "To the content").await?;
    page.picture("skip").await?;
    page.tap(Key::Enter, "").await?;
    ensure!(
        walk(&page, 2).await? == ["The signed note, for other tools", "Check the log"],
        "past what every page begins with"
    );
    page.tap(Key::Enter, "").await?;
    page.read("The log is whole").await?;
    house.stop().await
}

/// Presses Tab so often, and says what came into focus; whatever did must be seen to.
pub(crate) async fn walk(page: &Browser, steps: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for _ in 0..steps {
        page.tap(Key::Tab, "").await?;
        let (name, ring) = focused(page).await?;
        ensure!(ring, "nobody sees that the focus is on {name:?}");
        names.push(name);
    }
    Ok(names)
}

/// Presses Tab backwards until this has the focus.
pub(crate) async fn back(page: &Browser, name: &str) -> Result<()> {
    for _ in 0..20 {
        page.tap(Key::Shift, &Key::Tab.value().to_string()).await?;
        if focused(page).await?.0 == name {
            return Ok(());
        }
    }
    anyhow::bail!("{name} cannot be reached")
}

/// Waits until this has the focus, or what begins with this.
pub(crate) async fn on(page: &Browser, name: &str) -> Result<()> {
    let script =
        format!("return `${{(() => {{ {FOCUSED} }})()[0]}} `.startsWith(`${{arguments[0]}} `)");
    page.until(
        &format!("the focus on {name:?}"),
        &script,
        vec![name.into()],
    )
    .await
}

async fn focused(page: &Browser) -> Result<(String, bool)> {
    page.value(FOCUSED, Vec::new()).await
}

/// What has the focus, by the name that a screen reader would say, and whether a ring is around it.
const FOCUSED: &str = "let e = document.activeElement;
  if (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  const label = e.labels?.[0]?.cloneNode(true);
  label?.querySelectorAll('.small, input').forEach((part) => part.remove());
  const words = (node) => [...node.childNodes].map((part) => part.textContent.trim()).filter(Boolean).join(' ');
  const name = e.ariaLabel || (label ? words(label) : words(e));
  const ringed = e.matches('.toggle input') ? e.closest('.toggle') : e;
  const { outlineStyle, outlineWidth } = getComputedStyle(ringed);
  return [name, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2];";
