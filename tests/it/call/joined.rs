//! Who joins a running call late, and who is handed it: they are heard, they hear, and their tracks
//! stand in the record.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::call::caller::{Caller, Log};
use proto::call::Standing;
use proto::notice::Modality;
use proto::wire::ClientMessage;
use testkit::house::House;
use tokio::time::sleep;

use super::{answer, callers, film, films, notice};
use crate::session::client;

const SOUND: [Modality; 1] = [Modality::Audio];

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_joins_late_and_takes_a_call_over() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let [_, jonas] = bank.agents.as_slice() else {
        anyhow::bail!("the bank has two agents")
    };
    let (mut visitor, mut mia) = callers(&house, &bank, &SOUND).await?;
    hears(&mut visitor, &mia).await?;
    hears(&mut mia, &visitor).await?;
    sleep(Duration::from_secs(2)).await;

    mia.say(ClientMessage::Transfer { to: None }).await?;
    mia.until("being asked for", |seen| seen.asked).await?;
    let session = visitor.welcome.session;
    let third = answer(&house, &bank, jonas, session).await?;
    let mut jonas = Caller::new(third, &SOUND, Log::default())?;
    jonas.agree(&SOUND, notice(&house, &bank).await?).await?;
    let me = jonas.me;
    jonas
        .until("the call", |seen| {
            seen.standing(me) == Some(Standing::Ringing)
        })
        .await?;
    jonas.call(false).await?;
    jonas
        .until("a connection", |seen| !seen.connected.is_empty())
        .await?;
    jonas.play(true).await?;
    hears(&mut jonas, &visitor).await?;
    hears(&mut visitor, &jonas).await?;
    sleep(Duration::from_secs(2)).await;
    visitor.say(ClientMessage::HangUp {}).await?;
    jonas.until("the end", |seen| seen.over.is_some()).await?;
    visitor.say(ClientMessage::End {}).await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let films = films(&opened.bundle, folder.path()).await?;
    ensure!(film(&films, "call")?.streams.len() == 3, "{films:?}");
    let late = film(&films, "agent-2")?;
    let (first, _) = late
        .frames(late.only("audio")?)
        .await?
        .into_iter()
        .next()
        .context("nothing is kept of the one who came late")?;
    ensure!(
        first > 2.0,
        "one time line for all, and this one begins at {first}"
    );
    house.stop().await
}

async fn hears(who: &mut Caller, whom: &Caller) -> Result<()> {
    let wanted = (whom.me, Modality::Audio);
    who.until("sound of the other", |seen| {
        seen.received.get(&wanted).is_some_and(|count| *count > 20)
    })
    .await
}
