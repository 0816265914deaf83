//! `relay node-key`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use getrandom::SysRng;
use proto::PublicKey;
use rand_core::UnwrapErr;

use crate::app;

pub(super) fn run(config: &Path, out: &mut impl Write) -> Result<()> {
    let config = super::load(config)?;
    let key = app::load_or_make_key(&config.node.key, &mut UnwrapErr(SysRng))?;
    writeln!(out, "{}", PublicKey(key.verifying_key().to_bytes()))?;
    Ok(())
}
