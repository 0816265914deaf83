//! Where everything is: folders, ports, addresses.

use std::path::{Path, PathBuf};

/// Folders and ports of one house.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything that is written lies below it.
    pub directory: PathBuf,
    /// The folder with the programs `relay` and `recorder`.
    pub programs: PathBuf,
    /// The relay's port: widget and desk over TCP, calls over UDP.
    pub relay: u16,
    /// The recorder's port: the console.
    pub recorder: u16,
    /// The shop page's port.
    pub shop: u16,
    /// The loopback's UDP port that browsers are told to send media to; the relay's own if `None`.
    pub announce: Option<u16>,
    /// The relay's metrics; not served if `None`.
    pub metrics: Option<u16>,
    /// Where both programs keep their rows: `postgres://…`; SQLite below the data folder if `None`.
    pub store: Option<String>,
    /// `[limits]` of the relay as lines of TOML; empty for its defaults.
    pub limits: String,
}

impl Plan {
    /// The house under `directory` on its usual ports.
    pub fn new(directory: impl Into<PathBuf>, programs: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            programs: programs.into(),
            relay: 8080,
            recorder: 8081,
            shop: 8082,
            announce: None,
            metrics: None,
            store: None,
            limits: String::new(),
        }
    }

    /// The widget's origin.
    pub fn widget_origin(&self) -> String {
        format!("http://widget.localhost:{}", self.relay)
    }

    /// The desk's origin.
    pub fn desk_origin(&self) -> String {
        format!("http://desk.localhost:{}", self.relay)
    }

    /// The console's origin.
    pub fn console_origin(&self) -> String {
        format!("http://console.localhost:{}", self.recorder)
    }

    /// The shop's origin.
    pub fn shop_origin(&self) -> String {
        format!("http://shop.localhost:{}", self.shop)
    }

    /// What both processes keep.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The store's address, as both configuration files name it.
    pub fn store_url(&self) -> &str {
        self.store.as_deref().unwrap_or("sqlite:data")
    }

    /// A file or folder directly under the house's own.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }

    /// A program's path.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}
