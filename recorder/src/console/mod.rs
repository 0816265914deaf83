//! The officers' pages, served on the console's own host.

use axum::Router;
use axum::routing::get;

use crate::office::Office;

/// Everything that the console's listener serves.
pub fn router(office: Office) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(office)
}
