//! Officers' opened shares, in memory only, for a quarter of an hour, for one case.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proto::{CaseId, KeyId, Millis, StaffId};

use crate::keys::shares::Share;

/// How long an unlocked share stays.
pub const UNLOCKED_FOR: i64 = 15 * 60 * 1000;

/// What officers have unlocked. A restart forgets it.
#[derive(Default)]
pub struct Unlocked(Mutex<HashMap<CaseId, Vec<Held>>>);

struct Held {
    officer: StaffId,
    until: Millis,
    shares: HashMap<KeyId, Share>,
}

/// An officer who has unlocked their shares for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub officer: StaffId,
    /// Until when their shares stay.
    pub until: Millis,
}

impl core::fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unlocked(…)")
    }
}

impl Unlocked {
    /// Keeps an officer's shares for a case; unlocking again begins the time anew.
    pub fn keep(&self, case: CaseId, officer: StaffId, shares: HashMap<KeyId, Share>, now: Millis) {
        self.with(now, |cases| {
            let held = cases.entry(case).or_default();
            held.retain(|h| h.officer != officer);
            held.push(Held {
                officer,
                until: now.plus(UNLOCKED_FOR),
                shares,
            });
        });
    }

    /// Who has unlocked for a case, in order.
    pub fn present(&self, case: CaseId, now: Millis) -> Vec<Present> {
        self.with(now, |cases| {
            let held = cases.get(&case).map(Vec::as_slice).unwrap_or_default();
            held.iter()
                .map(|h| Present {
                    officer: h.officer,
                    until: h.until,
                })
                .collect()
        })
    }

    /// The shares of one key that are there for a case, with whose they are.
    pub fn shares(&self, case: CaseId, key: KeyId, now: Millis) -> Vec<(StaffId, Share)> {
        self.with(now, |cases| {
            let held = cases.get(&case).map(Vec::as_slice).unwrap_or_default();
            held.iter()
                .filter_map(|h| h.shares.get(&key).map(|s| (h.officer, s.clone())))
                .collect()
        })
    }

    /// Forgets a case's shares at once.
    pub fn forget(&self, case: CaseId) {
        self.with(Millis(i64::MIN), |cases| {
            cases.remove(&case);
        });
    }

    /// Wipes what is too old, of whatever case.
    pub fn sweep(&self, now: Millis) {
        self.with(now, |_| ());
    }

    fn with<T>(&self, now: Millis, f: impl FnOnce(&mut HashMap<CaseId, Vec<Held>>) -> T) -> T {
        let mut cases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for held in cases.values_mut() {
            held.retain(|h| h.until > now);
        }
        cases.retain(|_, held| !held.is_empty());
        f(&mut cases)
    }
}
