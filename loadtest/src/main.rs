//! Command line of the load test.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::{call, chat, idle, janus};

/// Puts real participants on a relay on this machine and says what it cost.
///
/// `make load ARGS='chat --pairs 50'` starts a relay and a recorder with their limits lifted, runs
/// this against them, and stops them. To be used on a relay that runs already:
///
///   loadtest chat --site SITE --client alpine --agent NAME:PASSWORD --pairs 50 --pid PID
///
/// Traffic goes to the loopback only. Compare figures of one run on one machine, as ratios.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    Call(call::Call),
    Chat(chat::Chat),
    Idle(idle::Idle),
    Janus(janus::Janus),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use io::Write as _;
            // Nothing is left to do where even this line cannot be written.
            let _ = writeln!(io::stderr(), "loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One thread, so that the load takes one core at most.
fn run(cli: &Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut out = io::stdout().lock();
    runtime.block_on(async {
        match &cli.scenario {
            Scenario::Call(scenario) => call::run(scenario, &mut out).await.map(drop),
            Scenario::Chat(scenario) => chat::run(scenario, &mut out).await.map(drop),
            Scenario::Idle(scenario) => idle::run(scenario, &mut out).await.map(drop),
            Scenario::Janus(scenario) => janus::run(scenario, &mut out).await.map(drop),
        }
    })
}
