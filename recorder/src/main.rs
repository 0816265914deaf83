//! The recorder's program: hardens itself, reads its arguments, does one thing.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use recorder::cli::{self, args::Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    harden();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("cannot start: {e}")),
    };
    let mut out = stdout();
    match runtime.block_on(cli::run(arguments, &mut out)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => fail(&e.to_string()),
    }
}

/// What is opened, passphrases and shares are in memory: they must reach neither a core file nor the
/// swap, nor another program of the same user. What the system does not permit is a warning: an
/// operator must know, and a bundle can still be checked.
fn harden() {
    if let Err(e) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        warn(&format!(
            "core files could not be forbidden ({e}): a crash may write what is opened to the disk"
        ));
    }
    if let Err(e) = set_dumpable(false) {
        warn(&format!(
            "other programs of this user could not be kept out of this one's memory ({e})"
        ));
    }
    // Only pages that are used, as they come to be used.
    let on_fault = MlockAllFlags::from_bits_retain(nix::libc::MCL_ONFAULT);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault;
    if let Err(e) = mlockall(flags) {
        warn(&format!(
            "memory could not be locked ({e}): what is opened may reach the swap; raise `memlock`, or turn swap off"
        ));
    }
}

fn warn(what: &str) {
    // Nobody is left to be told if this fails too.
    let _ = writeln!(stderr(), "recorder: warning: {what}");
}

fn fail(why: &str) -> ExitCode {
    // Nobody is left to be told if this fails too.
    let _ = writeln!(stderr(), "recorder: {}", why.replace('\n', " "));
    ExitCode::from(1)
}
