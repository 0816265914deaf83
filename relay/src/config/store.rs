//! `[store]` and `[spool]`: where rows live, and where what is sealed becomes durable.

use core::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:DIRECTORY` or `postgres://…`.
    pub url: StoreUrl,
}

/// A database address; it may hold a password, so it is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// The address itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn resolve(&mut self, base: &Path) {
        let relative = self
            .0
            .strip_prefix("sqlite:")
            .map(Path::new)
            .filter(|path| path.is_relative());
        if let Some(path) = relative {
            self.0 = format!("sqlite:{}", base.join(path).display());
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(…)")
    }
}

/// `[spool]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolConfig {
    /// The folder; this node's part of it is named after the node.
    pub directory: PathBuf,
    /// Size of one file.
    #[serde(default = "segment_mib")]
    pub segment_mib: u64,
    /// How long a commit waits for company while more than one session is active.
    #[serde(default = "linger_us")]
    pub linger_us: u64,
    /// New sessions are refused when less than this is free on the disk.
    #[serde(default = "min_free_mib")]
    pub min_free_mib: u64,
    /// Mebibytes that may wait to be written.
    #[serde(default = "queue_mib")]
    pub queue_mib: usize,
}

fn segment_mib() -> u64 {
    64
}
fn linger_us() -> u64 {
    2_000
}
fn min_free_mib() -> u64 {
    256
}
fn queue_mib() -> usize {
    32
}

impl SpoolConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=4_096).contains(&self.segment_mib) {
            return Err("[spool] segment_mib must be between 1 and 4096".to_owned());
        }
        if self.linger_us > 100_000 {
            return Err("[spool] linger_us must be at most 100000".to_owned());
        }
        if self.queue_mib == 0 {
            return Err("[spool] queue_mib must be at least 1".to_owned());
        }
        Ok(())
    }
}
