//! The recorder as a whole: what it opens, and what every command, page and loop works on.

use proto::{Millis, PublicKey};
use rand_core::CryptoRng;
use store::{Store, StoreConfig, Tenant};

use crate::clock::Clock;
use crate::config::Config;
use crate::console::allowance::Allowance;
use crate::entropy::system;
use crate::error::{Error, Result};
use crate::inspect::Trust;
use crate::keys::KeyRing;
use crate::log::{Log, LogEvent, What};
use crate::password::{OneAtATime, SignInQueue};
use crate::unlocked::Unlocked;
use crate::vault::Vault;

/// The opened data of one installation. One process at a time has it.
#[derive(Debug)]
pub struct Recorder {
    /// The configuration.
    pub config: Config,
    /// The rows.
    pub store: Store,
    /// Sealed recordings.
    pub vault: Vault,
    /// The recorder's own keys.
    pub keys: KeyRing,
    /// The tenants' logs.
    pub log: Log,
    /// Time.
    pub clock: Clock,
    /// Officers' shares, for a quarter of an hour.
    pub unlocked: Unlocked,
    /// Held by whoever takes a step in a case: an approval, an opening's announcement, the closing. The
    /// case is looked at again under it.
    pub case_steps: tokio::sync::Mutex<()>,
    /// For what takes memory by design.
    pub one_at_a_time: OneAtATime,
    /// For those who sign in at the console.
    pub sign_in_queue: SignInQueue,
    /// How often somebody may try to sign in.
    pub sign_ins: Allowance,
}

impl Recorder {
    /// Opens keys, rows and vault.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        let keys = KeyRing::open(&config.keys())?;
        let store = Store::open(&StoreConfig::new(config.store_url())).await?;
        let published = store.control().recorder_key().await?;
        if published.is_some_and(|key| key != keys.public()) {
            return Err(Error::refused(
                "the recorder's key is another than the one in the control plane: correct `keys` or `store` in the configuration",
            ));
        }
        let vault = Vault::open(&config.vault())?;
        let log = Log::new(keys.signing().clone());
        Ok(Self {
            config,
            store,
            vault,
            keys,
            log,
            clock,
            unlocked: Unlocked::default(),
            case_steps: tokio::sync::Mutex::default(),
            one_at_a_time: OneAtATime::default(),
            sign_in_queue: SignInQueue::default(),
            sign_ins: Allowance::default(),
        })
    }

    /// Makes the recorder's keys and the first intake generation: once.
    pub async fn create(config: Config, clock: Clock) -> Result<Self> {
        let keys = KeyRing::create(&config.keys(), &mut system())?;
        let store = Store::open(&StoreConfig::new(config.store_url())).await?;
        store.control().set_recorder_key(&keys.public()).await?;
        store.close().await;
        let recorder = Self::open(config, clock).await?;
        crate::intake::rotate::next_generation(&recorder).await?;
        Ok(recorder)
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Randomness.
    pub fn rng(&self) -> impl CryptoRng + use<> {
        system()
    }

    /// Appends to a tenant's log under an id that makes doing it twice harmless.
    pub async fn log_as(&self, tenant: &Tenant, id: String, what: What) -> Result<u64> {
        let event = LogEvent {
            id,
            at: self.now(),
            what,
        };
        self.log.append(tenant, &event, &mut self.rng()).await
    }

    /// Appends to a tenant's log; returns the entry's fresh id.
    pub async fn log(&self, tenant: &Tenant, what: What) -> Result<String> {
        let id = fresh_id(&mut self.rng());
        self.log_as(tenant, id.clone(), what).await?;
        Ok(id)
    }

    /// Whose word counts for a tenant's recordings.
    pub async fn trust(&self, tenant: &Tenant) -> Result<Trust> {
        let nodes = self.store.control().nodes().await?;
        let sealing = tenant.sealing_keys().await?;
        Ok(Trust {
            recorder: self.keys.public(),
            root: tenant.info().root_key,
            nodes: nodes.into_iter().map(|node| node.certificate).collect(),
            sealing: sealing.into_iter().map(|key| key.statement).collect(),
        })
    }

    /// The tenant with this short name.
    pub async fn tenant(&self, slug: &str) -> Result<Tenant> {
        match self.store.tenant_by_slug(slug).await {
            Err(store::StoreError::NoSuchTenant) => Err(Error::NotFound("client")),
            other => Ok(other?),
        }
    }

    /// The recorder's public key, for pinning.
    pub fn public(&self) -> PublicKey {
        self.keys.public()
    }
}

/// An id that nothing else has.
pub fn fresh_id(rng: &mut impl CryptoRng) -> String {
    proto::EventId::random(rng).to_string()
}
