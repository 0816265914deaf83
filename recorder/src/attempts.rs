//! What was tried in vain, in memory: an officer's passphrase a few times, passwords at the door as
//! a count for the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proto::{Millis, StaffId, TenantId};

use crate::clock::shown;
use crate::error::{Error, Result};

/// So many wrong passphrases of one officer in a [`WHILE`].
pub const WRONG_MAX: u32 = 5;
const WHILE: i64 = 15 * 60_000;
/// Refused sign-ins are one entry of the log for each hour.
const HOUR: i64 = 60 * 60_000;

/// Attempts at officers' passphrases.
#[derive(Debug, Default)]
pub struct Passphrases(Mutex<HashMap<(TenantId, StaffId), Tried>>);

#[derive(Debug, Clone, Copy)]
struct Tried {
    since: Millis,
    times: u32,
}

impl Passphrases {
    /// Takes an attempt, before anything is tried: those at the same time count too.
    pub fn take(&self, tenant: TenantId, officer: StaffId, now: Millis) -> Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, tried| now < tried.since.plus(WHILE));
        let tried = all.entry((tenant, officer)).or_insert(Tried {
            since: now,
            times: 0,
        });
        if tried.times >= WRONG_MAX {
            return Err(Error::refused(format!(
                "{WRONG_MAX} wrong passphrases were given for this officer: the next is tried from {} on",
                shown(tried.since.plus(WHILE))
            )));
        }
        tried.times += 1;
        Ok(())
    }

    /// It was right: what was tried before is forgotten.
    pub fn right(&self, tenant: TenantId, officer: StaffId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(tenant, officer));
    }
}

/// Sign-ins that were refused, counted for each client.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<TenantId, Refused>>);

/// So many within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The first.
    pub since: Millis,
    /// How many.
    pub times: u64,
}

impl Refusals {
    /// Counts one.
    pub fn note(&self, tenant: TenantId, now: Millis) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.entry(tenant).or_insert(Refused {
            since: now.whole_seconds(),
            times: 0,
        });
        refused.times = refused.times.saturating_add(1);
    }

    /// Counts again what [`Self::due`] gave and could not be written.
    pub fn put_back(&self, tenant: TenantId, refused: Refused) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = all.entry(tenant).or_insert(Refused {
            since: refused.since,
            times: 0,
        });
        counted.since = counted.since.min(refused.since);
        counted.times = counted.times.saturating_add(refused.times);
    }

    /// Takes out what is an hour old, or everything.
    pub fn due(&self, now: Millis, everything: bool) -> Vec<(TenantId, Refused)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extract_if(|_, refused| everything || refused.since.plus(HOUR) <= now)
            .collect()
    }
}
