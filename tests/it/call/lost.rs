//! A bad network: at 5 % loss pictures go on, after the worst they come back within a second, and
//! the record says what never arrived.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use seal::manifest::Cause;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::lossy::Weather;
use testkit::performer;
use tokio::time::{Instant, sleep};

use super::{Pair, behind_a_proxy, films, gaps};
use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_on_at_five_percent_loss_and_come_back_after_three_seconds_of_nothing()
-> Result<()> {
    let (mut house, proxy) = behind_a_proxy(5).await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let pair = Pair::meet(&house, &driver, "loss").await?;
    pair.call().await?;
    pair.cameras().await?;
    let [widget, desk] = pair.both();
    sleep(Duration::from_secs(2)).await;
    let before = rates(&pair, Duration::from_secs(4)).await?;

    proxy.weather(Weather::losing(5.0));
    for second in 0..6 {
        let now = rates(&pair, Duration::from_secs(1)).await?;
        for rate in now {
            ensure!(rate > 0.0, "no picture in second {second} at 5 %");
        }
    }
    proxy.weather(Weather::losing(20.0));
    sleep(Duration::from_secs(5)).await;
    proxy.weather(Weather::NIGHT);
    sleep(Duration::from_secs(3)).await;
    proxy.weather(Weather::FINE);
    // A second for it to come back.
    sleep(Duration::from_secs(1)).await;
    let after = rates(&pair, Duration::from_secs(3)).await?;
    for (before, after) in before.into_iter().zip(after) {
        ensure!(
            after >= before * 0.8,
            "{before:.1} pictures a second before, {after:.1} after"
        );
    }
    ensure!(proxy.counters().inward.lost() > 100, "nothing was lost");
    desk.press_named("Hang up").await?;
    widget.read("The call has ended").await?;
    pair.visitor.end().await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    films(&opened.bundle, folder.path()).await?;
    let gaps = gaps(&opened.bundle)?;
    let lost: Vec<_> = gaps.iter().filter(|g| g.cause == Cause::Lost).collect();
    let sources = lost.iter().filter_map(|gap| gap.track);
    let sources: std::collections::BTreeSet<_> = sources.collect();
    ensure!(
        sources.len() == 4,
        "not every source says what it lost: {gaps:?}"
    );
    let longest = lost.iter().map(|gap| gap.to.0 - gap.from.0).max();
    ensure!(
        longest.context("nothing is said to be lost")? >= 2000,
        "{lost:?}"
    );
    house.stop().await
}

/// Pictures that each page decodes in a second.
async fn rates(pair: &Pair, over: Duration) -> Result<[f64; 2]> {
    let [widget, desk] = pair.both();
    let start = Instant::now();
    let before = [decoded(widget).await?, decoded(desk).await?];
    sleep(over).await;
    let after = [decoded(widget).await?, decoded(desk).await?];
    let took = start.elapsed().as_secs_f64();
    Ok([0, 1].map(|at: usize| {
        let of = |counts: [f64; 2]| counts.get(at).copied().unwrap_or_default();
        (of(after) - of(before)) / took
    }))
}

async fn decoded(browser: &Browser) -> Result<f64> {
    Ok(performer::stats(browser).await?.decoded())
}
