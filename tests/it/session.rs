//! A whole session in real browsers, from the launcher to the bundle that a stranger can check.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use demo::people::Client;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::{Line, Visitor};

/// One of the demonstration's clients.
pub(crate) fn client<'a>(house: &'a House, slug: &str) -> Result<&'a Client> {
    house
        .people()
        .clients
        .iter()
        .find(|client| client.slug == slug)
        .with_context(|| format!("no client {slug}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_had_in_browsers_and_opened_again_by_two_officers() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [mia, jonas] = bank.agents.as_slice() else {
        anyhow::bail!("the bank has two agents")
    };

    let visitor = Visitor::arrive(&driver, "widget", &house.plan().shop_origin()).await?;
    nothing_before_the_click(&visitor, &house).await?;
    visitor.browser.picture("1-page").await?;

    let desk = Agent::arrive(&driver, "desk-mia", &house.plan().desk_origin()).await?;
    desk.browser.picture("1-sign-in").await?;
    desk.sign_in(&bank, mia).await?;
    desk.browser.picture("2-empty").await?;

    visitor.press_launcher().await?;
    visitor.browser.see("form.gate").await?;
    visitor.browser.picture("2-gate").await?;
    visitor.agree(Some("Blue Heron")).await?;
    visitor.browser.see(".waiting").await?;
    visitor.browser.picture("3-waiting").await?;
    let declined = "My card was declined at the station";
    visitor.say(declined).await?;
    visitor.progress(declined, "sent").await?;

    desk.browser.read("Blue Heron").await?;
    desk.browser.picture("3-ring").await?;
    desk.accept("Blue Heron").await?;
    desk.line("theirs", declined).await?;
    visitor.progress(declined, "read").await?;
    let looking = "Good morning, I am looking at it <b>now</b> & \u{202e}here";
    desk.say(looking).await?;
    visitor.line("theirs", looking).await?;
    desk.progress(looking, "Read").await?;
    visitor.say("Danke, Grüße aus Zürich 🙂").await?;
    desk.line("theirs", "Danke, Grüße aus Zürich 🙂").await?;
    visitor
        .progress("Danke, Grüße aus Zürich 🙂", "read")
        .await?;
    visitor.browser.picture("4-talk").await?;
    desk.browser.picture("4-talk").await?;

    // A reload in the same tab: the frame is gone and comes back with everything.
    let before = said(&visitor.lines().await?, "Blue Heron");
    visitor.browser.enter_default_frame().await?;
    visitor.browser.refresh().await?;
    visitor.press_launcher().await?;
    visitor.line("mine", "Danke, Grüße aus Zürich 🙂").await?;
    ensure!(
        said(&visitor.lines().await?, "Blue Heron") == before,
        "the reload lost or doubled something"
    );
    visitor.say("I am back").await?;
    desk.line("theirs", "I am back").await?;

    // What is over for an agent is gone from their desk: what it showed is read before.
    let shown_to_mia = said(&desk.lines().await?, "Mia");
    // A colleague takes over and sees what came before.
    let second = Agent::arrive(&driver, "desk-jonas", &house.plan().desk_origin()).await?;
    second.sign_in(&bank, jonas).await?;
    desk.transfer("Jonas").await?;
    second.accept("Blue Heron").await?;
    second.line("theirs", declined).await?;
    second.say("Jonas here. Your card works again.").await?;
    visitor
        .line("theirs", "Jonas here. Your card works again.")
        .await?;
    visitor.browser.picture("5-transferred").await?;
    second.browser.picture("1-taken-over").await?;

    let shown_to_jonas = said(&second.lines().await?, "Jonas");
    visitor.end().await?;
    visitor.browser.picture("6-ended").await?;
    second.browser.read("This conversation ended").await?;
    second.browser.picture("2-ended").await?;
    for desk in [&desk, &second] {
        desk.browser
            .read("What was said is no longer on this page")
            .await?;
        let page: String = desk
            .browser
            .value(
                "return new XMLSerializer().serializeToString(document)",
                Vec::new(),
            )
            .await?;
        for gone in [
            "My card was declined",
            "Your card works again",
            "Blue Heron",
        ] {
            ensure!(!page.contains(gone), "the desk still shows {gone:?}");
        }
    }

    // Who said what: at the widget, at both desks, and in the bundle.
    let shown_to_visitor = said(&visitor.lines().await?, "Blue Heron");
    let opened = crate::opened::newest(&house, &bank).await?;
    let transcript = opened.spoken()?;
    ensure!(transcript.len() == 5, "{transcript:?}");
    for (whose, shown, length) in [
        ("the visitor's", &shown_to_visitor, 5),
        ("Jonas's", &shown_to_jonas, 5),
        // Mia left before Jonas answered.
        ("Mia's", &shown_to_mia, 4),
    ] {
        ensure!(
            transcript.get(..length) == Some(shown),
            "the transcript is not what {whose} browser showed: {transcript:?} and {shown:?}"
        );
    }
    pictures_of_the_bundle(&driver, &opened.bundle).await?;
    for browser in [&visitor.browser, &desk.browser, &second.browser] {
        let mut complaints = browser.complaints().await?;
        // Whoever is not signed in yet is told so by this answer; browsers call it an error.
        complaints.retain(|line| !(line.contains("/api/v1/me") && line.contains("401")));
        ensure!(complaints.is_empty(), "{complaints:?}");
    }
    house.stop().await
}

/// Before anything is pressed: one script from the widget's host, and nothing kept.
async fn nothing_before_the_click(visitor: &Visitor, house: &House) -> Result<()> {
    let loaded: Vec<String> = visitor
        .browser
        .value(
            "return performance.getEntriesByType('resource').map((e) => e.name)",
            Vec::new(),
        )
        .await?;
    let widget: Vec<&String> = loaded
        .iter()
        .filter(|address| address.starts_with(&house.plan().widget_origin()))
        .collect();
    ensure!(
        widget.len() == 1,
        "more than the launcher was loaded: {widget:?}"
    );
    let kept: (String, u32, u32) = visitor
        .browser
        .value(
            "return [document.cookie, localStorage.length, sessionStorage.length]",
            Vec::new(),
        )
        .await?;
    ensure!(
        kept == (String::new(), 0, 0),
        "something is kept before the click: {kept:?}"
    );
    let frames: u32 = visitor
        .browser
        .value(
            "return document.querySelector('vestibule-launcher').shadowRoot.querySelectorAll('iframe').length",
            Vec::new(),
        )
        .await?;
    ensure!(frames == 0, "a frame is there before the click");
    Ok(())
}

/// The transcript's page as whoever is handed the bundle sees it: a file, with nothing around it.
async fn pictures_of_the_bundle(driver: &Driver, bundle: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = crate::opened::unpacked(bundle)?;
    let (_, page) = files
        .iter()
        .find(|(name, _)| name.ends_with("/data/transcript.html"))
        .context("the bundle holds no page")?;
    let file = folder.path().join("transcript.html");
    std::fs::write(&file, page)?;
    let browser = Browser::open(driver, "bundle", 1000, 900).await?;
    browser.goto(format!("file://{}", file.display())).await?;
    browser.read("My card was declined at the station").await?;
    browser.read("<b>now</b>").await?;
    browser.picture("transcript").await?;
    let complaints = browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:?}");
    browser.close().await
}

/// Who said what, without events; `own` is whose browser it is.
fn said(lines: &[Line], own: &str) -> Vec<(String, String)> {
    lines
        .iter()
        .filter(|line| line.kind != "event")
        .map(|line| {
            let who = match line.kind.as_str() {
                "theirs" => line.who.clone(),
                "mine" => own.to_owned(),
                kind => format!("{own}, {kind}"),
            };
            (who, line.text.clone())
        })
        .collect()
}
