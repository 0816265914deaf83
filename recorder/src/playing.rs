//! What officers hear and see in the console: opened recordings, in memory only, for as long as the
//! shares that opened them stay unlocked. Nothing of it is written anywhere.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proto::event::ChatEvent;
use proto::{CaseId, Millis, RecordingId, StaffId};

use zeroize::Zeroize as _;

use crate::retrieval::Opened;
use crate::unlocked::Unlocked;

/// So many at a time, whoever plays them: each takes as much memory as it holds.
const PLAYING_MAX: usize = 4;

/// One recording that an officer plays. Holds what was said: no `Debug`.
pub struct Play {
    /// Who opened it. Nobody else is shown it: their name is not in the log.
    pub officer: StaffId,
    /// How many officers must have their shares unlocked.
    pub needed: usize,
    /// What was opened. Its memory is wiped when it goes.
    pub opened: Opened,
    /// How many pages show it.
    pages: AtomicU32,
}

impl Play {
    /// The keys are not needed any more: they are wiped at once.
    pub fn new(officer: StaffId, needed: usize, mut opened: Opened) -> Self {
        opened.keys.clear();
        Self {
            officer,
            needed,
            opened,
            pages: AtomicU32::new(0),
        }
    }

    /// One page more shows it.
    pub fn shown(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Play {
    /// Sound and pictures wipe themselves.
    fn drop(&mut self) {
        for line in &mut self.opened.lines {
            match &mut line.event {
                ChatEvent::Said { text, .. } => text.zeroize(),
                ChatEvent::Joined { name, .. } => name.zeroize(),
                _ => {}
            }
        }
    }
}

/// What is played. A restart forgets it.
#[derive(Default)]
pub struct Playing(Mutex<Vec<Arc<Play>>>);

impl core::fmt::Debug for Playing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Playing(…)")
    }
}

impl Playing {
    /// Keeps what an officer opened to play, in place of what they played before.
    pub fn keep(&self, play: Play, unlocked: &Unlocked, now: Millis) {
        self.sweep(unlocked, now);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.officer != play.officer);
        if all.len() >= PLAYING_MAX {
            all.remove(0);
        }
        all.push(Arc::new(play));
    }

    /// What this officer plays, if it is this and the shares are still unlocked.
    pub fn of(
        &self,
        officer: StaffId,
        case: CaseId,
        recording: RecordingId,
        unlocked: &Unlocked,
        now: Millis,
    ) -> Option<Arc<Play>> {
        self.sweep(unlocked, now);
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|play| {
            play.officer == officer
                && play.opened.case.id == case
                && play.opened.manifest.recording == recording
        });
        found.cloned()
    }

    /// A page that showed it was left. It is wiped with the last one.
    pub fn left(&self, play: &Arc<Play>) {
        if play.pages.fetch_sub(1, Ordering::Relaxed) <= 1 {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|other| !Arc::ptr_eq(other, play));
        }
    }

    /// Wipes what this officer played: they have signed out.
    pub fn signed_out(&self, officer: StaffId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|play| play.officer != officer);
    }

    /// Wipes what is played for a case whose shares are locked again.
    pub fn sweep(&self, unlocked: &Unlocked, now: Millis) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|play| unlocked.present(play.opened.case.id, now).len() >= play.needed);
    }
}
