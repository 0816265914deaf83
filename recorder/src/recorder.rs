//! The recorder as a whole: what it opens, and what every command, page and loop works on.

use proto::{Millis, PublicKey, TenantId};
use rand_core::CryptoRng;
use store::{Store, StoreConfig, Tenant};

use crate::attempts::{Passphrases, Refusals, Refused};
use crate::clock::Clock;
use crate::config::Config;
use crate::console::allowance::Allowance;
use crate::entropy::system;
use crate::error::{Error, Result};
use crate::inspect::Trust;
use crate::keys::KeyRing;
use crate::log::{Log, LogEvent, What};
use crate::password::{OneAtATime, SignInQueue};
use crate::playing::Playing;
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
    /// What officers play, no longer than that.
    pub playing: Playing,
    /// Held by whoever takes a step in a case: an approval, an opening's announcement, the closing. The
    /// case is looked at again under it.
    pub case_steps: tokio::sync::Mutex<()>,
    /// One recording is opened at a time: it is held in memory whole.
    pub opening: tokio::sync::Mutex<()>,
    /// For what takes memory by design.
    pub one_at_a_time: OneAtATime,
    /// For those who sign in at the console.
    pub sign_in_queue: SignInQueue,
    /// How often somebody may try to sign in.
    pub sign_ins: Allowance,
    /// Sign-ins that were refused, until they stand in the log.
    pub refusals: Refusals,
    /// Passphrases that were tried.
    pub passphrases: Passphrases,
}

impl Recorder {
    /// Opens keys, rows and vault.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        let keys = KeyRing::open(&config.keys())?;
        let store = Store::open(&StoreConfig::new(config.store_url())).await?;
        match store.control().recorder_key().await? {
            Some(key) if key == keys.public() => {}
            Some(_) => {
                return Err(Error::refused(
                    "the recorder's key is another than the one in the control plane: correct `folder` under [keys] or `url` under [store]",
                ));
            }
            None => {
                return Err(Error::refused(format!(
                    "the store {} holds no recorder's key, so these are not its rows: correct `url` under [store] (or, where `recorder init` was cut short, remove {} and run it again)",
                    url_shown(&config.store_url()),
                    config.keys().display()
                )));
            }
        }
        let vault = Vault::open(&config.vault())?;
        let log = Log::new(keys.signing().clone(), keys.heads());
        Ok(Self {
            config,
            store,
            vault,
            keys,
            log,
            clock,
            unlocked: Unlocked::default(),
            playing: Playing::default(),
            case_steps: tokio::sync::Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            one_at_a_time: OneAtATime::default(),
            sign_in_queue: SignInQueue::default(),
            sign_ins: Allowance::default(),
            refusals: Refusals::default(),
            passphrases: Passphrases::default(),
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

    /// Writes refused sign-ins into the logs: those of an hour, or everything before a stop. What
    /// cannot be written is counted on, and holds up no other client's.
    pub async fn log_refusals(&self, everything: bool) {
        for (client, refused) in self.refusals.due(self.now(), everything) {
            if let Err(error) = self.log_refused(client, refused).await {
                tracing::error!(%error, %client, "refused sign-ins could not be written into the log");
                self.refusals.put_back(client, refused);
            }
        }
    }

    async fn log_refused(&self, client: TenantId, refused: Refused) -> Result<()> {
        let tenant = match self.store.tenant(client).await {
            Ok(tenant) => tenant,
            // A client that is gone has no log any more.
            Err(store::StoreError::NoSuchTenant) => return Ok(()),
            Err(other) => return Err(other.into()),
        };
        let what = What::SignInsRefused {
            since: refused.since,
            times: refused.times,
        };
        self.log(&tenant, what).await.map(drop)
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

/// Where the rows are, without a password.
fn url_shown(url: &str) -> String {
    // What follows may name a password too.
    let url = url.split_once('?').map_or(url, |(place, _)| place);
    match url.split_once("://").zip(url.rsplit_once('@')) {
        Some(((scheme, _), (_, place))) => format!("{scheme}://…@{place}"),
        None => url.to_owned(),
    }
}

/// An id that nothing else has.
pub fn fresh_id(rng: &mut impl CryptoRng) -> String {
    proto::EventId::random(rng).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_without_its_password_wherever_the_url_has_it() {
        for (url, shown) in [
            (
                "postgres://desk:secret@db.example/rows?sslmode=require",
                "postgres://…@db.example/rows",
            ),
            (
                "postgres:///rows?user=desk&password=s@cret",
                "postgres:///rows",
            ),
            ("sqlite:/var/lib/vestibule", "sqlite:/var/lib/vestibule"),
        ] {
            assert_eq!(url_shown(url), shown);
        }
    }
}
