//! One process at a time works on the data: a running recorder, or one command.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use crate::error::{Error, Result};

/// Held for as long as it lives; the system lets go of it if the process is killed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] Flock<std::fs::File>);

impl Lock {
    /// Takes the lock, or says that somebody else has it.
    pub fn take(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| {
                let hint = if e.kind() == std::io::ErrorKind::NotFound {
                    "its folder is not there: run `recorder init` once, or correct the configuration"
                        .to_owned()
                } else {
                    e.to_string()
                };
                Error::file("cannot open the lock", path, hint)
            })?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map(Self)
            .map_err(|(_, _)| {
                Error::file(
                    "the data is in use:",
                    path,
                    "another recorder or command holds the lock; wait for it, or stop it",
                )
            })
    }
}
