//! Keeping live memory off the disk: no swap, no core files.

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, setrlimit};

/// Locks memory (if wanted) and forbids core files. What the system does not permit is a warning:
/// the node still serves.
pub fn harden(lock_memory: bool) {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!(%error, "core files could not be forbidden: a crash may write live memory to the disk");
    }
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "this process could not be made undumpable");
    }
    if !lock_memory {
        return;
    }
    // Only pages that are used: locking all that is mapped ahead would fill it, a gigabyte that the
    // allocator merely reserves and every thread's whole stack.
    let on_fault = MlockAllFlags::from_bits_retain(nix::libc::MCL_ONFAULT);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault;
    if let Err(error) = mlockall(flags) {
        tracing::warn!(%error, "memory could not be locked: live conversations may reach the swap; raise `memlock`, or turn swap off");
    }
}
