//! `relay check`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::app::Ready;
use crate::clock::Clock;

pub(super) fn run(config: &Path, out: &mut (impl Write + Send)) -> Result<()> {
    let config = super::load(config)?;
    writeln!(out, "configuration: in order")?;
    super::runtime(1)?.block_on(async {
        let clock = Clock::system();
        let ready = Ready::check(config, &clock).await?;
        writeln!(out, "store, node key and certificate: in order")?;
        let port = ready.check_port().await;
        let spool = ready.check_spool().await;
        let keys = ready.check_keys(clock.now()).await;
        ready.close().await;
        port?;
        writeln!(out, "port: free")?;
        spool?;
        writeln!(out, "spool: can be written")?;
        for line in keys? {
            writeln!(out, "{line}")?;
        }
        Ok(())
    })
}
