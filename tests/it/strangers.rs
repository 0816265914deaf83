//! Tools written by others open what is made here, and what they make opens here.

mod aiortc;
mod bagit;
mod opener;
mod tink;
mod wycheproof;

use std::path::{Path, PathBuf};

/// The Python that has their packages: `VESTIBULE_PYTHON`, or what `scripts/setup` made.
fn python() -> PathBuf {
    std::env::var_os("VESTIBULE_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/venv/bin/python"),
        PathBuf::from,
    )
}
