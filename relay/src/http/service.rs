//! From a request to its host's router, with what is the same for all: size, time, origin, headers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use proto::ErrorCode;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::front::Front;
use super::headers::harden;
use super::problem::Problem;
use super::routes::{Host, router};
use crate::config::Origin;

/// No request body is longer: the longest is a consent.
const BODY_MAX: usize = 16 * 1024;
/// No answer takes longer to begin.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Both hosts' routers.
#[derive(Debug, Clone)]
pub struct Hosts {
    widget: Router,
    desk: Router,
    neither: Router,
    front: Arc<Front>,
}

impl Hosts {
    /// Builds the routers from the route table.
    pub fn new(front: Arc<Front>) -> Self {
        let listen = &front.config.listen;
        Self {
            widget: finished(Host::Widget, Some(&listen.widget_origin), &front),
            desk: finished(Host::Desk, Some(&listen.desk_origin), &front),
            neither: finished(Host::Any, None, &front),
            front,
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request) -> Response {
        let listen = &self.front.config.listen;
        let host = host(&request);
        let router = if is(host, &listen.widget_origin) {
            &self.widget
        } else if is(host, &listen.desk_origin) {
            &self.desk
        } else {
            &self.neither
        };
        match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn finished(host: Host, own: Option<&Origin>, front: &Arc<Front>) -> Router {
    let own: Option<Arc<Origin>> = own.cloned().map(Arc::new);
    let tls = front.config.listen.tls.is_some();
    let told = Arc::clone(front);
    router(host)
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(own, only_own_pages_post))
        .layer(middleware::from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::map_response(move |mut response: Response| {
            if let Some(Problem(code)) = response.extensions().get() {
                let refusals = &told.house.refusals;
                refusals.tell(told.now(), *code, None, "a request was refused");
            }
            harden(response.headers_mut(), tls);
            core::future::ready(response)
        }))
        .with_state(Arc::clone(front))
}

async fn nothing_here() -> Problem {
    Problem(ErrorCode::NotFound)
}

/// What changes something is taken from this host's own pages alone.
async fn only_own_pages_post(
    State(own): State<Option<Arc<Origin>>>,
    request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || own.is_some_and(|own| comes_from(request.headers(), &own)) {
        return next.run(request).await;
    }
    Problem(ErrorCode::OriginRefused).into_response()
}

/// Whether the browser says that a page of `own` asks.
pub(crate) fn comes_from(headers: &HeaderMap, own: &Origin) -> bool {
    headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes() == own.as_str().as_bytes())
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem(ErrorCode::Overloaded).into_response(),
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::http::Response<Body> {
    tracing::error!("a handler panicked");
    Problem(ErrorCode::Internal).into_response()
}

fn host(request: &Request) -> &str {
    let header = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let uri = request
        .uri()
        .authority()
        .map(axum::http::uri::Authority::as_str);
    uri.or(header).unwrap_or_default()
}

/// Browsers leave the scheme's own port out.
fn is(host: &str, origin: &Origin) -> bool {
    host.eq_ignore_ascii_case(origin.authority())
}
