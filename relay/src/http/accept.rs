//! An agent takes a session: claimed first, acknowledged durably, then let in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use proto::desk::{AcceptRequest, AcceptResponse};
use proto::{ErrorCode, ParticipantId, SessionId, Token};
use store::{AgentConsent, JoinToken, NewParticipant};
use tokio::sync::oneshot;

use super::consent::put_resume;
use super::extract::{Body, Id};
use super::front::{Front, code_of};
use super::problem::Problem;
use super::staff::OnDuty;
use crate::room::driver::Letter;
use crate::room::lobby::Handle;
use crate::room::state::{Admitted, Claim, Claimed};
use crate::room::tickets::{Door, Ticket};

/// `POST /api/v1/sessions/{session}/accept`.
pub(super) async fn accept(
    State(front): State<Arc<Front>>,
    on_duty: OnDuty,
    Id(session): Id<SessionId>,
    Body(request): Body<AcceptRequest>,
) -> Result<Json<AcceptResponse>, Problem> {
    let room = front
        .lobby
        .room(session)
        .filter(|room| room.tenant == on_duty.tenant.id())
        .ok_or(ErrorCode::NotFound)?;
    let claim = Claim {
        staff: on_duty.staff,
        recording: request.recording,
    };
    let claimed = ask(&room, |reply| Letter::Claim(Box::new((claim, reply)))).await?;
    Ok(Json(
        let_in(&front, &on_duty, &room, session, request, claimed).await?,
    ))
}

async fn let_in(
    front: &Front,
    on_duty: &OnDuty,
    room: &Handle,
    session: SessionId,
    request: AcceptRequest,
    claimed: Claimed,
) -> Result<AcceptResponse, ErrorCode> {
    let now = front.now();
    let mut rng = front.rng();
    let participant = ParticipantId::random(&mut rng);
    let join = Token::random(&mut rng);
    let resume = Token::random(&mut rng);
    let expires = now.plus(i64::from(front.config.session.join_seconds) * 1_000);
    let kept = on_duty.tenant.add_participant(NewParticipant {
        session,
        participant,
        staff: on_duty.staff,
        track: claimed.track,
        participant_key: request.participant_key,
        consent: AgentConsent {
            notice: claimed.consent.notice,
            modalities: claimed.consent.modalities.clone(),
            choice: request.recording,
        },
        at: now,
        join: JoinToken {
            hash: join.hash(),
            expires,
        },
    });
    kept.await.map_err(|error| code_of(&error))?;
    put_resume(front, &on_duty.tenant, &join, &resume).await?;

    let (modalities, notice) = (claimed.consent.modalities.clone(), claimed.consent.notice);
    let admitted = Admitted {
        participant,
        staff: on_duty.staff,
        name: on_duty.name.clone(),
        track: claimed.track,
        key: request.participant_key,
        consent: claimed.consent,
    };
    let site = claimed.site;
    ask(room, |reply| Letter::Admit(Box::new((admitted, reply)))).await?;
    let ticket = Ticket {
        tenant: on_duty.tenant.id(),
        site,
        session,
        participant,
        door: Door::Desk,
        modalities,
        notice,
        resume,
    };
    front.tickets().issue(&join, ticket, expires, now)?;
    Ok(AcceptResponse {
        site,
        session,
        participant,
        join,
    })
}

/// A letter with a reply. A room that is gone has ended.
async fn ask<T>(
    room: &Handle,
    letter: impl FnOnce(oneshot::Sender<Result<T, ErrorCode>>) -> Letter,
) -> Result<T, ErrorCode> {
    let (reply, answer) = oneshot::channel();
    let sent = room.mailbox.send(letter(reply)).await;
    sent.map_err(|_| ErrorCode::SessionEnded)?;
    answer.await.map_err(|_| ErrorCode::SessionEnded)?
}
