//! What whole-system tests share: the real processes, and real browsers that look at them.

pub mod agent;
pub mod browser;
pub mod driver;
pub mod film;
pub mod house;
pub mod lossy;
pub mod performer;
pub mod ports;
pub mod visitor;

use std::path::PathBuf;

/// A key of the keyboard.
pub use thirtyfour::Key;

/// The folder of this checkout.
pub fn checkout() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// Sends a process what Ctrl-C sends.
pub fn interrupt(pid: u32) -> anyhow::Result<()> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid)?);
    Ok(nix::sys::signal::kill(
        pid,
        nix::sys::signal::Signal::SIGINT,
    )?)
}

/// Where the pictures of every page and state go.
pub fn screens() -> PathBuf {
    checkout().join("target/screens")
}
