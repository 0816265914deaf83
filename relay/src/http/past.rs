//! An agent's own ended sessions: metadata only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use proto::desk::PastSession;

use super::front::Front;
use super::problem::Problem;
use super::staff::OnDuty;

/// So many are listed.
const MOST: u32 = 200;

/// `GET /api/v1/sessions`.
pub(super) async fn sessions(
    State(_): State<Arc<Front>>,
    on_duty: OnDuty,
) -> Result<Json<Vec<PastSession>>, Problem> {
    let ended = on_duty.tenant.sessions_of(on_duty.staff, MOST).await?;
    let past = ended.into_iter().filter_map(|ended| {
        Some(PastSession {
            session: ended.session.id,
            site_name: ended.site_name,
            started: ended.session.started,
            ended: ended.session.ended?,
            recorded: ended.session.recording.is_some(),
            modalities: ended.session.modalities,
        })
    });
    Ok(Json(past.collect()))
}
