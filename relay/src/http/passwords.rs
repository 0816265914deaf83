//! Checks passwords, a few at a time: each check takes 19 MiB and a core for a while.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use proto::ErrorCode;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::allowance::Whence;

/// A hash that no password has: unknown names take as long as known ones. Its parameters are those
/// with which passwords are hashed (Argon2id, 19 MiB, 2 passes, 1 lane).
pub(super) const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Whoever waits for longer is told that there is no time for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who has signed in from where they are lately does not wait behind strangers.
#[derive(Debug)]
pub struct Passwords {
    known: Lane,
    strange: Lane,
}

/// Those who come first are checked first.
#[derive(Debug)]
struct Lane {
    working: Arc<Semaphore>,
    waiting: Semaphore,
    patience: Duration,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            known: Lane::new(1, 16),
            strange: Lane::new(2, 32),
        }
    }

    pub(super) async fn check(
        &self,
        whence: Whence,
        hash: String,
        password: Zeroizing<String>,
    ) -> Result<bool, ErrorCode> {
        let lane = match whence {
            Whence::Known => &self.known,
            Whence::Strange => &self.strange,
        };
        lane.check(hash, password).await
    }
}

impl Lane {
    /// So many are checked at once, and so many may be here, those counted.
    fn new(at_once: usize, here: usize) -> Self {
        Self {
            working: Arc::new(Semaphore::new(at_once)),
            waiting: Semaphore::new(here),
            patience: PATIENCE,
        }
    }

    async fn check(&self, hash: String, password: Zeroizing<String>) -> Result<bool, ErrorCode> {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| ErrorCode::Overloaded)?;
        let turn = timeout(self.patience, Arc::clone(&self.working).acquire_owned()).await;
        let turn = turn
            .map_err(|_| ErrorCode::Overloaded)?
            .map_err(|_| ErrorCode::Internal)?;
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let hash = PasswordHash::new(&hash).ok();
            hash.is_some_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        });
        checked.await.map_err(|_| ErrorCode::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strangers_who_fill_their_lane_hold_up_nobody_who_is_known() {
        let mut passwords = Passwords::new();
        passwords.strange.patience = Duration::from_millis(1);
        let check = async |whence| {
            let password = Zeroizing::new("x".to_owned());
            passwords.check(whence, NOBODY.to_owned(), password).await
        };
        // Strangers' checks that do not end, and all who may wait behind them.
        let turns = Arc::clone(&passwords.strange.working);
        let _checks = turns.acquire_many_owned(2).await.unwrap();
        let _queue = passwords.strange.waiting.acquire_many(31).await.unwrap();
        let mut last = std::pin::pin!(check(Whence::Strange));
        let waits = futures_util::poll!(last.as_mut());
        assert!(waits.is_pending());
        assert_eq!(check(Whence::Strange).await, Err(ErrorCode::Overloaded));
        assert_eq!(check(Whence::Known).await, Ok(false));
        // It has its time, and no more.
        assert_eq!(last.await, Err(ErrorCode::Overloaded));
    }
}
