//! An agent who has handed a conversation on stays out, though the relay dies in the moment in which
//! the visitor hears that they left: before any row says so.

use anyhow::{Context as _, Result, ensure};
use demo::people::{Client, Person};
use loadtest::participant::{Participant, Refused, accept, agree, sign_in};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, SiteId};
use testkit::house::House;

use crate::rows;
use crate::session::client;

/// Rows follow so quickly that one time alone may be too late.
const TIMES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn who_handed_a_conversation_on_stays_out_though_the_relay_dies_as_it_is_told() -> Result<()>
{
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let site = bank.site.context("the bank has a site")?;
    let [mia, jonas] = bank.agents.as_slice() else {
        anyhow::bail!("the bank has two agents");
    };
    let mias = cookie(&house, &bank, mia).await?;
    let his = cookie(&house, &bank, jonas).await?;
    for time in 0..TIMES {
        stays_out(&mut house, site, &mias, &his)
            .await
            .with_context(|| format!("time {time}"))?;
    }
    house.stop().await
}

async fn stays_out(house: &mut House, site: SiteId, mias: &str, his: &str) -> Result<()> {
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    let mut mia = answer(house, &visitor, mias).await?;
    mia.send(&ClientMessage::Transfer { to: None }).await?;
    mia.until(|message| matches!(message, ServerMessage::Asked { .. }).then_some(()))
        .await?;
    let jonas = answer(house, &visitor, his).await?;
    let whose = mia.welcome.participant;
    let left = |message| match message {
        ServerMessage::Left { participant, .. } if participant == whose => Some(()),
        _ => None,
    };
    visitor.until(left).await?;
    house.relay.kill().await?;
    house.start_relay().await?;

    let back = come_back(house, &mia, Some(mias)).await;
    let refused = back.err().context("she was let in again")?;
    ensure!(
        refused.downcast_ref() == Some(&Refused(ErrorCode::ResumeStale)),
        "{refused:#}"
    );
    let row = rows::left_at(house, whose).await?;
    ensure!(row.is_some(), "no row says that she left");
    let mut visitor = come_back(house, &visitor, None).await?;
    let mut jonas = come_back(house, &jonas, Some(his)).await?;
    visitor.say(1, "for you alone").await?;
    let heard = |message| matches!(message, ServerMessage::Said { .. }).then_some(());
    jonas.until(heard).await?;
    jonas.send(&ClientMessage::End {}).await?;
    let ended = |message| matches!(message, ServerMessage::Ended { .. }).then_some(());
    visitor.until(ended).await
}

async fn cookie(house: &House, client: &Client, agent: &Person) -> Result<String> {
    sign_in(&house.desk(), &client.slug, &agent.sign_in, &agent.password).await
}

/// The agent whose cookie it is takes the visitor's session and joins it.
async fn answer(house: &House, visitor: &Participant, cookie: &str) -> Result<Participant> {
    let desk = house.desk();
    let accepted = accept(&desk, cookie, visitor.welcome.session).await?;
    let headers = [("cookie", cookie)];
    Participant::join(&desk, accepted.site, accepted.join, None, &headers).await
}

async fn come_back(house: &House, who: &Participant, cookie: Option<&str>) -> Result<Participant> {
    let hello = Hello::Resume {
        site: who.site(),
        token: who.welcome.resume.clone(),
        name: who.welcome.name.clone(),
        have: 0,
    };
    match cookie {
        Some(cookie) => {
            let headers = [("cookie", cookie)];
            Participant::enter(&house.desk(), who.site(), &hello, &headers).await
        }
        None => Participant::enter(&house.widget(), who.site(), &hello, &[]).await,
    }
}
