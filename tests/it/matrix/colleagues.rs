//! Within one client: an agent without part in a conversation, and a visitor of another one.

use anyhow::{Context as _, Result, ensure};
use loadtest::participant::{Participant, Refused, random, sign_in};
use proto::consent::RecordingChoice;
use proto::desk::{AcceptRequest, Me, PastSession};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, PublicKey};

use super::World;
use crate::rows::{settled, unchanged};
use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_and_another_visitor_have_no_part_in_a_conversation() -> Result<()> {
    let mut world = World::start().await?;
    let (widget, desk) = (world.house.widget(), world.house.desk());
    let bank = &world.bank;
    let (visitor, mut agent) = bank.room(&world.house).await?;
    let (other, _) = bank.room(&world.house).await?;
    let session = agent.welcome.session;
    let jonas = client(&world.house, "alpine")?
        .agents
        .get(1)
        .context("the bank has two agents")?;
    let cookie = sign_in(&desk, "alpine", &jonas.sign_in, &jonas.password).await?;
    let jonas = [("cookie", cookie.as_str())];

    let before = settled(&world.house).await?;
    let body = AcceptRequest {
        participant_key: PublicKey(random()?),
        recording: RecordingChoice::Acknowledged,
    };
    let path = format!("/api/v1/sessions/{session}/accept");
    let taken = desk.post(&path, &jonas, &body).await?;
    ensure!(
        taken.refusal() == Some(ErrorCode::AlreadyTaken),
        "a colleague's conversation: {}",
        taken.status
    );
    let resume = |token: &proto::Token| Hello::Resume {
        site: bank.site,
        token: token.clone(),
        name: "x".to_owned(),
        have: 0,
    };
    for (what, token) in [
        ("the agent's", &agent.welcome.resume),
        ("the visitor's", &visitor.welcome.resume),
    ] {
        let refused = Participant::enter(&desk, bank.site, &resume(token), &jonas).await;
        let refused = refused.err().context("a colleague came in")?;
        ensure!(
            matches!(
                refused.downcast_ref(),
                Some(Refused(ErrorCode::ResumeStale | ErrorCode::TokenInvalid))
            ),
            "{what} token with a colleague's cookie: {refused:#}"
        );
    }
    unchanged(&world.house, &before).await?;

    // The other visitor's own token opens their own conversation and no other.
    let returned =
        Participant::enter(&widget, bank.site, &resume(&other.welcome.resume), &[]).await?;
    ensure!(
        returned.welcome.session == other.welcome.session && returned.welcome.session != session,
        "another visitor's conversation"
    );

    agent.send(&ClientMessage::End {}).await?;
    agent
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;
    let own = [("cookie", bank.cookie.as_str())];
    let mut listed = false;
    for _ in 0..100 {
        let past: Vec<PastSession> = desk.fetch("/api/v1/sessions", &own).await?;
        listed = past.iter().any(|past| past.session == session);
        if listed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ensure!(listed, "the agent's own past does not list it");
    for cookie in [&cookie, &world.clinic.cookie] {
        let headers = [("cookie", cookie.as_str())];
        let past: Vec<PastSession> = desk.fetch("/api/v1/sessions", &headers).await?;
        ensure!(past.is_empty(), "someone else's past lists it");
        let me: Me = desk.fetch("/api/v1/me", &headers).await?;
        let own: Me = desk.fetch("/api/v1/me", &own).await?;
        ensure!(me.staff != own.staff, "two people are one");
    }
    world.house.stop().await
}
