//! Tokens that were used, are too old, or are someone else's.

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, agree};
use proto::wire::Hello;
use proto::{ErrorCode, SiteId, Token};
use testkit::house::House;
use tokio::time::{Duration, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::{Log, Raw, Refusal, bank, hello, is_well};
use crate::session::client;

async fn refusal(house: &House, first: Message) -> Result<Refusal> {
    let mut raw = Raw::open(house).await?;
    raw.send(first).await?;
    raw.end().await
}

fn resume(site: SiteId, token: &Token) -> Hello {
    Hello::Resume {
        site,
        token: token.clone(),
        name: "Robin".to_owned(),
        have: 0,
    }
}

async fn come_back(house: &House, site: SiteId, token: &Token) -> Result<Participant> {
    Participant::enter(&house.widget(), site, &resume(site, token), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_is_good_for_one_at_its_own_site_and_not_for_long() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "sockets_per_minute = 1000\n".to_owned();
    })
    .await?;
    let site = bank(&house)?;
    let clinic = client(&house, "harbour")?.site.context("a site")?;

    let consent = agree(&house.widget(), site).await?;
    ensure!(consent.join_expires_in == 60, "{}", consent.join_expires_in);
    let log = Log::from_here(&house)?;
    let foreign = refusal(&house, hello(clinic, consent.join.clone(), None)?).await?;
    ensure!(
        foreign == Refusal::closing(ErrorCode::TokenInvalid),
        "{foreign:?}"
    );
    log.tells(ErrorCode::TokenInvalid).await?;
    // A socket that was lost with its welcome costs nothing.
    let lost = Participant::join(&house.widget(), site, consent.join.clone(), None, &[]).await?;
    let mut visitor =
        Participant::join(&house.widget(), site, consent.join.clone(), None, &[]).await?;
    ensure!(
        visitor.welcome.participant == lost.welcome.participant,
        "one token made two participants"
    );
    let superseded = Raw(lost.into_socket()).end().await?;
    ensure!(
        superseded == Refusal::closing(ErrorCode::Superseded),
        "{superseded:?}"
    );
    visitor.say(1, "here I am").await?;
    let twice = refusal(&house, hello(site, consent.join, None)?).await?;
    ensure!(twice == Refusal::closing(ErrorCode::TokenUsed), "{twice:?}");
    log.tells(ErrorCode::TokenUsed).await?;
    visitor.say(2, "the second use took nothing away").await?;

    // A relay that gives less time, so that not all of a minute is waited for.
    house.relay.stop().await?;
    let file = demo::config::relay_file(house.plan());
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, format!("{text}\n[session]\njoin_seconds = 2\n"))?;
    house.start_relay().await?;
    let late = agree(&house.widget(), site).await?;
    ensure!(late.join_expires_in == 2, "{}", late.join_expires_in);
    sleep(Duration::from_millis(2_200)).await;
    let late = refusal(&house, hello(site, late.join, None)?).await?;
    ensure!(
        late == Refusal::closing(ErrorCode::TokenExpired),
        "{late:?}"
    );
    log.tells(ErrorCode::TokenExpired).await?;
    is_well(&house).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_is_good_until_a_newer_one_is_used() -> Result<()> {
    let mut house = House::start_with(|plan| {
        plan.limits = "sockets_per_minute = 1000\n".to_owned();
    })
    .await?;
    let site = bank(&house)?;
    let consent = agree(&house.widget(), site).await?;
    let first = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    let token = first.welcome.resume.clone();

    // The answer may be lost, and lost again: the token that a client still has stays good.
    for _ in 0..3 {
        let lost = come_back(&house, site, &token).await?;
        drop(lost);
    }
    let second = come_back(&house, site, &token).await?;
    let newer = second.welcome.resume.clone();
    let mut third = come_back(&house, site, &newer).await?;
    third.say(1, "I am back").await?;

    // The older socket hears that it was continued elsewhere.
    let superseded = Raw(second.into_socket()).end().await?;
    ensure!(
        superseded == Refusal::closing(ErrorCode::Superseded),
        "{superseded:?}"
    );
    // A newer token was used: the older is stale, and whoever has it gets nothing.
    let log = Log::from_here(&house)?;
    let stale = Message::text(serde_json::to_string(&resume(site, &token))?);
    let stale = refusal(&house, stale).await?;
    ensure!(
        stale == Refusal::closing(ErrorCode::ResumeStale),
        "{stale:?}"
    );
    log.tells(ErrorCode::ResumeStale).await?;
    third.say(2, "and nobody threw me out").await?;

    // A session that has ended tells so; its token opens nothing.
    third.send(&proto::wire::ClientMessage::End {}).await?;
    let token = third.welcome.resume.clone();
    let _ = Raw(third.into_socket()).end().await?;
    let over = Message::text(serde_json::to_string(&resume(site, &token))?);
    let over = refusal(&house, over).await?;
    ensure!(
        over == Refusal::closing(ErrorCode::SessionEnded),
        "{over:?}"
    );
    log.tells(ErrorCode::SessionEnded).await?;
    is_well(&house).await?;
    house.stop().await
}
