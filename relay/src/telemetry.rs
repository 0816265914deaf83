//! Logs and metrics. No line and no label holds personal data: ids, codes and counts only.
//!
//! Types that hold a name, a text, a token or an address have no `Display` and a redacting
//! `Debug`, so that a careless log line has nothing to show. `tests/it/telemetry.rs` holds a whole
//! session's lines against that.

mod refusals;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

pub use refusals::Refusals;

/// Sends log lines to standard error as the configuration says. Once per process.
pub fn start_logs(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|error| anyhow::anyhow!("[log] level: {error}"))?;
    // The media engine's lines name addresses.
    let filter = ["str0m=off", "is=off", "dimpl=off"]
        .iter()
        .filter_map(|quiet| quiet.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| anyhow::anyhow!("logs cannot be started: {error}"))
}

/// Starts counting; the handle renders what was counted. Once per process.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| anyhow::anyhow!("metrics cannot be started: {error}"))
}

/// Names of what is counted, in one place, so that a dashboard can be held against them.
pub mod counted {
    /// Sessions that run, recorded or not.
    pub const SESSIONS: &str = "vestibule_sessions";
    /// Sockets that are open.
    pub const SOCKETS: &str = "vestibule_sockets";
    /// Events that became durable.
    pub const EVENTS: &str = "vestibule_events_total";
    /// What was refused, by error code.
    pub const REFUSED: &str = "vestibule_refused_total";
    /// Consents given.
    pub const CONSENTS: &str = "vestibule_consents_total";
    /// `fdatasync` calls of the spool.
    pub const SYNCS: &str = "vestibule_spool_syncs_total";
    /// Datagrams of calls, by direction.
    pub const MEDIA_PACKETS: &str = "vestibule_media_packets_total";
    /// Datagrams and packets of calls that went nowhere, by reason.
    pub const MEDIA_DROPPED: &str = "vestibule_media_dropped_total";
    /// Connections of calls.
    pub const MEDIA_PEERS: &str = "vestibule_media_peers";
    /// 0 in order, 1 full, 2 failed.
    pub const SPOOL_STATE: &str = "vestibule_spool_state";
}
