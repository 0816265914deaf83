//! `recorder.toml`: one file, read once, unknown keys refused.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// The commented sample that ships with the program.
pub const SAMPLE: &str = include_str!("../recorder.sample.toml");

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything lives that is not placed elsewhere below.
    pub data: PathBuf,
    /// The rows.
    #[serde(default)]
    pub store: StoreSection,
    /// The relay's spool.
    #[serde(default)]
    pub spool: SpoolSection,
    /// Sealed recordings.
    #[serde(default)]
    pub vault: VaultSection,
    /// The recorder's own keys.
    #[serde(default)]
    pub keys: KeysSection,
    /// Intake.
    #[serde(default)]
    pub intake: IntakeSection,
    /// The officers' pages.
    #[serde(default)]
    pub console: ConsoleSection,
    /// Log lines.
    #[serde(default)]
    pub log: LogSection,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSection {
    /// `sqlite:FOLDER` or `postgres://…`; by default the data folder.
    pub url: Option<String>,
}

/// `[spool]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolSection {
    /// Holds one folder per node.
    pub folder: Option<PathBuf>,
}

/// `[vault]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSection {
    /// Holds the sealed recordings.
    pub folder: Option<PathBuf>,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSection {
    /// Holds the master key, and what is sealed under it.
    pub folder: Option<PathBuf>,
}

/// `[intake]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeSection {
    /// How often the spool is looked at.
    pub every_ms: u64,
    /// How often the intake key changes.
    pub rotate_hours: u32,
    /// A generation that was replaced is destroyed no sooner than so many minutes later: relays
    /// learn of the new one in between.
    pub grace_minutes: u32,
}

impl Default for IntakeSection {
    fn default() -> Self {
        Self {
            every_ms: 500,
            rotate_hours: 24,
            grace_minutes: 60,
        }
    }
}

/// `[console]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSection {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The origin that browsers see; a request for another host is told this one.
    pub origin: String,
    /// Where a browser's address is taken from behind a proxy; from the socket if left out.
    pub forwarded: Option<Forwarded>,
}

/// `[console.forwarded]`: used for the limit of sign-ins alone, and never stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarded {
    /// The header's name; its last entry counts.
    pub header: String,
    /// Believed from these peers only.
    pub from: Vec<IpAddr>,
}

impl Default for ConsoleSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            origin: "http://console.localhost:8081".to_owned(),
            forwarded: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// A `tracing` filter, such as `info`.
    pub filter: String,
    /// JSON instead of text.
    pub json: bool,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}

impl Config {
    /// Reads the file. Relative paths in it are meant from the file's own folder.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            let hint =
                format!("{e}: give it with --config, or write one (`recorder sample-config`)");
            Error::file("cannot read the configuration", path, hint)
        })?;
        let mut config = Self::parse(&text)
            .map_err(|reason| Error::file("in the configuration", path, reason))?;
        let base = path.parent().unwrap_or(Path::new(""));
        config.data = base.join(&config.data);
        for folder in [
            &mut config.spool.folder,
            &mut config.vault.folder,
            &mut config.keys.folder,
        ] {
            *folder = folder.take().map(|folder| base.join(folder));
        }
        // `sqlite:FOLDER` names a folder like the others.
        if let Some(folder) = config
            .store
            .url
            .as_deref()
            .and_then(|url| url.strip_prefix("sqlite:"))
        {
            let folder = base.join(folder);
            config.store.url = Some(format!("sqlite:{}", folder.display()));
        }
        Ok(config)
    }

    /// Parses the file's text; the error is one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e: toml::de::Error| {
            let line = e
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            let message = e.message().replace('\n', " ");
            format!("line {line}: {message}")
        })?;
        if let Some(forwarded) = &config.console.forwarded
            && (http::HeaderName::try_from(&forwarded.header).is_err() || forwarded.from.is_empty())
        {
            return Err(
                "[console.forwarded] needs a header's name and at least one address in `from`"
                    .to_owned(),
            );
        }
        Ok(config)
    }

    /// A configuration with everything below one folder.
    pub fn in_folder(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            store: StoreSection::default(),
            spool: SpoolSection::default(),
            vault: VaultSection::default(),
            keys: KeysSection::default(),
            intake: IntakeSection::default(),
            console: ConsoleSection::default(),
            log: LogSection::default(),
        }
    }

    /// The store's address.
    pub fn store_url(&self) -> String {
        self.store
            .url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data.display()))
    }

    /// Holds one folder per node.
    pub fn spool(&self) -> PathBuf {
        self.spool
            .folder
            .clone()
            .unwrap_or_else(|| self.data.join("spool"))
    }

    /// Holds the sealed recordings.
    pub fn vault(&self) -> PathBuf {
        self.vault
            .folder
            .clone()
            .unwrap_or_else(|| self.data.join("vault"))
    }

    /// Holds the recorder's keys, its lock and its socket.
    pub fn keys(&self) -> PathBuf {
        self.keys
            .folder
            .clone()
            .unwrap_or_else(|| self.data.join("recorder"))
    }

    /// The command line's way to a running recorder.
    pub fn socket(&self) -> PathBuf {
        self.keys().join("recorder.sock")
    }

    /// Held by whoever works on the data: a running recorder, or one command.
    pub fn lock(&self) -> PathBuf {
        self.keys().join("lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_says_the_defaults() {
        let sample = Config::parse(SAMPLE).unwrap();
        assert_eq!(sample, Config::in_folder(Path::new("data")));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Config::parse("data = \"x\"\n[intake]\nevery_sec = 3\n").unwrap_err();
        assert!(
            error.starts_with("line 3:") && error.contains("every_sec"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn a_proxy_is_named_with_its_header_and_its_address_or_not_at_all() {
        let parse = |section: &str| Config::parse(&format!("data = \"x\"\n{section}"));
        let named = "[console.forwarded]\nheader = \"x-forwarded-for\"\nfrom = [\"10.0.0.2\"]\n";
        assert!(parse(named).unwrap().console.forwarded.is_some());
        for (whole, lacking) in [
            ("10.0.0.2", "a proxy"),
            ("\"10.0.0.2\"", ""),
            ("x-f", "x f"),
        ] {
            let refused = parse(&named.replace(whole, lacking)).unwrap_err();
            assert!(!refused.is_empty() && !refused.contains('\n'), "{refused}");
        }
    }
}
