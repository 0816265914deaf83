//! Prometheus, on a listener of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::http::front::Front;
use crate::telemetry::counted;

/// Serves `GET /metrics` until the node stops; returns where.
pub(super) async fn serve(
    address: SocketAddr,
    handle: PrometheusHandle,
    front: Arc<Front>,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("[listen] metrics: {address} cannot be used"))?;
    let address = listener.local_addr()?;
    let shutdown = front.shutdown.clone();
    let router = Router::new().route(
        "/metrics",
        get(move || {
            let spool = &front.means.spool;
            metrics::counter!(counted::SYNCS).absolute(spool.syncs());
            let state = match spool.state() {
                seal::spool::SpoolState::Ok => 0.0,
                seal::spool::SpoolState::Full => 1.0,
                seal::spool::SpoolState::Failed => 2.0,
            };
            metrics::gauge!(counted::SPOOL_STATE).set(state);
            std::future::ready(handle.render())
        }),
    );
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.begun().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(address)
}
