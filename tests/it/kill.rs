//! kill -9 of the relay under chat load, fifty times: what was acknowledged is there once, in both
//! browsers and in what two officers open.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::{Line, Visitor};
use tokio::time::sleep;

use crate::session::client;

/// How often the relay dies.
const KILLS: usize = 50;
/// Every so many kills the agent's page is away when it happens: messages are acknowledged to the
/// visitor then, and delivered to nobody.
const AWAY: usize = 10;

/// Types without rest: a number behind a letter, so that each message is its own.
const TYPIST: &str = "
  window.typed = window.typed ?? 0;
  clearInterval(window.typist);
  window.typist = setInterval(() => {
    const field = document.querySelector(arguments[0]);
    if (!field || field.readOnly || document.querySelectorAll(arguments[2]).length > 12) return;
    field.value = arguments[1] + (++window.typed);
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
  }, 30);";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_under_load_lose_and_double_nothing() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "per_minute = 1000000\nsockets_per_minute = 100000\n".to_owned();
    })
    .await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;

    let visitor = Visitor::arrive(&driver, "kill-widget", &house.plan().shop_origin()).await?;
    let desk = Agent::arrive(&driver, "kill-desk", &house.plan().desk_origin()).await?;
    desk.sign_in(&bank, mia).await?;
    visitor.press_launcher().await?;
    visitor.agree(Some("Blue Heron")).await?;
    desk.accept("Blue Heron").await?;

    let mut agent_typed = 0;
    for kill in 0..KILLS {
        let away = kill % AWAY == AWAY - 1;
        if away {
            agent_typed += stop_typing(&desk.browser).await?;
            desk.browser.goto("about:blank").await?;
        } else {
            start_typing(
                &desk.browser,
                "desk-composer textarea",
                "a",
                agent_typed,
                "desk-pending-line",
            )
            .await?;
        }
        start_typing(
            &visitor.browser,
            "vestibule-talk textarea",
            "v",
            0,
            "li.sending, li.waits",
        )
        .await?;
        let known = acknowledged(&visitor).await?;
        more_than(&visitor, known).await?;
        sleep(Duration::from_millis(u64::from(random_byte()?) * 2)).await;
        house.relay.kill().await?;
        house.start_relay().await?;
        if away {
            desk.browser.goto(&house.plan().desk_origin()).await?;
            desk.browser.press("section.mine button.row").await?;
        }
    }
    let visitor_typed = stop_typing(&visitor.browser).await?;
    agent_typed += stop_typing(&desk.browser).await?;
    visitor.line("mine", &format!("v{visitor_typed}")).await?;
    desk.line("mine", &format!("a{agent_typed}")).await?;
    visitor.line("theirs", &format!("a{agent_typed}")).await?;
    desk.line("theirs", &format!("v{visitor_typed}")).await?;

    let seen = [visitor.lines().await?, desk.lines().await?];
    let [at_widget, at_desk] = &seen;
    exactly(at_widget, "mine", "v", visitor_typed)?;
    exactly(at_widget, "theirs", "a", agent_typed)?;
    exactly(at_desk, "mine", "a", agent_typed)?;
    exactly(at_desk, "theirs", "v", visitor_typed)?;
    let order = |lines: &[Line]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.kind != "event")
            .map(|line| line.text.clone())
            .collect()
    };
    ensure!(
        order(at_widget) == order(at_desk),
        "the two saw another order"
    );

    visitor.end().await?;
    let opened = crate::opened::said(&house, &bank).await?;
    ensure!(
        opened == order(at_widget),
        "what was opened is not what was shown"
    );
    house.stop().await
}

async fn start_typing(
    browser: &Browser,
    field: &str,
    letter: &str,
    from: u64,
    pending: &str,
) -> Result<()> {
    browser
        .execute(
            "window.typed = window.typed ?? arguments[0]",
            vec![Value::from(from)],
        )
        .await?;
    browser
        .execute(
            TYPIST,
            vec![
                Value::from(field),
                Value::from(letter),
                Value::from(pending),
            ],
        )
        .await?;
    Ok(())
}

/// Stops, and says how many messages this page has typed.
async fn stop_typing(browser: &Browser) -> Result<u64> {
    browser
        .value(
            "clearInterval(window.typist); return window.typed ?? 0",
            Vec::new(),
        )
        .await
}

async fn acknowledged(visitor: &Visitor) -> Result<u64> {
    visitor
        .browser
        .value(
            "return document.querySelectorAll('li.mine:not(.sending):not(.waits)').length",
            Vec::new(),
        )
        .await
}

async fn more_than(visitor: &Visitor, known: u64) -> Result<()> {
    visitor
        .browser
        .until(
            "a new acknowledgement after the restart",
            "return document.querySelectorAll('li.mine:not(.sending):not(.waits)').length > arguments[0]",
            vec![Value::from(known)],
        )
        .await
}

/// Every number from 1 to `last` once, in order.
fn exactly(lines: &[Line], kind: &str, letter: &str, last: u64) -> Result<()> {
    let found: Vec<&str> = lines
        .iter()
        .filter(|line| line.kind == kind)
        .map(|line| line.text.as_str())
        .collect();
    let wanted: Vec<String> = (1..=last).map(|n| format!("{letter}{n}")).collect();
    for (at, wanted) in wanted.iter().enumerate() {
        let got = found.get(at).copied().unwrap_or("nothing");
        ensure!(got == wanted, "{kind}: {got} stands where {wanted} should");
    }
    ensure!(found.len() == wanted.len(), "{kind}: more than was written");
    Ok(())
}

fn random_byte() -> Result<u8> {
    let [byte] = loadtest::participant::random::<1>()?;
    Ok(byte)
}
