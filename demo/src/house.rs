//! The running house: recorder, relay, shop. Started in that order, stopped in the other.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};

use crate::config;
use crate::people::People;
use crate::plan::Plan;
use crate::process::Process;
use crate::setup;
use crate::shop::Shop;

/// A running house.
pub struct House {
    plan: Plan,
    people: People,
    new: bool,
    /// The recorder.
    pub recorder: Process,
    /// The relay.
    pub relay: Process,
    _shop: Shop,
}

impl House {
    /// Starts it; the first time, makes all that it needs.
    pub async fn start(plan: Plan) -> Result<Self> {
        let mut ports = vec![
            ("the relay (widget and desk)", plan.relay),
            ("the recorder (console)", plan.recorder),
            ("the shop page", plan.shop),
        ];
        ports.extend(plan.metrics.map(|port| ("the relay's metrics", port)));
        for (what, port) in ports {
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
                bail!(
                    "port {port} for {what} is taken: stop what uses it, or choose another (--help)"
                );
            }
        }
        fs::create_dir_all(&plan.directory)
            .with_context(|| format!("{} cannot be made", plan.directory.display()))?;
        let directory = plan.directory.canonicalize()?;
        let plan = Plan { directory, ..plan };
        let (people, new) = setup::people(&plan).await?;
        let shop = Shop::start(&plan, &people).await?;
        let recorder = start_recorder(&plan).await?;
        let relay = start_relay(&plan).await?;
        Ok(Self {
            plan,
            people,
            new,
            recorder,
            relay,
            _shop: shop,
        })
    }

    /// Where everything is.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who is there.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Whether this start made it.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Waits until a program ends by itself, and says which and what it said last.
    pub async fn broken(&mut self) -> Result<String> {
        tokio::select! {
            said = self.relay.ended() => said,
            said = self.recorder.ended() => said,
        }
    }

    /// Starts the relay again, after it was stopped or killed.
    pub async fn start_relay(&mut self) -> Result<()> {
        self.relay = start_relay(&self.plan).await?;
        Ok(())
    }

    /// Starts the recorder again, after it was stopped or killed.
    pub async fn start_recorder(&mut self) -> Result<()> {
        self.recorder = start_recorder(&self.plan).await?;
        Ok(())
    }

    /// Stops everything, the relay first, and waits until it has stopped.
    pub async fn stop(&mut self) -> Result<()> {
        let relay = self.relay.stop().await;
        let recorder = self.recorder.stop().await;
        for (name, status) in [("relay", relay?), ("recorder", recorder?)] {
            if !status.success() {
                bail!("{name} did not stop cleanly ({status}): see its log");
            }
        }
        Ok(())
    }
}

async fn start_recorder(plan: &Plan) -> Result<Process> {
    let file = config::recorder_file(plan);
    let mut recorder = Process::start(
        &plan.program("recorder"),
        &["--config", &file.to_string_lossy(), "serve"],
        &plan.path("recorder.log"),
    )?;
    recorder.answers(plan.recorder).await?;
    Ok(recorder)
}

async fn start_relay(plan: &Plan) -> Result<Process> {
    let file = config::relay_file(plan);
    let mut relay = Process::start(
        &plan.program("relay"),
        &["--config", &file.to_string_lossy(), "serve"],
        &plan.path("relay.log"),
    )?;
    relay.answers(plan.relay).await?;
    Ok(relay)
}
