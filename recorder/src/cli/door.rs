//! One command, one answer: through the socket of a running recorder, or here under the lock.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, mpsc};

use crate::Recorder;
use crate::clock::Clock;
use crate::command::{Answer, Command, Reply, carry_out};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::lock::Lock;
use crate::socket;

/// What came of a command.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Everything that was checked is as it should be.
    pub good: bool,
    /// A value for the program.
    pub value: Option<serde_json::Value>,
}

/// Carries `command` out; lines go to `out`, bytes to the new file `file`.
pub async fn through(
    config: Config,
    command: Command,
    out: &mut dyn Write,
    file: Option<&Path>,
) -> Result<Outcome> {
    let mut taker = Taker::new(out, file)?;
    let done = run(config, command, &mut taker).await;
    taker.finish(done)
}

async fn run(config: Config, command: Command, taker: &mut Taker<'_>) -> Result<()> {
    let (to, mut from) = mpsc::channel(16);
    let work = async move {
        let path = config.socket();
        if socket::ask(&path, &command, &to).await?.is_some() {
            return Ok(());
        }
        let _lock = Lock::take(&config.lock())?;
        let recorder = Recorder::open(config, Clock::system()).await?;
        let intake = Mutex::new(Intake::default());
        let done = carry_out(&recorder, &intake, command, &Answer(to)).await;
        recorder.store.close().await;
        done
    };
    let take = async {
        while let Some(reply) = from.recv().await {
            taker.take(reply)?;
        }
        Ok(())
    };
    let (done, written): (Result<()>, Result<()>) = tokio::join!(work, take);
    written.and(done)
}

/// Refuses a file that is there already.
pub fn is_new(path: &Path) -> Result<()> {
    if path.exists() {
        return Err(Error::file("will not overwrite", path, "choose a new name"));
    }
    Ok(())
}

/// Takes an answer's pieces.
struct Taker<'a> {
    out: &'a mut dyn Write,
    file: Option<(PathBuf, PathBuf, File)>,
    outcome: Outcome,
}

impl<'a> Taker<'a> {
    fn new(out: &'a mut dyn Write, file: Option<&Path>) -> Result<Self> {
        let file = match file {
            None => None,
            Some(path) => {
                is_new(path)?;
                let mut partial = path.as_os_str().to_owned();
                partial.push(".part");
                let partial = PathBuf::from(partial);
                let opened = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&partial)
                    .map_err(|e| Error::file("cannot write", &partial, e))?;
                Some((path.to_owned(), partial, opened))
            }
        };
        Ok(Self {
            out,
            file,
            outcome: Outcome {
                good: true,
                value: None,
            },
        })
    }

    fn take(&mut self, reply: Reply) -> Result<()> {
        match reply {
            Reply::Line(line) => writeln!(self.out, "{line}")
                .map_err(|e| Error::refused(format!("the answer could not be written: {e}"))),
            Reply::Bytes(bytes) => match &mut self.file {
                Some((_, partial, file)) => file
                    .write_all(&bytes)
                    .map_err(|e| Error::file("cannot write", partial, e)),
                None => Err(Error::refused(
                    "the answer is a file, and none was asked for",
                )),
            },
            Reply::Value(value) => {
                self.outcome.value = Some(value);
                Ok(())
            }
            Reply::Wrong => {
                self.outcome.good = false;
                Ok(())
            }
        }
    }

    /// Gives the file its name if all went well, and removes it otherwise.
    fn finish(self, done: Result<()>) -> Result<Outcome> {
        if let Some((path, partial, file)) = self.file {
            let failed = |e| Error::file("cannot write", &path, e);
            if done.is_ok() {
                file.sync_all().map_err(failed)?;
                std::fs::rename(&partial, &path).map_err(failed)?;
            } else {
                // What was opened does not stay behind; the error that matters is the first.
                let _ = std::fs::remove_file(&partial);
            }
        }
        done.map(|()| self.outcome)
    }
}
