//! The one home of randomness: the operating system's. Everything else takes a generator as a
//! parameter.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The operating system's generator. It stops the program if the system has no randomness to
/// give: going on without would be worse.
pub fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
