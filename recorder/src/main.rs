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
/// swap, nor another program of the same user. What the system does not permit is left as it is.
fn harden() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
    // Only pages that are used, as they come to be used.
    let on_fault = MlockAllFlags::from_bits_retain(nix::libc::MCL_ONFAULT);
    let _ = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault);
}

fn fail(why: &str) -> ExitCode {
    // Nobody is left to be told if this fails too.
    let _ = writeln!(stderr(), "recorder: {}", why.replace('\n', " "));
    ExitCode::from(1)
}
