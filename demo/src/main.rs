//! `demo`: starts the house, says where everything is, and stops it again.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use clap::Parser;
use demo::house::House;
use demo::plan::Plan;
use demo::report;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Starts relay and recorder on this machine with two made-up clients, and serves their pages.
///
/// The first start makes everything, keys included; a later start finds it again. The keys are for
/// looking around and good for nothing else. Ctrl-C stops everything.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The folder that everything is kept in
    #[arg(long, default_value = ".run")]
    directory: PathBuf,
    /// The folder with the programs `relay` and `recorder`; that of this program, if not given
    #[arg(long)]
    programs: Option<PathBuf>,
    /// The relay's port: widget and desk
    #[arg(long, default_value_t = 8080)]
    relay_port: u16,
    /// The recorder's port: console
    #[arg(long, default_value_t = 8081)]
    recorder_port: u16,
    /// The shop page's port
    #[arg(long, default_value_t = 8082)]
    shop_port: u16,
    /// Serve the relay's metrics on this port
    #[arg(long)]
    metrics_port: Option<u16>,
    /// Lift the relay's limits, run `loadtest` with these arguments against this house, and stop
    #[arg(last = true, value_name = "LOADTEST ARGUMENTS")]
    load: Vec<String>,
}

/// For load tests: what a participant may send, and how often an address may come.
const FOR_LOAD: &str = "per_minute = 10000000\nnotices_per_minute = 1000000\nconsents_per_minute = 1000000\n\
     sockets_per_minute = 1000000\nsign_ins_per_minute = 10000\n";

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even this line cannot be written.
            let _ = writeln!(io::stderr(), "demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the load test against the first client of this house.
async fn load(house: &House, arguments: &[String]) -> Result<ExitStatus> {
    let client = house.people().clients.first().context("no client")?;
    let site = client.site.context("no site")?;
    let mut command = Command::new(house.plan().program("loadtest"));
    command
        .args(arguments)
        .args(["--port", &house.plan().relay.to_string()])
        .args(["--site", &site.to_string(), "--client", &client.slug]);
    for agent in &client.agents {
        command.args(["--agent", &format!("{}:{}", agent.sign_in, agent.password)]);
    }
    for (flag, pid) in [
        ("--pid", house.relay.pid()),
        ("--behind", house.recorder.pid()),
    ] {
        if let Some(pid) = pid {
            command.args([flag, &pid.to_string()]);
        }
    }
    if let Some(port) = house.plan().metrics {
        command.args(["--metrics", &format!("127.0.0.1:{port}")]);
    }
    command
        .status()
        .await
        .context("`loadtest` cannot be started: build it with `cargo build -p loadtest`")
}

#[tokio::main]
async fn run(cli: Cli) -> Result<()> {
    let own = std::env::current_exe().context("this program's own folder")?;
    let own = own
        .parent()
        .context("this program's own folder")?
        .to_owned();
    let mut plan = Plan::new(cli.directory, cli.programs.unwrap_or(own));
    plan.relay = cli.relay_port;
    plan.recorder = cli.recorder_port;
    plan.shop = cli.shop_port;
    plan.metrics = cli.metrics_port;
    if !cli.load.is_empty() {
        FOR_LOAD.clone_into(&mut plan.limits);
        plan.metrics = plan.metrics.or(plan.shop.checked_add(1));
    }

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut house = tokio::select! {
        house = House::start(plan) => house?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    if !cli.load.is_empty() {
        let status = load(&house, &cli.load).await?;
        house.stop().await?;
        anyhow::ensure!(status.success(), "the load test failed");
        return Ok(());
    }
    // At once: whoever reads it may close the pipe at the line that they waited for.
    let report = report::of(house.plan(), house.people(), house.is_new())?;
    io::stdout().write_all(&report)?;
    let broken = tokio::select! {
        said = house.broken() => Some(said?),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    house.stop().await?;
    if let Some(said) = broken {
        anyhow::bail!(said);
    }
    // Whoever started it may have closed their terminal.
    let kept = house.plan().directory.display();
    let _ = writeln!(io::stdout(), "  Stopped. What was kept is in {kept}.");
    Ok(())
}
