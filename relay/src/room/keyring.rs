//! To whom a tenant's recordings are sealed: checked against what is pinned, kept for a short while.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use proto::keys::{IntakeKey, SealingKey};
use proto::{KeyId, Millis, PublicKey, TenantId};
use seal::spool::EventKind;
use store::{Store, Tenant};

use super::facts::SealTarget;
use super::journal::{About, Journal};

/// Why nothing can be sealed for a tenant.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No sealing key that the tenant's pinned root has signed, and that is in use.
    #[error("no sealing key of this tenant is signed by its pinned root; refused: {refused}")]
    NoSealingKey {
        /// How many keys were there and not signed by it.
        refused: usize,
    },
    /// No intake key that the pinned recorder key has signed.
    #[error(
        "no intake key is signed by the pinned recorder key; is the recorder running, and `recorder_key` its key?"
    )]
    NoIntakeKey,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// Keys that were checked are used for so long before they are looked up again.
const FRESH_MS: i64 = 30_000;

/// Finds and checks keys.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    recorder_key: PublicKey,
    journal: Option<Journal>,
    checked: Mutex<HashMap<TenantId, (Millis, Arc<SealTarget>)>>,
    /// What the logs have been told: once per process.
    told: Mutex<HashSet<(EventKind, KeyId)>>,
}

impl Keyring {
    /// A keyring that believes this recorder, and tells the tenants' logs which keys it takes and
    /// refuses.
    pub fn new(store: Store, recorder_key: PublicKey, journal: Option<Journal>) -> Self {
        Self {
            store,
            recorder_key,
            journal,
            checked: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// To whom this tenant's new epochs are sealed.
    pub async fn target(
        &self,
        tenant: &Tenant,
        now: Millis,
    ) -> Result<Arc<SealTarget>, KeyringError> {
        let known = self.checked().get(&tenant.id()).cloned();
        if let Some((until, target)) = known
            && now < until
        {
            return Ok(target);
        }
        let target = Arc::new(SealTarget {
            sealing: self.sealing_key(tenant, now).await?,
            intake: self.intake_key(now).await?,
        });
        let entry = (now.plus(FRESH_MS), Arc::clone(&target));
        self.checked().insert(tenant.id(), entry);
        Ok(target)
    }

    /// The newest key that is in use and that the tenant's root has signed.
    async fn sealing_key(&self, tenant: &Tenant, now: Millis) -> Result<SealingKey, KeyringError> {
        let root = tenant.info().root_key;
        let mut refused = 0;
        for row in tenant.sealing_keys().await? {
            let Ok(key) = row.statement.verify::<SealingKey>(&root) else {
                refused += 1;
                tracing::error!(tenant = %tenant.id(), key = %row.key.key, "a sealing key is not signed by the tenant's pinned root: refused");
                self.tell(tenant.id(), now, EventKind::SealingKeyRefused, row.key.key);
                continue;
            };
            if key.tenant != tenant.id() || now < key.not_before {
                continue;
            }
            if now >= key.not_after {
                tracing::warn!(tenant = %tenant.id(), key = %key.key, "the sealing key is due to be replaced: `recorder key rotate`");
            }
            self.tell(tenant.id(), now, EventKind::SealingKeyTaken, key.key);
            return Ok(key);
        }
        Err(KeyringError::NoSealingKey { refused })
    }

    fn tell(&self, tenant: TenantId, now: Millis, kind: EventKind, key: KeyId) {
        let Some(journal) = &self.journal else {
            return;
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert((kind, key)) {
            let about = About {
                key: Some(key),
                ..About::default()
            };
            journal.note(tenant, now, kind, about);
        }
    }

    async fn intake_key(&self, now: Millis) -> Result<IntakeKey, KeyringError> {
        let newest = self.store.control().newest_intake_key().await?;
        let key = newest
            .and_then(|row| row.statement.verify::<IntakeKey>(&self.recorder_key).ok())
            .filter(|key| key.not_before <= now);
        key.ok_or(KeyringError::NoIntakeKey)
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, (Millis, Arc<SealTarget>)>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
