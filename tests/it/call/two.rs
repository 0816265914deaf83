//! Two browsers in a call of a minute: sound, cameras, a screen, mute, another network. What was
//! shown and heard at once is shown and heard at once in the films, at the start and at the end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use seal::manifest::Cause;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::film::{Film, Flash, Sound, apart};
use testkit::house::House;
use testkit::performer::{self, TONE};
use tokio::time::{Instant, sleep_until};

use super::{Pair, behind_a_proxy, film, films, gaps, sees, turn_on};
use crate::session::client;

/// How long the call lasts.
const LASTS: Duration = Duration::from_mins(1);
/// Flash and beep are apart by no more than this, in seconds.
const APART: f64 = 0.1;

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_in_two_browsers_is_kept_in_step_from_start_to_end() -> Result<()> {
    let (mut house, proxy) = behind_a_proxy(1).await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let pair = Pair::meet(&house, &driver, "call").await?;
    let [widget, desk] = pair.both();

    pair.call().await?;
    let began = Instant::now();
    let at = |seconds: u64| sleep_until(began + Duration::from_secs(seconds));
    pair.cameras().await?;
    at(15).await;
    turn_on(desk, "Show your screen", "Stop showing your screen").await?;
    widget.press_named("Agree and watch").await?;
    sees(widget, 2).await?;

    at(24).await;
    widget.press_named("Mute the microphone").await?;
    desk.read("Muted").await?;
    let muted = performer::clock(widget).await?.own;
    at(29).await;
    let opened = performer::clock(widget).await?.own;
    widget.press_named("Unmute the microphone").await?;

    at(35).await;
    desk.press_named("Stop showing your screen").await?;
    at(38).await;
    // Another network: whatever comes next comes from elsewhere, and the pages look for a way anew.
    proxy.move_on();
    let before = [offers(widget).await?, offers(desk).await?];
    for (browser, before) in pair.both().into_iter().zip(before) {
        browser.hurry().await?;
        browser
            .until(
                "an offer with new credentials",
                "return performer.seen.filter((s) => s.startsWith('remote')).length > arguments[0]",
                vec![before.into()],
            )
            .await?;
        performer::connected(browser).await?;
    }
    let restarted = performer::clock(widget).await?.own;
    for browser in pair.both() {
        knows_the_relay_alone(browser, &house).await?;
    }
    sleep_until(began + LASTS).await;
    desk.press_named("Hang up").await?;
    widget.read("The call has ended").await?;
    let lasted = lasted(widget, desk).await?;
    pair.visitor.end().await?;

    let opened_again = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let films = films(&opened_again.bundle, folder.path()).await?;
    let whole = film(&films, "call")?;
    let (visitor, agent) = (film(&films, "visitor")?, film(&films, "agent")?);
    ensure!(
        (whole.duration - lasted).abs() < 0.5,
        "the call lasted {lasted:.2} s, its film {:.2} s",
        whole.duration
    );
    ensure!(whole.streams.len() == 5, "{:?}", whole.streams);
    let screen = film(&films, "agent-screen")?.only("video")?.width;
    ensure!(screen == Some(960), "the screen is {screen:?} wide");

    let (flashes, sound) = seen(visitor).await?;
    let beeps = sound.beeps(TONE);
    let shift = shift(&flashes)?;
    let (muted, opened, restarted) = (muted + shift, opened + shift, restarted + shift);
    let end = flashes.last().context("no flash")?.at;
    for (when, from, to) in [
        ("at the start", 0.0, muted - 1.0),
        ("after the mute", opened + 1.0, restarted - 3.0),
        ("after the restart", restarted + 2.0, end - 10.0),
        ("at the end", end - 10.0, end + 0.1),
    ] {
        in_step(&flashes, &beeps, from, to).with_context(|| format!("{when}, the visitor"))?;
    }
    let quiet = sound.loudness(muted + 0.5, opened - 0.2);
    ensure!(quiet < 0.001, "what was muted is heard: {quiet}");
    ensure!(
        sound.loudness(opened + 1.0, opened + 3.0) > 0.01,
        "nothing is heard after the mute"
    );

    let (flashes, sound) = seen(agent).await?;
    let beeps = sound.beeps(TONE);
    let end = flashes.last().context("no flash")?.at;
    in_step(&flashes, &beeps, 0.0, 15.0).context("at the start, the agent")?;
    in_step(&flashes, &beeps, end - 10.0, end + 0.1).context("at the end, the agent")?;

    let gaps = gaps(&opened_again.bundle)?;
    let silences = gaps.iter().filter(|gap| gap.cause == Cause::Muted);
    ensure!(silences.count() == 1, "{gaps:?}");
    let chapters: Vec<&str> = visitor.chapters.iter().map(|c| c.title.as_str()).collect();
    ensure!(
        chapters.iter().any(|title| title.contains("muted")),
        "{chapters:?}"
    );
    house.stop().await
}

/// Answers so far.
async fn offers(browser: &Browser) -> Result<u64> {
    browser
        .value(
            "return performer.seen.filter((s) => s.startsWith('remote')).length",
            vec![],
        )
        .await
}

/// From the later one's connection to the first one's end, in seconds.
async fn lasted(widget: &Browser, desk: &Browser) -> Result<f64> {
    let (mut up, mut down) = (0.0, f64::MAX);
    for browser in [widget, desk] {
        let times = performer::times(browser).await?;
        let first = |state: &str| times.iter().find(|(s, _)| s == state).map(|(_, at)| *at);
        up = f64::max(up, first("connected").context("was never connected")?);
        down = f64::min(down, first("closed").context("was never closed")?);
    }
    Ok((down - up) / 1000.0)
}

async fn seen(film: &Film) -> Result<(Vec<Flash>, Sound)> {
    let flashes = film.flashes(film.only("video")?).await?;
    let sound = film.sound(film.only("audio")?).await?;
    Ok((flashes, sound))
}

/// How far the film's time line is ahead of the performer's clock.
fn shift(flashes: &[Flash]) -> Result<f64> {
    let mut shifts: Vec<f64> = flashes.iter().map(|f| f.at - f64::from(f.second)).collect();
    shifts.sort_by(f64::total_cmp);
    shifts.get(shifts.len() / 2).copied().context("no flash")
}

fn in_step(flashes: &[Flash], beeps: &[f64], from: f64, to: f64) -> Result<()> {
    let within = |flash: &&Flash| (from..to).contains(&flash.at);
    let flashes: Vec<Flash> = flashes.iter().filter(within).copied().collect();
    ensure!(
        flashes.len() >= 3,
        "{} flashes from {from:.1} to {to:.1}",
        flashes.len()
    );
    for (apart, flash) in apart(&flashes, beeps)?.into_iter().zip(&flashes) {
        ensure!(
            apart.abs() <= APART,
            "at {:.2} the beep is {apart:.3} s off",
            flash.at
        );
    }
    Ok(())
}

/// The page was told of no address but the relay's, has used no other, and has asked nobody for its own.
async fn knows_the_relay_alone(browser: &Browser, house: &House) -> Result<()> {
    let announced = house.plan().announce.context("a proxy stands there")?;
    for (address, port) in performer::stats(browser).await?.remotes()? {
        ensure!(
            address == "127.0.0.1" && port == u64::from(announced),
            "the page knows {address}:{port}"
        );
    }
    let relay = format!(" 127.0.0.1 {announced} typ host");
    for seen in performer::seen(browser).await? {
        let told = seen.starts_with("remote");
        for line in seen.lines().filter(|line| line.contains("candidate:")) {
            ensure!(
                !told || line.contains(&relay),
                "the page was told of {line:?}"
            );
            ensure!(line.contains("typ host"), "somebody was asked: {line:?}");
        }
    }
    Ok(())
}
