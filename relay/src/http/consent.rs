//! Agreeing: what the visitor agreed to becomes durable, and a session begins to wait.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::consent::{ConsentRequest, ConsentResponse, RecordingChoice};
use proto::dsse::Document as _;
use proto::event::Role;
use proto::notice::{Modality, Notice, RecordingMode};
use proto::{ErrorCode, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, Token};
use seal::manifest;
use seal::spool::SpoolState;
use store::{JoinToken, NewConsent, Site, StoreError, Tenant};

use super::allowance::Ask;
use super::caller::Caller;
use super::extract::{Body, Id};
use super::front::{Front, code_of};
use super::notice::{offered, read};
use super::problem::Problem;
use crate::room::driver;
use crate::room::facts::Facts;
use crate::room::person::Participant;
use crate::room::receipt::{Agreed, receipt};
use crate::room::state::Room;
use crate::room::tickets::{Door, Ticket};
use crate::telemetry::counted;

/// The visitor's chat track.
const TRACK: u32 = 1;
/// Resume tokens are good until the session ends, which shortens this.
const RESUME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// `POST /api/v1/sites/{site}/consents`.
pub(super) async fn agree(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    Body(request): Body<ConsentRequest>,
) -> Result<Response, Problem> {
    caller.take(&front, Ask::Consent)?;
    let tenant = front.tenant_of_site(site).await?;
    let site = tenant.site(site).await?.ok_or(ErrorCode::NotFound)?;
    let notice = check(&front, &tenant, &site, &request).await?;
    let recorded = request.recording == RecordingChoice::Acknowledged;
    take_no_more(&front, &tenant, recorded)?;

    let answer = begin(&front, &tenant, &site, &notice, request, recorded).await?;
    metrics::counter!(counted::CONSENTS).increment(1);
    let mut response = (StatusCode::CREATED, Json(answer)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What was agreed to must be what is offered, under the notice that is current.
async fn check(
    front: &Front,
    tenant: &Tenant,
    site: &Site,
    request: &ConsentRequest,
) -> Result<Notice, ErrorCode> {
    if request.receipt.lookup.len() != 16 {
        return Err(ErrorCode::Malformed);
    }
    if !site.notices.iter().any(|n| n.notice == request.notice) {
        return Err(ErrorCode::NoticeOutdated);
    }
    let (notice, _) = read(tenant, &request.notice).await?;
    let offered = offered(front, site);
    if request.modalities.is_empty() {
        return Err(ErrorCode::ConsentMissing);
    }
    if !request.modalities.iter().all(|m| offered.contains(m)) {
        return Err(ErrorCode::ModalityRefused);
    }
    if request.recording == RecordingChoice::Refused
        && notice.recording.mode == RecordingMode::Required
    {
        return Err(ErrorCode::RecordingRequired);
    }
    Ok(notice)
}

fn take_no_more(front: &Front, tenant: &Tenant, recorded: bool) -> Result<(), ErrorCode> {
    if front.shutdown.is_begun() {
        return Err(ErrorCode::ShuttingDown);
    }
    if recorded && front.means.spool.state() != SpoolState::Ok {
        return Err(ErrorCode::RecordingUnavailable);
    }
    let most = &front.config.session;
    if front.lobby.count() >= most.sessions
        || front.lobby.count_of(tenant.id()) >= most.sessions_per_client
    {
        return Err(ErrorCode::Overloaded);
    }
    Ok(())
}

/// Consent, session and participant become durable together; then the room opens.
async fn begin(
    front: &Front,
    tenant: &Tenant,
    site: &Site,
    notice: &Notice,
    request: ConsentRequest,
    recorded: bool,
) -> Result<ConsentResponse, ErrorCode> {
    let now = front.now();
    let mut rng = front.rng();
    let session = SessionId::random(&mut rng);
    let participant = ParticipantId::random(&mut rng);
    let recording = recorded.then(|| RecordingId::random(&mut rng));
    let join = Token::random(&mut rng);
    let resume = Token::random(&mut rng);
    let mut modalities = request.modalities.clone();
    modalities.sort_unstable();
    modalities.dedup();

    let target = if recorded {
        let target = front.keyring.target(tenant, now).await;
        Some(target.map_err(|error| {
            tracing::error!(tenant = %tenant.id(), %error, "nothing can be recorded for this tenant");
            ErrorCode::RecordingUnavailable
        })?)
    } else {
        None
    };
    let facts = Facts {
        tenant: tenant.id(),
        session,
        site: site.id,
        site_name: site.name.clone(),
        recording,
        notice: request.notice,
        policy: notice.recording,
        offered: offered(front, site),
        modalities: modalities.clone(),
        since: now,
    };
    let visitor = visitor(
        participant,
        request.participant_key,
        &request,
        &modalities,
        now,
    );
    let room = Room::open(Arc::clone(&front.house), facts, target, visitor, &mut rng)?;

    let expires = now.plus(i64::from(front.config.session.join_seconds) * 1_000);
    let kept = tenant.record_consent(NewConsent {
        session,
        participant,
        site: site.id,
        recording,
        notice: request.notice,
        modalities: modalities.clone(),
        choice: request.recording,
        participant_key: request.participant_key,
        track: TRACK,
        receipt: request.receipt.clone(),
        at: now,
        join: JoinToken {
            hash: join.hash(),
            expires,
        },
    });
    kept.await.map_err(|error| match error {
        // A receipt's lookup id is made of fresh randomness: a second one with it is no accident.
        StoreError::Conflict(_) => ErrorCode::Malformed,
        error => code_of(&error),
    })?;
    put_resume(front, tenant, &join, &resume).await?;

    let agreed = Agreed {
        session,
        participant,
        lookup: &request.receipt.lookup,
        notice: request.notice,
        modalities: &modalities,
        recording: request.recording,
    };
    let receipt = receipt(tenant, notice, &agreed, now)
        .sign(&front.house.node.key)
        .map_err(|_| ErrorCode::Internal)?;
    let ticket = Ticket {
        tenant: tenant.id(),
        site: site.id,
        session,
        participant,
        door: Door::Widget,
        modalities,
        notice: request.notice,
        resume,
    };
    front.tickets().issue(&join, ticket, expires, now)?;
    driver::start(&front.means, tenant.clone(), room);
    Ok(ConsentResponse {
        session,
        participant,
        join,
        join_expires_in: front.config.session.join_seconds,
        receipt,
    })
}

fn visitor(
    id: ParticipantId,
    key: PublicKey,
    request: &ConsentRequest,
    modalities: &[Modality],
    now: proto::Millis,
) -> Participant {
    let consent = manifest::Consent {
        notice: request.notice,
        modalities: modalities.to_vec(),
        recording: request.recording,
        at: now.whole_seconds(),
    };
    Participant::admitted(id, Role::Visitor, None, TRACK, key, consent, String::new())
}

/// The first resume token is stored here, at the gate, so that joining writes no row. The join
/// token itself lives in memory, and goes with the relay.
pub(super) async fn put_resume(
    front: &Front,
    tenant: &Tenant,
    join: &Token,
    resume: &Token,
) -> Result<(), ErrorCode> {
    let now = front.now();
    let put = tenant
        .redeem_join(join.hash(), resume.hash(), now.plus(RESUME_MS), now)
        .await;
    put.map_err(|error| code_of(&error))?
        .map(drop)
        .ok_or(ErrorCode::Internal)
}
