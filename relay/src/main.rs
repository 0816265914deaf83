//! The relay's binary: see `relay --help`.

use std::io::{stderr, stdout};
use std::process::ExitCode;

/// Many small, short-lived buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    relay::cli::run(std::env::args_os(), &mut stdout(), &mut stderr())
}
