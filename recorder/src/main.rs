//! The recorder's program: hardens itself, reads its arguments, does one thing.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use nix::sys::resource::{Resource, setrlimit};
use recorder::cli::{self, args::Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    // What is opened is in memory: it must not reach a core file. Where this is refused, the limit
    // was lower already.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
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

fn fail(why: &str) -> ExitCode {
    // Nobody is left to be told if this fails too.
    let _ = writeln!(stderr(), "recorder: {}", why.replace('\n', " "));
    ExitCode::from(1)
}
