//! The two programs' configuration files, written anew at every start: ports may have changed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::plan::Plan;

/// The relay's configuration file.
pub fn relay_file(plan: &Plan) -> PathBuf {
    plan.path("relay.toml")
}

/// The recorder's configuration file.
pub fn recorder_file(plan: &Plan) -> PathBuf {
    plan.path("recorder.toml")
}

/// Writes the recorder's.
pub fn write_recorder(plan: &Plan) -> Result<()> {
    let text = format!(
        "data = \"data\"\n\n[store]\nurl = \"{}\"\n\n[console]\nlisten = \"127.0.0.1:{}\"\norigin = \"{}\"\n\n[intake]\nevery_ms = 200\n",
        plan.store_url(),
        plan.recorder,
        plan.console_origin(),
    );
    write(&recorder_file(plan), &text)
}

/// Writes the relay's, with the recorder's public key pinned.
pub fn write_relay(plan: &Plan, recorder_key: &str) -> Result<()> {
    let metrics = plan
        .metrics
        .map(|port| format!("metrics = \"127.0.0.1:{port}\"\n"))
        .unwrap_or_default();
    let announce = plan
        .announce
        .map(|port| format!("announce = [\"127.0.0.1:{port}\"]\n"))
        .unwrap_or_default();
    // Everyone on one machine comes from one address.
    let text = format!(
        "[node]\nkey = \"data/relay/node.key\"\nrecorder_key = \"{recorder_key}\"\n\n\
         [listen]\naddress = \"127.0.0.1:{port}\"\nwidget_origin = \"{widget}\"\ndesk_origin = \"{desk}\"\nper_address = 20000\n{metrics}\n\
         [store]\nurl = \"{store}\"\n\n[spool]\ndirectory = \"data/spool\"\n\n[media]\nlisten = \"127.0.0.1:{port}\"\nworkers = 1\n{announce}\n[limits]\n{limits}",
        port = plan.relay,
        widget = plan.widget_origin(),
        desk = plan.desk_origin(),
        store = plan.store_url(),
        limits = plan.limits,
    );
    write(&relay_file(plan), &text)
}

fn write(file: &PathBuf, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
