//! Within one client: an agent without part in a conversation, and a visitor of another one.

use anyhow::{Context as _, Result, ensure};
use loadtest::door::Door;
use loadtest::participant::{Participant, Refused, random, sign_in};
use proto::consent::RecordingChoice;
use proto::desk::{AcceptRequest, Me, PastSession, QueueView};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, PublicKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
                Some(Refused(ErrorCode::ResumeStale))
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

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_shows_its_own_clients_visitors_and_agents_alone() -> Result<()> {
    let mut world = World::start().await?;
    let desk = world.house.desk();
    for (own, other) in [(&world.bank, &world.clinic), (&world.clinic, &world.bank)] {
        let queue = queue(&desk, &own.cookie).await?;
        let waiting: Vec<_> = queue.waiting.iter().map(|entry| entry.session).collect();
        ensure!(waiting == [own.waiting], "{}: {waiting:?}", own.slug);
        ensure!(queue.mine.is_empty(), "{}: not theirs", own.slug);
        let agents = &client(&world.house, &own.slug)?.agents;
        let shown = queue.colleagues.iter().map(|colleague| &colleague.name);
        ensure!(
            shown.eq(agents.iter().skip(1).map(|agent| &agent.name)),
            "{}: not the colleagues",
            own.slug
        );
        ensure!(own.waiting != other.waiting, "the two are one");
    }
    world.house.stop().await
}

/// The first picture of the queue that the desk streams.
async fn queue(desk: &Door, cookie: &str) -> Result<QueueView> {
    let mut stream = desk.connect().await?;
    let host = desk.authority();
    let ask = format!("GET /api/v1/queue HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut heard = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&heard);
        if let Some((_, after)) = text.split_once("data: ")
            && let Some((picture, _)) = after.split_once('\n')
        {
            return Ok(serde_json::from_str(picture.trim())?);
        }
        let read = stream.read_buf(&mut heard).await?;
        ensure!(read > 0, "the stream ended without a picture");
    }
}
