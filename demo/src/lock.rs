//! One house at a time in a folder. The programs hold the lock too, as their standard input: one
//! that outlived its house keeps the next from writing under it.

use std::fs::{File, OpenOptions, TryLockError};

use anyhow::{Context as _, Result, bail};

use crate::plan::Plan;

/// Takes the folder, or says that somebody has it.
pub fn take(plan: &Plan) -> Result<File> {
    let path = plan.path("lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "already running in this folder ({}): stop it there, or name another folder: make run ARGS='--directory .run2 …' (with ports of its own)",
            plan.directory.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}
