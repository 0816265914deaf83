//! `relay serve`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::app;
use crate::clock::Clock;
use crate::telemetry;

pub(super) fn run(config: &Path, out: &mut (impl Write + Send)) -> Result<()> {
    let config = super::load(config)?;
    telemetry::start_logs(&config.log)?;
    let metrics = match config.listen.metrics {
        Some(_) => Some(telemetry::start_metrics()?),
        None => None,
    };
    let runtime = super::runtime(config.node.threads)?;
    app::harden(config.node.lock_memory);
    let done = runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let (widget, desk) = (
            config.listen.widget_origin.clone(),
            config.listen.desk_origin.clone(),
        );
        let running = app::build(config, Clock::system(), metrics).await?;
        writeln!(out, "relay: widget at {widget}, desk at {desk}")?;
        out.flush()?;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        tracing::info!("stopping");
        if !running.stop().await {
            tracing::warn!("not everything ended in time");
        }
        Ok(())
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}
