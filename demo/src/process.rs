//! A program of the house as a child process: its log in a file, its end by signal.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a program may take until it answers.
const START: Duration = Duration::from_mins(1);
/// How long a program may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(20);

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with `arguments` and `input`, appending what it says to `log`. It runs in
    /// the log's folder, and whatever it might leave in passing lies there too.
    pub fn start(program: &Path, arguments: &[&str], input: Stdio, log: &Path) -> Result<Self> {
        let name = program
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if !program.is_file() {
            bail!(
                "{} is not there: build it with `cargo build -p {name}`",
                program.display()
            );
        }
        let out = append(log)?;
        let folder = log.parent().unwrap_or(Path::new("."));
        let child = Command::new(program.canonicalize()?)
            .args(arguments)
            .current_dir(folder)
            .env("TMPDIR", folder)
            .stdin(input)
            .stdout(out.try_clone()?)
            .stderr(out)
            // A group of its own: Ctrl-C reaches the parent alone, which stops children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Its process id; `None` once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it answers on `port`; says why, if it ends first.
    pub async fn answers(&mut self, port: u16) -> Result<()> {
        let start = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while start.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} stopped ({status}): {}", self.name, self.last_words());
            }
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!("{} does not answer on port {port}", self.name)
    }

    /// Waits until it ends by itself; hands back what it said last.
    pub async fn ended(&mut self) -> Result<String> {
        let status = self.child.wait().await?;
        Ok(format!(
            "{} stopped ({status}): {}",
            self.name,
            self.last_words()
        ))
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        if let Ok(status) = timeout(STOP, self.child.wait()).await {
            return Ok(status?);
        }
        self.kill().await?;
        bail!("{} did not stop when asked, and was killed", self.name)
    }

    /// Kills it, as a failing machine would (SIGKILL).
    pub async fn kill(&mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            kill(Pid::from_raw(pid), signal)?;
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .map_or_else(|| "it said nothing".to_owned(), str::to_owned)
    }
}

fn append(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("{} cannot be written", log.display()))
}
