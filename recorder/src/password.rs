//! Sign-in passwords: Argon2id, which takes tens of megabytes each time. Those who sign in have a
//! queue of their own, so that strangers at the door never hold up an officer's approval.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use rand_core::CryptoRng;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::keys::Passphrase;

/// Slow work that takes memory by design happens one at a time.
#[derive(Debug, Default)]
pub struct OneAtATime(Mutex<()>);

impl OneAtATime {
    /// Runs `work` on a thread of its own, when no other such work runs.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let _turn = self.0.lock().await;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::refused("a computation was cut short: try again"))
    }
}

/// How long somebody who signs in waits for their turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// The queue of those who sign in: short, and nobody waits long in it.
#[derive(Debug)]
pub struct SignInQueue(Semaphore);

impl Default for SignInQueue {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl SignInQueue {
    /// Runs `work` on a thread of its own, in turn; refuses when the turn does not come soon.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.0.acquire()).await else {
            return Err(Error::Crowded);
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::refused("a computation was cut short: try again"))
    }
}

/// The PHC string of a password.
pub fn hash(password: &Passphrase, rng: &mut impl CryptoRng) -> Result<String> {
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map(|phc: PasswordHash| phc.to_string())
        .map_err(|_| Error::refused("this password cannot be used"))
}

/// Whether `password` is the one that `phc` was made of.
pub fn verify(password: &Passphrase, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|phc| {
        Argon2::default()
            .verify_password(password.expose().as_bytes(), &phc)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    #[test]
    fn a_password_is_told_from_another() {
        let right = Passphrase::new("a good long one".into());
        let phc = hash(&right, &mut system()).unwrap();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify(&right, &phc));
        assert!(!verify(&Passphrase::new("a good long two".into()), &phc));
        assert!(!verify(&right, "not a hash"));
    }
}
