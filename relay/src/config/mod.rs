//! The configuration file: one TOML file, one load, unknown keys refused.
//!
//! `relay.sample.toml` holds every key with its default and a comment; a test parses it. Relative
//! paths count from the folder of the file that names them.

mod limits;
mod listen;
mod media;
mod node;
mod origin;
mod store;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use limits::{Limits, SessionConfig};
pub use listen::{Forwarded, ListenConfig, TlsConfig};
pub use media::MediaConfig;
pub use node::NodeConfig;
pub use origin::Origin;
pub use store::{SpoolConfig, StoreConfig};

/// The commented sample that ships with the program.
pub const SAMPLE: &str = include_str!("../../relay.sample.toml");

/// All that the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who this node is and whom it trusts.
    pub node: NodeConfig,
    /// Where it listens and under which names.
    pub listen: ListenConfig,
    /// Where rows live.
    pub store: StoreConfig,
    /// Where what is sealed becomes durable.
    pub spool: SpoolConfig,
    /// What carries calls.
    #[serde(default)]
    pub media: MediaConfig,
    /// How long sessions wait for people.
    #[serde(default)]
    pub session: SessionConfig,
    /// How much is taken from one connection, one address, and in all.
    #[serde(default)]
    pub limits: Limits,
    /// What is logged, and how.
    #[serde(default)]
    pub log: LogConfig,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// One JSON object a line, or text.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,relay::room=debug`.
    pub level: String,
}

/// See [`LogConfig::format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// Why the configuration cannot be used: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error(
        "{path}: cannot be read: {reason}. `relay sample-config` prints one to begin with; --config names another file"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said. Not `source`: the message holds it already.
        reason: std::io::Error,
    },
    /// It is not TOML, or has a key or a value that is not known.
    #[error("{path}: {what}. `relay sample-config` shows every key")]
    Malformed {
        /// The file.
        path: String,
        /// Where and what, in one line.
        what: String,
    },
    /// A value that cannot be right.
    #[error("{path}: {what}")]
    Invalid {
        /// The file.
        path: String,
        /// Which key, and what is wrong with it.
        what: String,
    },
}

impl Config {
    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
            path: shown.clone(),
            reason,
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &shown, base)
    }

    /// Reads and checks `text`; `shown` names it in errors, relative paths count from `base`.
    pub fn parse(text: &str, shown: &str, base: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
            path: shown.to_owned(),
            what: one_line(&error, text),
        })?;
        config.resolve(base);
        config.check().map_err(|what| ConfigError::Invalid {
            path: shown.to_owned(),
            what,
        })?;
        Ok(config)
    }

    fn resolve(&mut self, base: &Path) {
        resolve(&mut self.node.key, base);
        resolve(&mut self.spool.directory, base);
        self.store.url.resolve(base);
        if let Some(tls) = &mut self.listen.tls {
            resolve(&mut tls.certificate, base);
            resolve(&mut tls.key, base);
        }
    }

    fn check(&self) -> Result<(), String> {
        self.listen.check()?;
        self.spool.check()?;
        self.media.check()?;
        self.session.check()?;
        self.limits.check()
    }
}

fn resolve(path: &mut PathBuf, base: &Path) {
    if path.is_relative() {
        *path = base.join(&*path);
    }
}

/// TOML's own message is a picture of several lines; a command line error is one.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or(1, |before| before.matches('\n').count() + 1);
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    format!("line {line}: {message}")
}
