//! `[media]`: the workers that carry calls.

use std::net::SocketAddr;

use serde::Deserialize;

/// As many workers as that at most, however many cores there are.
const MOST_WORKERS: usize = 8;

/// `[media]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Whether calls are carried at all.
    pub enabled: bool,
    /// UDP address and port of the first worker; the others have the ports that follow.
    pub listen: SocketAddr,
    /// Workers; 0: one for each address that is announced, or for each core, at most eight.
    pub workers: usize,
    /// What clients are told to send to, one for each worker; as it listens if left out.
    pub announce: Vec<SocketAddr>,
    /// Connections that one worker takes.
    pub peers: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 7880)),
            workers: 0,
            announce: Vec::new(),
            peers: 2_000,
        }
    }
}

impl MediaConfig {
    /// How many workers there are.
    pub fn worker_count(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match (self.workers, self.announce.len()) {
            (0, 0) => cores.min(MOST_WORKERS),
            (0, announced) => announced,
            (workers, _) => workers,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !self.enabled {
            return Ok(());
        }
        let workers = self.worker_count();
        if workers > MOST_WORKERS {
            return Err(format!("[media] workers must be at most {MOST_WORKERS}"));
        }
        if self.peers == 0 {
            return Err("[media] peers must be at least 1".to_owned());
        }
        let last = usize::from(self.listen.port()) + workers - 1;
        if self.listen.port() != 0 && last > usize::from(u16::MAX) {
            return Err(format!(
                "[media] listen: its {workers} workers need ports up to {last}; choose a lower one"
            ));
        }
        if self.announce.is_empty() && self.listen.ip().is_unspecified() {
            return Err("[media] announce must name the address and port of each worker as clients see them, because listen names none".to_owned());
        }
        if !self.announce.is_empty() && self.announce.len() != workers {
            return Err(format!(
                "[media] announce must have one entry for each of the {workers} workers; set workers to fix their number"
            ));
        }
        let unusable = |address: &SocketAddr| address.ip().is_unspecified() || address.port() == 0;
        if self.announce.iter().any(unusable) {
            return Err(
                "[media] announce must name addresses and ports that clients can send to"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
