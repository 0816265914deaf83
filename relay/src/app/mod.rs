//! The composition root: `build(config)` opens what a node needs, in order, and starts it.

mod hardening;
mod listener;
mod metrics;
mod node;
mod restore;
mod upkeep;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use proto::Millis;
use proto::wire::Limits;
use seal::spool::{Disk, Recovered, Spool, SpoolConfig, SpoolError, SpoolFiles};
use store::{Store, StoreConfig};

pub use hardening::harden;
pub use node::{load_or_make_key, make_key};

use crate::clock::Clock;
use crate::config::Config;
use crate::http::front::Front;
use crate::http::service::Hosts;
use crate::media::Media;
use crate::room::alive::{Alive, Stopped};
use crate::room::driver::Means;
use crate::room::facts::{House, Node};
use crate::room::journal::Journal;
use crate::room::keyring::Keyring;
use crate::room::lobby::Lobby;
use crate::shutdown::Shutdown;

/// How long a stopping node waits for what is in flight.
const PATIENCE: Duration = Duration::from_secs(10);

/// A node that serves.
#[derive(Debug)]
pub struct Running {
    front: Arc<Front>,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    media: Media,
}

/// What must be there before a node can serve; `relay check` stops here.
#[derive(Debug)]
pub struct Ready {
    config: Config,
    store: Store,
    node: Node,
}

impl Ready {
    /// Opens the store, and checks this node's key and certificate, and the recorder's keys.
    pub async fn check(config: Config, clock: &Clock) -> Result<Self> {
        let mut store_config = StoreConfig::new(config.store.url.expose());
        store_config.open_tenants = 256;
        let store = Store::open(&store_config)
            .await
            .context("[store] url: the store cannot be opened")?;
        let key = node::load_key(&config.node.key)?;
        let node = node::certified(&store, key, &config.node, clock.now()).await?;
        Ok(Self {
            config,
            store,
            node,
        })
    }

    /// Whether the ports are free; they are not kept.
    pub async fn check_port(&self) -> Result<()> {
        listener::bind(&self.config.listen).await.map(drop)?;
        Media::check(&self.config.media)
    }

    /// Whether this node's part of the spool can be made and written, and no other relay has it.
    pub async fn check_spool(&self) -> Result<()> {
        let folder = spool_folder(&self.config, &self.node)?;
        let shown = folder.display().to_string();
        let tried = tokio::task::spawn_blocking(move || {
            let _held = held(&folder, Disk::open)?;
            let probe = folder.join("check");
            std::fs::write(&probe, b"spool")?;
            std::fs::remove_file(probe)?;
            anyhow::Ok(())
        });
        tried
            .await?
            .with_context(|| format!("[spool] directory: {shown} cannot be written"))
    }

    /// One line for each tenant: whether its recordings can be sealed.
    pub async fn check_keys(&self, now: Millis) -> Result<Vec<String>> {
        let keyring = Keyring::new(self.store.clone(), self.config.node.recorder_key, None);
        let mut lines = Vec::new();
        for tenant in self.store.tenants().await? {
            let slug = &tenant.info().slug;
            keyring
                .target(&tenant, now)
                .await
                .with_context(|| format!("client {slug}"))?;
            lines.push(format!(
                "client {slug}: sealing key and intake key in order"
            ));
        }
        Ok(lines)
    }

    /// Lets go of what was opened.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// Builds a node from its configuration and starts it. `metrics` renders what was counted.
pub async fn build(
    config: Config,
    clock: Clock,
    metrics: Option<PrometheusHandle>,
) -> Result<Running> {
    build_on(config, clock, metrics, Disk::open).await
}

/// [`build`] with other files below the spool: a test's disk that fails.
pub async fn build_on<F: SpoolFiles>(
    config: Config,
    clock: Clock,
    metrics: Option<PrometheusHandle>,
    files: impl FnOnce(&Path) -> io::Result<F> + Send + 'static,
) -> Result<Running> {
    let ready = Ready::check(config, &clock).await?;
    let Ready {
        config,
        store,
        node,
    } = ready;
    let tls = listener::tls(&config.listen)?;
    let listener = listener::bind(&config.listen).await?;
    let address = listener.local_addr()?;
    let media = Media::start(&config.media, &clock)?;
    let spooled = open_spool(&config, &node, files).await?;
    let spool = spooled.spool;

    let shutdown = Shutdown::new();
    let after_end_ms = i64::from(config.session.after_end_minutes) * 60_000;
    let journal = Journal::new(spool.clone());
    let keyring = Arc::new(Keyring::new(
        store.clone(),
        config.node.recorder_key,
        Some(journal.clone()),
    ));
    let means = Means {
        lobby: Arc::new(Lobby::default()),
        spool,
        journal,
        keyring: Arc::clone(&keyring),
        media: media.clone(),
        alive: Arc::new(spooled.alive),
        clock: clock.clone(),
        after_end_ms,
        shutdown: shutdown.clone(),
    };
    let house = Arc::new(house(&config, node, after_end_ms));
    let before = restore::Before {
        recovered: spooled.recovered,
        stopped: spooled.stopped,
    };
    restore::restore(&store, &keyring, &house, &means, before)
        .await
        .context("sessions of before cannot be taken up again")?;

    let front = Arc::new(Front::new(config, store, keyring, house, means));
    upkeep::start(&front);
    let counted = match (front.config.listen.metrics, metrics) {
        (Some(address), Some(handle)) => {
            Some(metrics::serve(address, handle, Arc::clone(&front)).await?)
        }
        _ => None,
    };
    listener::serve(listener, tls, Hosts::new(Arc::clone(&front)), &front);
    tracing::info!(port = address.port(), node = %front.house.node.id, "serving");
    Ok(Running {
        front,
        address,
        metrics: counted,
        media,
    })
}

fn house(config: &Config, node: Node, after_end_ms: i64) -> House {
    let limits = &config.limits;
    House {
        node: Arc::new(node),
        limits: Limits {
            text_bytes: limits.text_bytes,
            per_minute: limits.per_minute,
            unacknowledged: limits.unacknowledged,
            unanswered: limits.unanswered,
        },
        history_bytes: limits.history_mib << 20,
        people: limits.people,
        join_ms: i64::from(config.session.join_seconds) * 1_000,
        longest_ms: i64::from(config.session.longest_hours) * 3_600_000,
        return_ms: i64::from(config.session.return_minutes) * 60_000,
        after_end_ms,
        refusals: Arc::default(),
    }
}

/// The spool, and what the relay before this one left in its folder.
struct Spooled {
    spool: Spool,
    recovered: Recovered,
    alive: Alive,
    stopped: Option<Stopped>,
}

async fn open_spool<F: SpoolFiles>(
    config: &Config,
    node: &Node,
    files: impl FnOnce(&Path) -> io::Result<F> + Send + 'static,
) -> Result<Spooled> {
    let folder = spool_folder(config, node)?;
    let spool = &config.spool;
    let settings = SpoolConfig {
        segment_bytes: spool.segment_mib << 20,
        linger: Duration::from_micros(spool.linger_us),
        min_free_bytes: spool.min_free_mib << 20,
        queue_bytes: spool.queue_mib << 20,
    };
    let shown = folder.display().to_string();
    let opened = tokio::task::spawn_blocking(move || {
        let files = held(&folder, files)?;
        let (spool, recovered) = Spool::open(settings, files)?;
        let (alive, stopped) = Alive::open(&folder)?;
        Ok::<_, anyhow::Error>(Spooled {
            spool,
            recovered,
            alive,
            stopped,
        })
    });
    let opened = opened.await?;
    opened.with_context(|| format!("[spool] directory: {shown} cannot be opened"))
}

/// This node's part of the spool, in a folder that is there.
fn spool_folder(config: &Config, node: &Node) -> Result<PathBuf> {
    let folder = &config.spool.directory;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("[spool] directory: {} cannot be made", folder.display()))?;
    Ok(folder.join(node.id.to_string()))
}

fn held<F>(folder: &Path, files: impl FnOnce(&Path) -> io::Result<F>) -> Result<F> {
    files(folder).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => SpoolError::InUse.into(),
        _ => error.into(),
    })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// What carries its calls.
    pub fn media(&self) -> &Media {
        &self.media
    }

    /// What its endpoints have at hand: for tests that look behind them.
    pub fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// Stops: sockets are told, what is in flight becomes durable, then everything closes. True if
    /// all of it ended by itself.
    pub async fn stop(self) -> bool {
        let done = upkeep::stop(&self.front, PATIENCE).await;
        // Rooms have closed their calls by now: nothing is left to wait for.
        let media = self.media.clone();
        let _ = tokio::task::spawn_blocking(move || media.stop()).await;
        self.front.means.spool.clone().close().await;
        self.front.store.close().await;
        done
    }
}
