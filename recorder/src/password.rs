//! Sign-in passwords: Argon2id, which takes tens of megabytes each time. Those who sign in have a
//! queue of their own, so that strangers at the door never hold up an officer's approval.

use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
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

/// As [`hash`], bound to a secret that is not in the database: whoever writes a row cannot make one
/// that lets them in.
pub fn hash_bound(
    password: &Passphrase,
    secret: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<String> {
    let refused = || Error::refused("this password cannot be used");
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    bound(secret)
        .and_then(|argon2| {
            let phc = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
            phc.ok().map(|phc: PasswordHash| phc.to_string())
        })
        .ok_or_else(refused)
}

/// Whether `password` is the one that `phc` was made of, under the same secret.
pub fn verify_bound(password: &Passphrase, phc: &str, secret: &[u8; 32]) -> bool {
    let (Ok(phc), Some(argon2)) = (PasswordHash::new(phc), bound(secret)) else {
        return false;
    };
    argon2
        .verify_password(password.expose().as_bytes(), &phc)
        .is_ok()
}

fn bound(secret: &[u8; 32]) -> Option<Argon2<'_>> {
    Argon2::new_with_secret(
        secret,
        Algorithm::default(),
        Version::default(),
        Params::default(),
    )
    .ok()
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

    #[test]
    fn a_hash_that_was_made_without_the_secret_lets_nobody_in() {
        let right = Passphrase::new("a good long one".into());
        let phc = hash_bound(&right, &[7; 32], &mut system()).unwrap();
        assert!(verify_bound(&right, &phc, &[7; 32]));
        assert!(!verify_bound(&right, &phc, &[8; 32]));
        let by_hand = hash(&right, &mut system()).unwrap();
        assert!(!verify_bound(&right, &by_hand, &[7; 32]));
    }
}
