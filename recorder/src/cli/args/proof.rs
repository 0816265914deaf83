//! The words for what proves what happened: bundles and the log.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::{Hash32, RecordingId};

/// See [`super::Verb::Verify`].
#[derive(Args)]
pub struct VerifyArgs {
    /// A bundle's file, or a client's short name.
    #[arg(value_name = "BUNDLE or CLIENT")]
    pub what: String,
    /// The recording, where a client is named.
    pub recording: Option<RecordingId>,
    /// A client's acknowledgement, {"track":…,"epoch":…,"seq":…,"head":…}: is that message in the
    /// record?
    #[arg(long, requires = "recording", value_name = "JSON")]
    pub ack: Option<String>,
    /// For a bundle: the fingerprint of the recorder's key, as you were given it; in quotes where
    /// spaces stand in it.
    #[arg(long, value_name = "SHA-256", conflicts_with = "recording", value_parser = fingerprint)]
    pub recorder_key: Option<Hash32>,
    /// For a bundle: the client's root: its fingerprint, or a file with its public key (`recorder
    /// root show`) or with the root itself.
    #[arg(
        long,
        value_name = "SHA-256 or FILE",
        conflicts_with = "recording",
        allow_hyphen_values = true
    )]
    pub root: Option<String>,
    /// For a bundle: a file with an earlier checkpoint of the client's log (from `log checkpoint`,
    /// or another bundle's `data/checkpoint`), which the bundle's must continue.
    #[arg(long, value_name = "FILE", conflicts_with = "recording")]
    pub checkpoint: Option<PathBuf>,
}

/// A fingerprint as pages and papers show it: spaces may stand in it.
pub fn fingerprint(text: &str) -> Result<Hash32, String> {
    let digits: String = text.split_whitespace().collect();
    digits.parse().map_err(|_| {
        "a fingerprint is 64 digits 0-9 and a-f; in quotes if spaces stand in it".to_owned()
    })
}

/// See [`super::Verb::Log`].
#[derive(Subcommand)]
pub enum LogVerb {
    /// Show a client's log.
    Show {
        /// Whose.
        client: String,
        /// From this entry on.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// As JSON Lines.
        #[arg(long)]
        json: bool,
    },
    /// Recompute a client's whole log against its signed checkpoint.
    Verify {
        /// Whose.
        client: String,
    },
    /// Print the log's newest signed checkpoint. Who keeps it sees whether the log is changed later.
    Checkpoint {
        /// Whose.
        client: String,
    },
    /// Take the rows as the log though they do not continue what this recorder has signed: after
    /// the database or the key folder was restored from a backup.
    ///
    /// What was signed and is not in the rows is lost to the log, and an entry says so for good.
    /// First find out why the rows are other ones: whoever can write the database, and nothing
    /// else, wants this very command to be given. Compare with checkpoints that the client has
    /// kept; `recorder log verify CLIENT` says how many entries there are.
    Adopt {
        /// Whose.
        client: String,
        /// How many entries the restored log has.
        #[arg(long)]
        size: u64,
    },
    /// Hand the log out as C2SP tlog-tiles, in a tar: for anyone's monitor.
    Tiles {
        /// Whose.
        client: String,
        /// A new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}
