//! The socket: each hello and each message, from each role, and with the other client's things.

use anyhow::{Context as _, Result, bail, ensure};
use loadtest::door::Door;
use loadtest::participant::{Participant, Refused, random};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, SiteId, StaffId, Token};

use super::World;
use crate::rows::{settled, unchanged};

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
    let cells: Vec<(&str, &Door, &[(&str, &str)], Hello)> = vec![
        (
            "an unknown join token",
            &widget,
            &[],
            join(bank.site, unknown()?),
        ),
        (
            "a join token with the other client's site",
            &widget,
            &[],
            join(clinic.site, bank.unused.clone()),
        ),
        (
            "a join token with no site",
            &widget,
            &[],
            join(nowhere, bank.unused.clone()),
        ),
        (
            "a visitor's join token at the desk",
            &desk,
            &own,
            join(bank.site, bank.unused.clone()),
        ),
        (
            "a visitor's join token at the other's desk",
            &desk,
            &foreign,
            join(bank.site, bank.unused.clone()),
        ),
        (
            "an unknown resume token",
            &widget,
            &[],
            resume(bank.site, &unknown()?),
        ),
        (
            "a resume token with the other client's site",
            &widget,
            &[],
            resume(clinic.site, mine),
        ),
        (
            "an agent's resume token with the other's cookie",
            &desk,
            &foreign,
            resume(bank.site, theirs),
        ),
        (
            "a visitor's resume token at the desk",
            &desk,
            &own,
            resume(bank.site, mine),
        ),
        (
            "an agent's resume token at the widget",
            &widget,
            &[],
            resume(bank.site, theirs),
        ),
    ];
    for (what, door, headers, hello) in cells {
        let before = settled(&world.house).await?;
        match Participant::enter(door, bank.site, &hello, headers).await {
            Ok(_) => bail!("{what}: it was let in"),
            Err(error) => {
                let Some(Refused(code)) = error.downcast_ref() else {
                    bail!("{what}: {error:#}")
                };
                let due = [
                    // A token shown at another door.
                    ErrorCode::OriginRefused,
                    ErrorCode::TokenInvalid,
                    ErrorCode::ResumeStale,
                    ErrorCode::NotPermitted,
                    ErrorCode::NotFound,
                ];
                ensure!(due.contains(code), "{what}: {code}");
            }
        }
        unchanged(&world.house, &before).await.context(what)?;
    }
    // The owners, last: what was tried above has taken nothing from them.
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

#[tokio::test(flavor = "multi_thread")]
async fn each_message_does_what_its_role_may_and_nothing_for_the_other_client() -> Result<()> {
    let mut world = World::start().await?;
    let bank = &world.bank;
    let stranger: proto::desk::Me = world
        .house
        .desk()
        .fetch("/api/v1/me", &[("cookie", &world.clinic.cookie)])
        .await?;
    for (name, message) in each(stranger.staff) {
        for agent_asks in [false, true] {
            let (mut visitor, mut agent) = bank.room(&world.house).await?;
            let before = settled(&world.house).await?;
            let role = if agent_asks { "agent" } else { "visitor" };
            let asks = if agent_asks { &mut agent } else { &mut visitor };
            asks.send(&message).await?;
            // A message after it, so that there is an answer where the first has none.
            let fence = ClientMessage::Say {
                cid: 2,
                text: "fence".to_owned(),
            };
            asks.send(&fence).await?;
            let refused = asks
                .until(|answer| match answer {
                    ServerMessage::Error { code, .. } => Some(Some(code)),
                    ServerMessage::Ack { cid: 2, .. } | ServerMessage::Ended { .. } => Some(None),
                    _ => None,
                })
                .await?;
            let due: &[Option<ErrorCode>] = match (name, agent_asks) {
                ("say" | "typing" | "mark", _) => &[None],
                // What comes after the end comes too late.
                ("end", _) => &[None, Some(ErrorCode::SessionEnded)],
                // The other client's agent is nobody here.
                ("invite" | "transfer", true) => &[Some(ErrorCode::NotFound)],
                // Alone, an agent cannot leave the visitor behind.
                ("leave", true) => &[Some(ErrorCode::NotPermitted), Some(ErrorCode::AlreadyTaken)],
                _ => &[Some(ErrorCode::NotPermitted)],
            };
            ensure!(
                due.contains(&refused),
                "{name} from the {role}: {refused:?}, due {due:?}"
            );
            // The end itself is written down, whatever comes after it.
            if refused.is_some() && name != "end" {
                unchanged(&world.house, &before)
                    .await
                    .with_context(|| format!("{name} from the {role}"))?;
            }
        }
    }
    world.house.stop().await
}
