//! A call in the marked session: both ends come from marked addresses, and what they say is marked.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::call::caller::{Caller, Log};
use loadtest::call::recorded::Recorded;
use loadtest::participant::Participant;
use proto::notice::Modality;
use proto::wire::ClientMessage;
use testkit::house::House;
use tokio::time::sleep;

use super::marks::Mark;
use super::{AGENT, VISITOR};
use crate::call::{connect, notice};
use crate::session::client;

const BOTH: [Modality; 2] = [Modality::Audio, Modality::Video];

/// Has them talk for two seconds and hang up.
pub(super) async fn call(
    house: &House,
    visitor: Participant,
    agent: Participant,
) -> Result<(Caller, Caller)> {
    let notice = notice(house, client(house, "alpine")?).await?;
    let mut visitor = Caller::from(visitor, &BOTH, Log::default(), VISITOR)?;
    let mut agent = Caller::from(agent, &BOTH, Log::default(), AGENT)?;
    connect([&mut visitor, &mut agent], &BOTH, notice).await?;
    visitor.play(true).await?;
    agent.play(true).await?;
    for caller in [&mut visitor, &mut agent] {
        let heard = caller.until("the other", |seen| seen.all_received() > 50);
        heard.await?;
    }
    sleep(Duration::from_secs(1)).await;
    visitor.say(ClientMessage::HangUp {}).await?;
    agent.until("the end", |seen| seen.call.is_none()).await?;
    visitor.until("the end", |seen| seen.call.is_none()).await?;
    for caller in [&visitor, &agent] {
        ensure!(caller.seen().refused.is_empty(), "{:?}", caller.seen());
    }
    Ok((visitor, agent))
}

/// What is said in it: some bytes of a sound and of a picture.
pub(super) fn marks() -> Result<Vec<Mark>> {
    let sound = Recorded::sound()?.packet(20).context("no sound")?;
    let picture = Recorded::pictures()?.packet(2).context("no picture")?;
    let inner = |payload: &[u8]| payload.get(8..24).map(<[u8]>::to_vec);
    Ok(vec![
        Mark::bytes("a sound", inner(&sound.payload).context("too short")?),
        Mark::bytes("a picture", inner(&picture.payload).context("too short")?),
    ])
}
