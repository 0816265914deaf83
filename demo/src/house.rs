//! The running house: recorder, relay, shop. Started in that order, stopped in the other.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::config;
use crate::lock;
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
    /// Until it is stopped.
    lock: Option<File>,
    /// The recorder.
    pub recorder: Process,
    /// The relay.
    pub relay: Process,
    _shop: Shop,
}

impl House {
    /// Starts it; the first time, makes all that it needs.
    pub async fn start(plan: Plan) -> Result<Self> {
        fs::create_dir_all(&plan.directory)
            .with_context(|| format!("{} cannot be made", plan.directory.display()))?;
        let directory = plan.directory.canonicalize()?;
        let plan = Plan { directory, ..plan };
        // Before anything is written there: it may be another house's that runs.
        let lock = Some(lock::take(&plan)?);
        free(&plan)?;
        let (people, new) = setup::people(&plan).await?;
        let shop = Shop::start(&plan, &people).await?;
        let recorder = start_recorder(&plan, lock.as_ref()).await?;
        let relay = start_relay(&plan, lock.as_ref()).await?;
        Ok(Self {
            plan,
            people,
            new,
            lock,
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
        self.relay = start_relay(&self.plan, self.lock.as_ref()).await?;
        Ok(())
    }

    /// Starts the recorder again, after it was stopped or killed.
    pub async fn start_recorder(&mut self) -> Result<()> {
        self.recorder = start_recorder(&self.plan, self.lock.as_ref()).await?;
        Ok(())
    }

    /// Stops everything, the relay first, and waits until it has stopped.
    pub async fn stop(&mut self) -> Result<()> {
        let relay = self.relay.stop().await;
        let recorder = self.recorder.stop().await;
        self.lock = None;
        for (name, status) in [("relay", relay?), ("recorder", recorder?)] {
            if !status.success() {
                bail!("{name} did not stop cleanly ({status}): see its log");
            }
        }
        Ok(())
    }
}

/// Whether every port can be had; says all at once which cannot.
fn free(plan: &Plan) -> Result<()> {
    let can = |port| {
        // The relay has its port for calls, too; the others do without UDP.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    let mut ports = vec![
        ("the relay (widget, desk and calls)", "relay", plan.relay),
        ("the recorder (console)", "recorder", plan.recorder),
        ("the shop page", "shop", plan.shop),
    ];
    ports.extend(
        plan.metrics
            .map(|port| ("the relay's metrics", "metrics", port)),
    );
    let own: Vec<u16> = ports.iter().map(|(_, _, port)| *port).collect();
    let (mut taken, mut others) = (Vec::new(), Vec::new());
    for (what, name, port) in ports {
        if !can(port) {
            taken.push(format!("port {port} for {what} is taken"));
            let mut near = port.saturating_add(10)..=u16::MAX;
            let other = near.find(|near| !own.contains(near) && can(*near));
            others.push(format!("--{name}-port {}", other.unwrap_or_default()));
        }
    }
    if !taken.is_empty() {
        bail!(
            "{}: stop what uses it, or choose another: make run ARGS='{}'",
            taken.join(", "),
            others.join(" ")
        );
    }
    Ok(())
}

/// What a program of the house has as its standard input: nothing to read, and the lock.
fn input(lock: Option<&File>) -> Result<Stdio> {
    Ok(match lock {
        Some(lock) => lock.try_clone()?.into(),
        None => Stdio::null(),
    })
}

async fn start_recorder(plan: &Plan, lock: Option<&File>) -> Result<Process> {
    let file = config::recorder_file(plan);
    let mut recorder = Process::start(
        &plan.program("recorder"),
        &["--config", &file.to_string_lossy(), "serve"],
        input(lock)?,
        &plan.path("recorder.log"),
    )?;
    recorder.answers(plan.recorder).await?;
    Ok(recorder)
}

async fn start_relay(plan: &Plan, lock: Option<&File>) -> Result<Process> {
    let file = config::relay_file(plan);
    let mut relay = Process::start(
        &plan.program("relay"),
        &["--config", &file.to_string_lossy(), "serve"],
        input(lock)?,
        &plan.path("relay.log"),
    )?;
    relay.answers(plan.relay).await?;
    Ok(relay)
}
