//! The officers' pages, in two browsers: found by metadata, a case, two agreements, the bundle.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use demo::people::{Client, Person};
use serde_json::{Value, json};
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use tokio::time::sleep;

use crate::session::client;
use crate::spoken::talk;

const TEXT: &str = "Only two people together read this <again>";

#[tokio::test(flavor = "multi_thread")]
async fn two_officers_hand_out_a_bundle_from_the_console() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [vera, otto] = bank.officers.as_slice() else {
        bail!("the bank has two officers")
    };
    let first = officer(&house, &driver, "console-vera", &bank, vera).await?;
    first.picture("2-empty").await?;

    talk(&house, &bank, &[TEXT]).await?;
    crate::opened::listed(&house, &bank).await?;
    first.goto(house.plan().console_origin()).await?;
    first.press("input[name=recording]").await?;
    first.picture("3-recordings").await?;
    first
        .press_named("Open a case for the chosen recordings")
        .await?;
    first
        .write("input[name=authority]", "District Court")
        .await?;
    first.write("input[name=reference]", "AZ 4711/26").await?;
    first
        .write(
            "textarea[name=basis]",
            "Order of 20 November 2026, production of records",
        )
        .await?;
    first.picture("4-case-form").await?;
    first.press_named("Open the case").await?;
    first.read("must unlock before anything").await?;
    first.picture("5-case").await?;
    let case = first.current_url().await?.to_string();

    first
        .write("input[name=passphrase]", "not the passphrase")
        .await?;
    first.press_named("Agree and unlock my share").await?;
    first.see("#told").await?;
    first.picture("6-wrong-passphrase").await?;
    agree(&first, vera).await?;
    first.read("must unlock before anything").await?;
    let early: u32 = first
        .value(
            "return document.querySelectorAll('form[action*=bundle]').length",
            Vec::new(),
        )
        .await?;
    ensure!(early == 0, "one officer can hand out");

    let second = officer(&house, &driver, "console-otto", &bank, otto).await?;
    second.goto(&case).await?;
    agree(&second, otto).await?;
    second.read("Enough officers have unlocked").await?;
    second.picture("3-enough").await?;

    let folder = tempfile::tempdir()?;
    second
        .cdp(
            "Browser.setDownloadBehavior",
            json!({"behavior": "allow", "downloadPath": folder.path()}),
        )
        .await?;
    second.press_named("Open and save the bundle").await?;
    let bundle = downloaded(folder.path()).await?;
    let verdict = house
        .recorder_says(&["verify", &bundle.to_string_lossy()], "")
        .await?;
    ensure!(verdict.contains("The bundle is whole."), "{verdict}");
    let transcript = crate::opened::unpacked(&bundle)?
        .into_iter()
        .find(|(name, _)| name.ends_with("/data/transcript.jsonl"))
        .context("the bundle holds no transcript")?;
    let transcript = String::from_utf8(transcript.1)?;
    ensure!(transcript.contains(TEXT), "the bundle is another one's");

    second.goto(&case).await?;
    second.picture("4-handed-out").await?;
    for (page, name) in [
        ("/log?check=yes", "5-log"),
        ("/keys", "6-keys"),
        ("/cases", "7-cases"),
    ] {
        second
            .goto(format!("{}{page}", house.plan().console_origin()))
            .await?;
        second.picture(name).await?;
    }
    states(&second, &house).await?;

    // The other client's officer finds neither the case nor the recording.
    let clinic = client(&house, "harbour")?.clone();
    let ruth = clinic.officers.first().context("the clinic has officers")?;
    let stranger = officer(&house, &driver, "console-ruth", &clinic, ruth).await?;
    stranger.goto(&case).await?;
    stranger.picture("3-not-yours").await?;
    let page: String = stranger
        .value("return document.body.innerText", Vec::new())
        .await?;
    ensure!(
        !page.contains("AZ 4711/26"),
        "the other client's case is shown"
    );
    for browser in [&first, &second] {
        let mut complaints = browser.complaints().await?;
        // A refused passphrase is answered as such; browsers call that an error.
        complaints.retain(|line| !line.contains("/approve") && !line.contains("/cases/"));
        ensure!(complaints.is_empty(), "{complaints:?}");
    }
    house.stop().await
}

/// Narrow, and in the dark.
async fn states(browser: &Browser, house: &House) -> Result<()> {
    browser.goto(house.plan().console_origin()).await?;
    browser.dark(true).await?;
    browser.picture("8-dark").await?;
    browser.dark(false).await?;
    browser.size(320, 700).await?;
    browser.picture("9-narrow").await?;
    let wider: bool = browser
        .value(
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth",
            Vec::new(),
        )
        .await?;
    ensure!(!wider, "the page is wider than a narrow screen");
    browser.size(1280, 900).await
}

/// An officer, signed in at the console.
pub(crate) async fn officer(
    house: &House,
    driver: &Driver,
    name: &str,
    client: &Client,
    person: &Person,
) -> Result<Browser> {
    let browser = Browser::open(driver, name, 1280, 900).await?;
    browser.goto(house.plan().console_origin()).await?;
    browser.write("input[name=client]", &client.slug).await?;
    browser.write("input[name=name]", &person.sign_in).await?;
    browser
        .write("input[name=password]", &person.password)
        .await?;
    browser.picture("1-sign-in").await?;
    browser.press_named("Sign in").await?;
    browser.read("Found by their metadata").await?;
    Ok(browser)
}

/// Agrees to the case that is shown.
pub(crate) async fn agree(browser: &Browser, officer: &Person) -> Result<()> {
    let passphrase = officer.passphrase.as_deref().context("officers have one")?;
    browser.write("input[name=passphrase]", passphrase).await?;
    browser.press_named("Agree and unlock my share").await?;
    browser
        .until(
            "the share to be unlocked",
            "return !!document.querySelector('#agree form button') && document.querySelector('#agree form button').textContent.includes(arguments[0])",
            vec![Value::from("another 15 minutes")],
        )
        .await
}

async fn downloaded(folder: &Path) -> Result<std::path::PathBuf> {
    for _ in 0..200 {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "tar") {
                return Ok(path);
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("no bundle was downloaded")
}
