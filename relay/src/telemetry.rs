//! Logs and metrics. No line and no label holds personal data: ids, codes and counts only.
//!
//! Types that hold a name, a text, a token or an address have no `Display` and a redacting
//! `Debug`, so that a careless log line has nothing to show. `tests/it/telemetry.rs` holds a whole
//! session's lines against that.

mod refusals;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::{LogConfig, LogFormat};

pub use refusals::Refusals;

/// Whose lines name addresses, candidates and SDP: the media engine's.
const ENGINE: [&str; 6] = [
    "str0m",
    "str0m_proto",
    "str0m_aws_lc_rs",
    "is",
    "dimpl",
    "sctp_proto",
];

/// Sends log lines to standard error as the configuration says. Once per process.
pub fn start_logs(config: &LogConfig) -> anyhow::Result<()> {
    tracing::subscriber::set_global_default(logs(config, std::io::stderr)?)
        .map_err(|error| anyhow::anyhow!("logs cannot be started: {error}"))
}

/// Log lines to `writer`. None are of the media engine, whatever the configuration says.
pub fn logs<W>(config: &LogConfig, writer: W) -> anyhow::Result<impl Subscriber + use<W>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|error| anyhow::anyhow!("[log] level: {error}"))?;
    let filter = filter.and(filter_fn(|line| {
        let of = line.target().split("::").next();
        !of.is_some_and(|of| ENGINE.contains(&of))
    }));
    let lines = fmt::layer().with_ansi(false).with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    };
    Ok(Registry::default().with(lines))
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
