//! The whole house in a folder of its own, on ports that nobody else uses.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use demo::plan::Plan;
use loadtest::door::Door;
use nix::sys::statvfs::statvfs;
use tempfile::TempDir;
use tokio::process::Command;

use crate::ports;

/// Bytes that a house may fill, with what its relay keeps free.
const ROOM: u64 = 1 << 30;

/// A running house; everything that it wrote goes with it.
pub struct House {
    inner: demo::house::House,
    folder: TempDir,
}

impl Deref for House {
    type Target = demo::house::House;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for House {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl House {
    /// Starts one with the usual limits.
    pub async fn start() -> Result<Self> {
        Self::start_with(|_| ()).await
    }

    /// Starts one after `change` has had a look at its plan.
    pub async fn start_with(change: impl FnOnce(&mut Plan)) -> Result<Self> {
        Self::start_in(&std::env::temp_dir(), change).await
    }

    /// The same on a disk in memory, where there is one with room: for a test of how soon something
    /// is written, and not of how fast a disk is.
    pub async fn start_in_memory(change: impl FnOnce(&mut Plan)) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let room = statvfs(memory).map(|disk| disk.blocks_available() * disk.fragment_size());
        if room.is_ok_and(|room| room > ROOM) {
            Self::start_in(memory, change).await
        } else {
            Self::start_with(change).await
        }
    }

    async fn start_in(place: &Path, change: impl FnOnce(&mut Plan)) -> Result<Self> {
        let folder = TempDir::with_prefix_in("vestibule-house-", place)?;
        let mut plan = Plan::new(folder.path(), programs()?);
        [plan.relay, plan.recorder, plan.shop] = ports::free_many()?;
        change(&mut plan);
        let inner = demo::house::House::start(plan).await?;
        Ok(Self { inner, folder })
    }

    /// The widget's door.
    pub fn widget(&self) -> Door {
        Door::new("widget.localhost", self.plan().relay)
    }

    /// The desk's door.
    pub fn desk(&self) -> Door {
        Door::new("desk.localhost", self.plan().relay)
    }

    /// The console's door.
    pub fn console(&self) -> Door {
        Door::new("console.localhost", self.plan().recorder)
    }

    /// Where everything is written.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a verb of the recorder's command line, with `input` as its standard input.
    pub async fn recorder_cli(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let file = demo::config::recorder_file(self.plan());
        let mut child = Command::new(programs()?.join("recorder"))
            .arg("--config")
            .arg(file)
            .args(arguments)
            .current_dir(self.folder())
            .env("TMPDIR", self.folder())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the recorder cannot be started")?;
        if let Some(mut stdin) = child.stdin.take() {
            use tokio::io::AsyncWriteExt as _;
            // A verb that reads nothing may be gone before it is written to.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        Ok(child.wait_with_output().await?)
    }

    /// Runs a verb that must succeed; hands back what it printed.
    pub async fn recorder_says(&self, arguments: &[&str], input: &str) -> Result<String> {
        let done = self.recorder_cli(arguments, input).await?;
        ensure!(
            done.status.success(),
            "recorder {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(String::from_utf8(done.stdout)?)
    }
}

/// The folder of the built programs: beside the test's own binary.
pub fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .nth(2)
        .context("the test runs from no target folder")?;
    for name in ["relay", "recorder", "demo"] {
        ensure!(
            folder.join(name).is_file(),
            "{name} is not built: run `cargo build --workspace --bins` (scripts/test does)"
        );
    }
    Ok(folder.to_owned())
}
