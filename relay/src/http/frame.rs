//! The two pages: the widget's frame and the desk.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use proto::{ErrorCode, SiteId};

use super::allowance::Ask;
use super::assets;
use super::caller::Caller;
use super::extract::Id;
use super::front::Front;
use super::headers::{Framing, PERMISSIONS, page_policy};
use super::problem::Problem;

/// `GET /frame/{site}`: only pages of the site's own origins may show it.
pub(super) async fn widget(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    caller.take(&front, Ask::Notice)?;
    let tenant = front.tenant_of_site(site).await?;
    let site = tenant.site(site).await?.ok_or(ErrorCode::NotFound)?;
    let mut response = assets::page("widget/frame.html", &request)?;
    let policy = page_policy(
        &front.config.listen.widget_origin,
        &Framing::Origins(&site.origins),
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert("permissions-policy", PERMISSIONS);
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    Ok(response)
}

/// `GET /` of the desk's host.
pub(super) async fn desk(
    State(front): State<Arc<Front>>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let mut response = assets::page("desk/index.html", &request)?;
    let policy = page_policy(&front.config.listen.desk_origin, &Framing::Nobody);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert("permissions-policy", PERMISSIONS);
    Ok(response)
}
