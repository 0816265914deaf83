//! The socket: each hello and each message, from each role, and with the other client's things.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use loadtest::door::Door;
use loadtest::participant::{Participant, Refused, accept, agree, random, sign_in};
use proto::call::{Refusal, Sdp};
use proto::consent::RecordingChoice;
use proto::desk::{AcceptRequest, Me};
use proto::event::LeaveReason;
use proto::notice::Modality;
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, Hash32, PublicKey, SiteId, StaffId, Token};
use tokio::time::timeout;

use super::World;
use crate::rows::{settled, unchanged};
use crate::session::client;

const PATIENCE: Duration = Duration::from_secs(20);

/// Every kind of message. A new one does not compile without a cell.
fn each(to: StaffId) -> Vec<(&'static str, ClientMessage)> {
    let all = [
        ClientMessage::Say {
            cid: 1,
            text: "x".to_owned(),
        },
        ClientMessage::Typing { on: true },
        ClientMessage::Mark {
            delivered: 1,
            read: 1,
        },
        ClientMessage::Invite { to },
        ClientMessage::Transfer { to: Some(to) },
        ClientMessage::Leave {},
        ClientMessage::End {},
        ClientMessage::Agree {
            modality: Modality::Audio,
            notice: Hash32::of(b"a notice of nobody's"),
        },
        ClientMessage::Withdraw {
            modality: Modality::Chat,
        },
        ClientMessage::Call { again: false },
        ClientMessage::Decline {
            reason: Refusal::Declined,
        },
        ClientMessage::HangUp {},
        ClientMessage::Offer {
            offer: 1,
            sdp: Sdp("v=0".to_owned()),
            sends: vec![],
            takes: vec![],
        },
        ClientMessage::Mute {
            kind: Modality::Audio,
            on: true,
        },
        ClientMessage::Hold { on: true },
    ];
    all.into_iter()
        .map(|message| {
            let name = match &message {
                ClientMessage::Say { .. } => "say",
                ClientMessage::Typing { .. } => "typing",
                ClientMessage::Mark { .. } => "mark",
                ClientMessage::Invite { .. } => "invite",
                ClientMessage::Transfer { .. } => "transfer",
                ClientMessage::Leave {} => "leave",
                ClientMessage::End {} => "end",
                ClientMessage::Agree { .. } => "agree",
                ClientMessage::Withdraw { .. } => "withdraw",
                ClientMessage::Call { .. } => "call",
                ClientMessage::Decline { .. } => "decline",
                ClientMessage::HangUp {} => "hang up",
                ClientMessage::Offer { .. } => "offer",
                ClientMessage::Mute { .. } => "mute",
                ClientMessage::Hold { .. } => "hold",
            };
            (name, message)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_own_session_at_its_own_door_and_no_other() -> Result<()> {
    let mut world = World::start().await?;
    let (widget, desk) = (world.house.widget(), world.house.desk());
    let (bank, clinic) = (&world.bank, &world.clinic);
    let (visitor, agent) = bank.room(&world.house).await?;
    // A session that is accepted, and that nobody has joined with this.
    let waiting = agree(&widget, bank.site).await?;
    let _waits = Participant::join(&widget, bank.site, waiting.join, None, &[]).await?;
    let accepted = accept(&desk, &bank.cookie, waiting.session).await?;
    let own: [(&str, &str); 1] = [("cookie", &bank.cookie)];
    let foreign: [(&str, &str); 1] = [("cookie", &clinic.cookie)];
    let resume = |site, token: &Token| Hello::Resume {
        site,
        token: token.clone(),
        name: "x".to_owned(),
        have: 0,
    };
    let nowhere = SiteId::from_bytes(random()?);
    let unknown = || -> Result<Token> {
        random::<32>()
            .map(|bytes| data_encoding::BASE64URL_NOPAD.encode(&bytes))?
            .parse()
            .map_err(anyhow::Error::from)
    };
    let join = |site, token: Token| Hello::Join {
        site,
        token,
        name: None,
    };
    let mine = &visitor.welcome.resume;
    let theirs = &agent.welcome.resume;
    let (elsewhere, invalid) = (ErrorCode::OriginRefused, ErrorCode::TokenInvalid);
    let stale = ErrorCode::ResumeStale;
    let visitors = || bank.unused.clone();
    let agents = || accepted.join.clone();
    let cells: Vec<(&str, &Door, &[(&str, &str)], Hello, ErrorCode)> = vec![
        (
            "an unknown join token",
            &widget,
            &[],
            join(bank.site, unknown()?),
            invalid,
        ),
        (
            "a join token with the other client's site",
            &widget,
            &[],
            join(clinic.site, visitors()),
            invalid,
        ),
        (
            "a join token with no site",
            &widget,
            &[],
            join(nowhere, visitors()),
            invalid,
        ),
        (
            "a visitor's join token at the desk",
            &desk,
            &own,
            join(bank.site, visitors()),
            elsewhere,
        ),
        (
            "a visitor's join token at the other's desk",
            &desk,
            &foreign,
            join(bank.site, visitors()),
            elsewhere,
        ),
        (
            "an agent's join token at the widget",
            &widget,
            &[],
            join(bank.site, agents()),
            elsewhere,
        ),
        (
            "an agent's join token with the other's cookie",
            &desk,
            &foreign,
            join(bank.site, agents()),
            invalid,
        ),
        (
            "an agent's join token with the other's cookie and site",
            &desk,
            &foreign,
            join(clinic.site, agents()),
            invalid,
        ),
        (
            "an unknown resume token",
            &widget,
            &[],
            resume(bank.site, &unknown()?),
            stale,
        ),
        (
            "a resume token with the other client's site",
            &widget,
            &[],
            resume(clinic.site, mine),
            stale,
        ),
        (
            "a resume token with no site",
            &widget,
            &[],
            resume(nowhere, mine),
            stale,
        ),
        (
            "an agent's resume token with the other's cookie",
            &desk,
            &foreign,
            resume(bank.site, theirs),
            invalid,
        ),
        (
            "an agent's resume token with the other's cookie and site",
            &desk,
            &foreign,
            resume(clinic.site, theirs),
            stale,
        ),
        (
            "a visitor's resume token at the desk",
            &desk,
            &own,
            resume(bank.site, mine),
            stale,
        ),
        (
            "an agent's resume token at the widget",
            &widget,
            &[],
            resume(bank.site, theirs),
            stale,
        ),
    ];
    let before = settled(&world.house).await?;
    for (what, door, headers, hello, due) in cells {
        let Err(error) = Participant::enter(door, bank.site, &hello, headers).await else {
            bail!("{what}: it was let in")
        };
        let Some(Refused(code)) = error.downcast_ref() else {
            bail!("{what}: {error:#}")
        };
        ensure!(*code == due, "{what}: {code}, and {due} was due");
        unchanged(&world.house, &before).await.context(what)?;
    }
    // The owners, last: what was tried above has taken nothing from them.
    Participant::enter(&widget, bank.site, &join(bank.site, visitors()), &[]).await?;
    Participant::enter(&desk, bank.site, &join(bank.site, agents()), &own).await?;
    let again = Participant::enter(&widget, bank.site, &resume(bank.site, mine), &[]).await?;
    ensure!(
        again.welcome.session == visitor.welcome.session,
        "another session"
    );
    let again = Participant::enter(&desk, bank.site, &resume(bank.site, theirs), &own).await?;
    ensure!(
        again.welcome.session == agent.welcome.session,
        "another session"
    );
    world.house.stop().await
}

/// What a message gets.
enum Due {
    /// It is done, and this message tells so: to who sent it, or to the other.
    Told {
        sender: bool,
        by: fn(&ServerMessage) -> bool,
    },
    /// It is refused, and nothing changes.
    Refused(ErrorCode),
}

fn due(message: &ClientMessage, agent_asks: bool) -> Due {
    let told = |sender, by| Due::Told { sender, by };
    match (message, agent_asks) {
        (ClientMessage::Say { .. }, _) => told(false, |m| matches!(m, ServerMessage::Said { .. })),
        (ClientMessage::Typing { .. }, _) => {
            told(false, |m| matches!(m, ServerMessage::Typing { .. }))
        }
        (ClientMessage::Mark { .. }, _) => {
            told(false, |m| matches!(m, ServerMessage::Marks { .. }))
        }
        (ClientMessage::End {}, _) => told(true, |m| matches!(m, ServerMessage::Ended { .. })),
        // The other client's agent is nobody here.
        (ClientMessage::Invite { .. } | ClientMessage::Transfer { .. }, true) => {
            Due::Refused(ErrorCode::NotFound)
        }
        // Under another notice than the session's nothing is agreed to, and chat is not withdrawn.
        (ClientMessage::Agree { .. }, _) => Due::Refused(ErrorCode::NoticeOutdated),
        (ClientMessage::Withdraw { .. }, _) => Due::Refused(ErrorCode::ModalityRefused),
        // Neither has agreed to sound, and no call runs.
        (ClientMessage::Call { .. }, _) => Due::Refused(ErrorCode::AgreementNeeded),
        (
            ClientMessage::Decline { .. }
            | ClientMessage::HangUp {}
            | ClientMessage::Offer { .. }
            | ClientMessage::Mute { .. }
            | ClientMessage::Hold { .. },
            _,
        ) => Due::Refused(ErrorCode::CallMissing),
        // Alone, an agent cannot leave the visitor behind; and a visitor asks nobody in.
        _ => Due::Refused(ErrorCode::NotPermitted),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_does_what_its_role_may_and_nothing_for_the_other_client() -> Result<()> {
    let mut world = World::start().await?;
    let bank = &world.bank;
    let stranger: Me = world
        .house
        .desk()
        .fetch("/api/v1/me", &[("cookie", &world.clinic.cookie)])
        .await?;
    for (name, message) in each(stranger.staff) {
        for agent_asks in [false, true] {
            let (mut visitor, mut agent) = bank.room(&world.house).await?;
            let before = settled(&world.house).await?;
            let role = if agent_asks { "agent" } else { "visitor" };
            let what = format!("{name} from the {role}");
            let (asks, other) = if agent_asks {
                (&mut agent, &mut visitor)
            } else {
                (&mut visitor, &mut agent)
            };
            asks.send(&message).await?;
            match due(&message, agent_asks) {
                Due::Told { sender, by } => {
                    let told = if sender { asks } else { other };
                    let seen = until(told, |m| by(&m).then_some(())).await;
                    seen.with_context(|| what)?;
                }
                Due::Refused(due) => {
                    let code = until(asks, |answer| match answer {
                        ServerMessage::Error { code, .. } => Some(code),
                        _ => None,
                    })
                    .await
                    .with_context(|| what.clone())?;
                    ensure!(code == due, "{what}: {code}, and {due} was due");
                    unchanged(&world.house, &before).await.context(what)?;
                }
            }
        }
    }
    world.house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_a_colleague_in_and_hands_on_and_the_other_client_gets_neither() -> Result<()>
{
    let mut world = World::start().await?;
    let (house, bank) = (&world.house, &world.bank);
    let desk = house.desk();
    let people = client(house, "alpine")?;
    let jonas = people.agents.get(1).context("the bank has two agents")?;
    let cookie = sign_in(&desk, "alpine", &jonas.sign_in, &jonas.password).await?;
    let jonas_asks = [("cookie", cookie.as_str())];
    let jonas: Me = desk.fetch("/api/v1/me", &jonas_asks).await?;
    let to = jonas.staff;
    let asks = [
        ("invite", ClientMessage::Invite { to }, false),
        ("transfer", ClientMessage::Transfer { to: Some(to) }, true),
        ("to the queue", ClientMessage::Transfer { to: None }, true),
    ];
    for (what, message, hands_on) in asks {
        let (mut visitor, mut agent) = bank.room(house).await?;
        let session = agent.welcome.session;
        agent.send(&message).await?;
        let handover = until(&mut visitor, |m| match m {
            ServerMessage::Asked { handover, .. } => Some(handover),
            _ => None,
        })
        .await
        .context(what)?;
        ensure!(handover == hands_on, "{what}: handed on {handover}");

        let before = settled(house).await?;
        let path = format!("/api/v1/sessions/{session}/accept");
        let body = AcceptRequest {
            participant_key: PublicKey(random()?),
            recording: RecordingChoice::Acknowledged,
        };
        let other = [("cookie", world.clinic.cookie.as_str())];
        let refused = desk.post(&path, &other, &body).await?;
        ensure!(
            refused.refusal() == Some(ErrorCode::NotFound),
            "{what}, the other client's agent: {}",
            refused.status
        );
        unchanged(house, &before).await.context(what)?;

        let accepted = accept(&desk, &cookie, session).await?;
        let mut second =
            Participant::join(&desk, accepted.site, accepted.join, None, &jonas_asks).await?;
        ensure!(second.welcome.session == session, "{what}: another session");
        if !hands_on {
            // Now that somebody stays.
            agent.send(&ClientMessage::Leave {}).await?;
        }
        let (who, reason) = until(&mut visitor, |m| match m {
            ServerMessage::Left {
                participant,
                reason,
                ..
            } => Some((participant, reason)),
            _ => None,
        })
        .await
        .context(what)?;
        let due = if hands_on {
            LeaveReason::Transferred
        } else {
            LeaveReason::Left
        };
        ensure!(
            who == agent.welcome.participant && reason == due,
            "{what}: left for {reason:?}"
        );
        second.say(1, "I am with you now").await?;
        until(&mut visitor, |m| {
            matches!(m, ServerMessage::Said { .. }).then_some(())
        })
        .await
        .context(what)?;
    }
    world.house.stop().await
}

/// Reads until `wanted` picks something out; what never comes is no reason to wait for ever.
async fn until<T>(
    participant: &mut Participant,
    wanted: impl FnMut(ServerMessage) -> Option<T>,
) -> Result<T> {
    timeout(PATIENCE, participant.until(wanted))
        .await
        .context("nothing came in time")?
}
