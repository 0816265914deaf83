//! What the gate shows before anything else: the notice, addressed by its hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use proto::desk::GateView;
use proto::notice::{Modality, Notice};
use proto::{ErrorCode, Hash32, SiteId};
use serde::Deserialize;
use store::{Site, Tenant};

use super::allowance::Ask;
use super::caller::Caller;
use super::extract::Id;
use super::front::Front;
use super::problem::Problem;

/// `?lang=`.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    lang: String,
}

/// `GET /api/v1/sites/{site}/notice?lang=`.
pub(super) async fn current(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    caller.take(&front, Ask::Notice)?;
    let tenant = front.tenant_of_site(site).await?;
    let site = tenant.site(site).await?.ok_or(ErrorCode::NotFound)?;
    let lang = wanted.map(|query| query.0.lang).unwrap_or_default();
    let chosen = choose(&site, &lang).ok_or(ErrorCode::NotFound)?;
    let (notice, notice_json) = read(&tenant, &chosen).await?;
    let view = GateView {
        name: tenant.info().name.clone(),
        accent: site.accent.clone(),
        modalities: offered(&front, &site),
        recording: notice.recording.mode,
        notice: chosen,
        notice_json,
        languages: site
            .notices
            .iter()
            .map(|notice| notice.language.clone())
            .collect(),
        staffed: front.lobby.staffed(tenant.id()),
    };
    let mut response = Json(view).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /api/v1/sites/{site}/notices/{hash}`: the exact bytes.
pub(super) async fn by_hash(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Path((site, hash)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.take(&front, Ask::Notice)?;
    let site: SiteId = site.parse().map_err(|_| ErrorCode::NotFound)?;
    let hash: Hash32 = hash.parse().map_err(|_| ErrorCode::NotFound)?;
    let tenant = front.tenant_of_site(site).await?;
    let notice = tenant.notice(&hash).await?.ok_or(ErrorCode::NotFound)?;
    let mut response = notice.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}

/// What a visitor of this site may agree to: what it lists, as far as this node carries it.
pub(super) fn offered(front: &Front, site: &Site) -> Vec<Modality> {
    let mut offered = site.modalities.clone();
    front.means.media.carries(&mut offered);
    offered
}

/// A notice's words, and its exact bytes as text.
pub(super) async fn read(tenant: &Tenant, hash: &Hash32) -> Result<(Notice, String), ErrorCode> {
    let stored = tenant
        .notice(hash)
        .await
        .map_err(|error| super::front::code_of(&error))?
        .ok_or(ErrorCode::NotFound)?;
    let text = String::from_utf8(stored.bytes).map_err(|_| ErrorCode::Internal)?;
    let notice = serde_json::from_str(&text).map_err(|_| ErrorCode::Internal)?;
    Ok((notice, text))
}

/// The wanted language, or its main language, or English, or the first.
fn choose(site: &Site, wanted: &str) -> Option<Hash32> {
    let main = |tag: &str| {
        tag.split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let exact = |tag: &str| tag.eq_ignore_ascii_case(wanted);
    let notices = &site.notices;
    notices
        .iter()
        .find(|notice| exact(&notice.language))
        .or_else(|| notices.iter().find(|n| main(&n.language) == main(wanted)))
        .or_else(|| notices.iter().find(|n| main(&n.language) == "en"))
        .or_else(|| notices.first())
        .map(|notice| notice.notice)
}
