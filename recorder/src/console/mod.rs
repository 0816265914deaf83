//! The officers' pages: rendered here, without scripts but for the player's, on top of what [`crate`] offers to any
//! caller. Nothing in this module decides; it asks, shows, and says why not.
//!
//! A page is one file: what it reads, what it shows, its forms. `Trouble` is what a page says
//! when it cannot be shown.

mod agreed;
pub mod allowance;
mod caller;
mod case;
mod case_form;
mod cases;
mod form;
mod keys;
pub mod listener;
mod log;
mod names;
mod origin;
mod page;
mod play;
mod query;
mod recorded;
mod recording;
mod recordings;
mod sentence;
mod shown;
mod sign_in;
mod signed;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::Recorder;
use trouble::Trouble;

/// No form of the console is larger than this, in bytes.
const FORM_MAX: usize = 64 * 1024;
/// And each is here, whole, by then.
const FORM_TIME: Duration = Duration::from_secs(10);

/// Nothing but our own style sheets; forms go nowhere else; no page is framed.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// All pages of the console.
pub fn router(recorder: Arc<Recorder>) -> Router {
    let pages = Router::new()
        .route("/", get(recordings::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_in::out))
        .route("/recordings/{id}", get(recording::show))
        .route("/cases", get(cases::show).post(case_form::submit))
        .route("/cases/new", get(case_form::show))
        .route("/cases/{id}", get(case::show))
        .route("/cases/{id}/approve", post(case::approve))
        .route("/cases/{id}/bundle", post(case::hand_out))
        .route("/cases/{id}/play", post(play::open))
        .route(
            "/cases/{id}/play/{recording}",
            get(play::show).post(play::leave),
        )
        .route("/cases/{id}/play/{recording}/{file}", get(play::file))
        .route("/cases/{id}/close", post(case::close))
        .route("/log", get(log::show))
        .route("/keys", get(keys::show))
        .fallback(|| async { Trouble::NotFound.into_response() })
        .layer(header_of(header::CACHE_CONTROL, "no-store"));
    Router::new()
        .route("/assets/tokens.css", get(|| async { style(TOKENS) }))
        .route("/assets/console.css", get(|| async { style(STYLE) }))
        .route("/assets/play.js", get(|| async { script(PLAY) }))
        .merge(pages)
        .layer(middleware::from_fn(|request, next| {
            form::whole(FORM_TIME, request, next)
        }))
        .layer(middleware::from_fn_with_state(
            recorder.clone(),
            origin::same,
        ))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(header_of(header::CONTENT_SECURITY_POLICY, POLICY))
        // `same-origin`, not `no-referrer`: the latter makes browsers send forms with `Origin: null`.
        .layer(header_of(header::REFERRER_POLICY, "same-origin"))
        .layer(header_of(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_of(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .layer(header_of(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ))
        .with_state(recorder)
}

const TOKENS: &str = include_str!("../../../web/lib/tokens.css");
const STYLE: &str = include_str!("../../../web/console/console.css");
const PLAY: &str = include_str!("../../../web/console/play.js");

fn script(text: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        text,
    )
}

fn style(text: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        text,
    )
}

fn header_of(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
