//! The command line: one verb a file. It writes through the `Write` that it is handed.

mod check;
mod node_key;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, SAMPLE};

/// What `relay --help` says after the list of verbs.
const AFTER_HELP: &str = "\
The first time, in this order:
  1. `relay sample-config > relay.toml`, and set the two origins and the store in it.
  2. `relay node-key` makes this node's signing key and prints its public half.
  3. On the recorder: `recorder key show` prints the key for [node] recorder_key, and
     `recorder node certify <public key>` certifies this node.
  4. `relay check` says whether everything is in place; `relay serve` serves.

The relay writes what is said into the spool, sealed to keys that it does not hold. It cannot open
a recording; `recorder` can, with two people.";

/// The relay: the gate, sessions and chat, live. It seals what it hears and can open none of it.
#[derive(Debug, Parser)]
#[command(name = "relay", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = "relay.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Prints a commented configuration file.
    SampleConfig,
    /// Serves until it is told to stop (Ctrl-C, or SIGTERM): sockets are told, then it ends.
    Serve,
    /// Makes this node's signing key if it is missing, and prints its public half.
    ///
    /// Hand the printed line to `recorder node certify`.
    NodeKey,
    /// Checks configuration, keys, certificate, store, port and spool, and says what is missing.
    Check,
}

/// Runs the command line `arguments`; errors are one line on `err`.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut (impl Write + Send),
    err: &mut impl Write,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(help) => {
            let told = if help.use_stderr() {
                write!(err, "{help}")
            } else {
                write!(out, "{help}")
            };
            let code = if told.is_ok() { help.exit_code() } else { 1 };
            return ExitCode::from(u8::try_from(code).unwrap_or(2));
        }
    };
    let done = match arguments.verb {
        Verb::SampleConfig => out.write_all(SAMPLE.as_bytes()).map_err(Into::into),
        Verb::Serve => serve::run(&arguments.config, out),
        Verb::NodeKey => node_key::run(&arguments.config, out),
        Verb::Check => check::run(&arguments.config, out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', " ");
            let _ = writeln!(err, "relay: {line}");
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(path)?)
}

fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().build()?)
}
