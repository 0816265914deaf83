//! Two calls in one conversation: both are in the films, each where it was.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use proto::notice::Modality;
use proto::wire::ClientMessage;
use testkit::house::House;
use tokio::time::sleep;

use super::{callers, film, films};
use crate::session::client;

const SOUND: [Modality; 1] = [Modality::Audio];
/// Of each call.
const LASTS: Duration = Duration::from_secs(3);
/// Between the two.
const BETWEEN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_in_a_conversation_is_kept_like_the_first() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let (mut visitor, mut agent) = callers(&house, &bank, &SOUND).await?;
    sleep(LASTS).await;
    // Who ends it muted is not muted in the next.
    let kind = Modality::Audio;
    visitor.say(ClientMessage::Mute { kind, on: true }).await?;
    sleep(Duration::from_millis(500)).await;
    visitor.say(ClientMessage::HangUp {}).await?;
    for caller in [&mut visitor, &mut agent] {
        caller.until("the end", |seen| seen.over.is_some()).await?;
    }
    sleep(BETWEEN).await;
    visitor.call(false).await?;
    agent.until("the ring", |seen| seen.call.is_some()).await?;
    agent.call(false).await?;
    for caller in [&mut visitor, &mut agent] {
        caller
            .until("a connection", |seen| seen.connected.len() == 2)
            .await?;
    }
    sleep(LASTS).await;
    visitor.say(ClientMessage::HangUp {}).await?;
    agent.until("the end", |seen| seen.call.is_none()).await?;
    visitor.say(ClientMessage::End {}).await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let films = films(&opened.bundle, folder.path()).await?;
    for (name, caller) in [("visitor", &visitor), ("agent", &agent)] {
        let film = film(&films, name)?;
        let kept = film.frames(film.only("audio")?).await?;
        let sent = loadtest::call::caller::played(&caller.log).sent.len();
        // What was on its way when the line was cut may be missing.
        ensure!(
            kept.len() + 10 >= sent && kept.len() <= sent,
            "{name}: {} of {sent} are kept",
            kept.len()
        );
        let quiet = kept.windows(2).filter_map(|pair| match pair {
            [(before, _), (after, _)] => Some(after - before),
            _ => None,
        });
        let quiet: Vec<f64> = quiet.filter(|quiet| *quiet > 1.0).collect();
        ensure!(quiet.len() == 1, "{name}: quiet for {quiet:?}");
        let longest = quiet.first().context("nothing")?;
        ensure!((1.9..6.0).contains(longest), "{name}: quiet for {longest}");
    }
    // The mute ends with its call.
    for chapter in &film(&films, "visitor")?.chapters {
        if chapter.title.contains("muted") {
            ensure!(chapter.end - chapter.start < 6.0, "{chapter:?}");
        }
    }
    house.stop().await
}
