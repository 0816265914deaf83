//! A client with a site, a notice, keys and agents; a relay that serves it; people who use it.

pub(crate) mod agent;
pub(crate) mod browser;
pub(crate) mod http;
pub(crate) mod visitor;
pub(crate) mod wire;

use std::path::PathBuf;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use ed25519_dalek::SigningKey;
use getrandom::SysRng;
use proto::dsse::Document as _;
use proto::keys::{IntakeKey, NodeCertificate, SealingKey};
use proto::notice::{Basis, Modality, Notice, Purpose, RecordingMode, RecordingPolicy};
use proto::{Hash32, KeyId, Millis, NodeId, PublicKey, SiteId, StaffId, TenantId};
use rand_core::{CryptoRng, Rng as _, UnwrapErr};
use relay::app::{self, Running};
use relay::clock::Clock;
use relay::config::Config;
use store::{
    IntakeGeneration, NewSite, NewStaff, NewTenant, Node, StaffRole, Store, StoreConfig, Tenant,
};
use tempfile::TempDir;

pub(crate) const WIDGET: &str = "widget.localhost:8080";
pub(crate) const DESK: &str = "desk.localhost:8080";
pub(crate) const SHOP: &str = "http://shop.localhost:8082";
pub(crate) const PASSWORD: &str = "a long pass phrase";

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn signing_key(rng: &mut impl CryptoRng) -> SigningKey {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    SigningKey::from_bytes(&seed)
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

/// A folder with everything that a relay needs, and the keys that sign for it.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) recorder: SigningKey,
    pub(crate) clients: Vec<Client>,
    pub(crate) spool_min_free_mib: u64,
    settings: String,
}

/// One client (tenant).
pub(crate) struct Client {
    pub(crate) tenant: TenantId,
    pub(crate) slug: String,
    pub(crate) site: SiteId,
    pub(crate) notice: Hash32,
    pub(crate) agents: Vec<(StaffId, String)>,
}

/// What stands in `relay.toml` after the fixed part; limits wide enough not to be in the way.
pub(crate) const WIDE: &str = "[limits]\nper_minute = 60000\nnotices_per_minute = 10000\nconsents_per_minute = 10000\nsockets_per_minute = 10000\nsign_ins_per_minute = 1000\n";

impl World {
    /// One client, `alpine`, that must record; agents `mia` and `ben`.
    pub(crate) async fn new() -> Self {
        Self::with(RecordingMode::Required, WIDE).await
    }

    pub(crate) async fn with(mode: RecordingMode, settings: &str) -> Self {
        let mut world = Self {
            folder: TempDir::new().unwrap(),
            recorder: signing_key(&mut rng()),
            clients: Vec::new(),
            spool_min_free_mib: 1,
            settings: settings.to_owned(),
        };
        let store = world.store().await;
        world.certify_node(&store).await;
        world.add_client(&store, "alpine", mode).await;
        store.close().await;
        world
    }

    pub(crate) async fn store(&self) -> Store {
        let url = format!("sqlite:{}", self.folder.path().join("data").display());
        Store::open(&StoreConfig::new(url)).await.unwrap()
    }

    async fn certify_node(&self, store: &Store) {
        let key = app::make_key(&self.node_key(), &mut rng()).unwrap();
        let node = NodeId::random(&mut rng());
        let certificate = NodeCertificate {
            node,
            public_key: public(&key),
            not_before: Millis(0),
            not_after: Millis(i64::MAX),
        };
        let control = store.control();
        control
            .put_node(&Node {
                id: node,
                public_key: public(&key),
                certificate: certificate.sign(&self.recorder).unwrap(),
            })
            .await
            .unwrap();
        self.put_intake_key(store, 1).await;
    }

    /// The recorder's intake key of this generation, in use from the beginning.
    pub(crate) async fn put_intake_key(&self, store: &Store, generation: u32) {
        let intake = IntakeKey {
            generation,
            public_key: x25519(),
            not_before: Millis(0),
        };
        let statement = intake.sign(&self.recorder).unwrap();
        let row = IntakeGeneration {
            generation,
            statement,
        };
        store.control().put_intake_key(&row).await.unwrap();
    }

    pub(crate) async fn add_client(&mut self, store: &Store, slug: &str, mode: RecordingMode) {
        let root = signing_key(&mut rng());
        self.add_client_sealing(store, slug, mode, root.clone(), &root)
            .await;
    }

    /// A client whose root is `root` and whose sealing key `signer` has signed.
    pub(crate) async fn add_client_sealing(
        &mut self,
        store: &Store,
        slug: &str,
        mode: RecordingMode,
        root: SigningKey,
        signer: &SigningKey,
    ) {
        let tenant = store
            .create_tenant(NewTenant {
                id: TenantId::random(&mut rng()),
                slug: slug.to_owned(),
                name: format!("{slug} & Co"),
                root_key: public(&root),
                created: Millis(0),
            })
            .await
            .unwrap();
        let site = SiteId::random(&mut rng());
        tenant
            .put_site(&NewSite {
                id: site,
                name: "Shop".to_owned(),
                accent: Some("#0a6e5c".to_owned()),
                origins: vec![SHOP.to_owned()],
                modalities: vec![Modality::Chat, Modality::Audio],
            })
            .await
            .unwrap();
        let hash = publish(&tenant, site, &notice("1", mode), Millis(0)).await;
        put_sealing_key(&tenant, signer).await;
        let mut agents = Vec::new();
        for name in ["mia", "ben"] {
            agents.push((add_agent(&tenant, name).await, name.to_owned()));
        }
        self.clients.push(Client {
            tenant: tenant.id(),
            slug: slug.to_owned(),
            site,
            notice: hash,
            agents,
        });
    }

    /// Everything that stands in the spool.
    pub(crate) fn records(&self) -> Vec<seal::spool::Record> {
        let mut records = Vec::new();
        for node in std::fs::read_dir(self.folder.path().join("data/spool")).unwrap() {
            let batch = seal::spool::read::scan(&node.unwrap().path()).unwrap();
            records.extend(batch.records.into_iter().map(|located| located.record));
        }
        records
    }

    pub(crate) fn client(&self) -> &Client {
        &self.clients[0]
    }

    pub(crate) fn node_key(&self) -> PathBuf {
        self.folder.path().join("data/relay/node.key")
    }

    pub(crate) fn config_text(&self) -> String {
        format!(
            "[node]\nkey = \"data/relay/node.key\"\nrecorder_key = \"{}\"\nlock_memory = false\n\
             [listen]\naddress = \"127.0.0.1:0\"\nwidget_origin = \"http://{WIDGET}\"\ndesk_origin = \"http://{DESK}\"\n\
             [store]\nurl = \"sqlite:data\"\n[spool]\ndirectory = \"data/spool\"\nsegment_mib = 1\nmin_free_mib = {}\n\
             [media]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n{}",
            public(&self.recorder),
            self.spool_min_free_mib,
            self.settings,
        )
    }

    pub(crate) fn config(&self) -> Config {
        Config::parse(&self.config_text(), "relay.toml", self.folder.path()).unwrap()
    }

    /// Starts a relay on what is in the folder.
    pub(crate) async fn start(&self) -> Relay {
        self.start_with(Clock::system()).await
    }

    pub(crate) async fn start_with(&self, clock: Clock) -> Relay {
        let running = app::build(self.config(), clock, None).await.unwrap();
        Relay {
            port: running.address().port(),
            running,
        }
    }
}

/// A relay that serves.
pub(crate) struct Relay {
    pub(crate) running: Running,
    pub(crate) port: u16,
}

impl Relay {
    pub(crate) async fn stop(self) {
        assert!(self.running.stop().await, "something did not end in time");
    }
}

pub(crate) fn x25519() -> PublicKey {
    browser::x25519_pair().1
}

/// Publishes a notice on a site; its hash.
pub(crate) async fn publish(tenant: &Tenant, site: SiteId, notice: &Notice, at: Millis) -> Hash32 {
    let bytes = serde_json::to_vec(notice).unwrap();
    tenant.publish_notice(site, &bytes, at).await.unwrap()
}

pub(crate) async fn put_sealing_key(tenant: &Tenant, root: &SigningKey) {
    put_sealing_key_of(tenant, root, Millis(0), Millis(i64::MAX)).await;
}

/// A sealing key that is in use between the two times.
pub(crate) async fn put_sealing_key_of(
    tenant: &Tenant,
    root: &SigningKey,
    not_before: Millis,
    not_after: Millis,
) -> KeyId {
    let id = KeyId::random(&mut rng());
    let key = SealingKey {
        tenant: tenant.id(),
        key: id,
        quarter: "2026Q4".to_owned(),
        public_key: x25519(),
        not_before,
        not_after,
        threshold: 2,
        shares: 2,
    };
    let statement = key.sign(root).unwrap();
    tenant.put_sealing_key(&statement, &[]).await.unwrap();
    id
}

pub(crate) async fn add_agent(tenant: &Tenant, name: &str) -> StaffId {
    let mut salt = [0; 16];
    rng().fill_bytes(&mut salt);
    let password: PasswordHash = Argon2::default()
        .hash_password_with_salt(PASSWORD.as_bytes(), &salt)
        .unwrap();
    let id = StaffId::random(&mut rng());
    tenant
        .add_staff(&NewStaff {
            id,
            sign_in: name.to_owned(),
            name: name.to_uppercase(),
            role: StaffRole::Agent,
            password: password.to_string(),
            created: Millis(0),
        })
        .await
        .unwrap();
    id
}

pub(crate) fn notice(version: &str, mode: RecordingMode) -> Notice {
    Notice {
        version: version.to_owned(),
        language: "en".to_owned(),
        controller: "Alpine Bank".to_owned(),
        contact: "privacy@alpine.example".to_owned(),
        policy_url: "https://alpine.example/privacy".to_owned(),
        decline_url: "https://alpine.example/contact".to_owned(),
        name_not_needed: "You need no real name.".to_owned(),
        purposes: vec![
            Purpose {
                id: "conversation".to_owned(),
                text: "To talk with you.".to_owned(),
                basis: Basis::Consent,
                source: String::new(),
                modalities: vec![Modality::Chat],
            },
            Purpose {
                id: "recording".to_owned(),
                text: "The law says so.".to_owned(),
                basis: Basis::LegalObligation,
                source: "FinSA Art. 15".to_owned(),
                modalities: vec![Modality::Chat],
            },
        ],
        recording: RecordingPolicy {
            mode,
            minimum_days: 180,
            maximum_days: 730,
        },
        retention_text: "Kept six months.".to_owned(),
        recipients: vec!["nobody else".to_owned()],
        transfers: Vec::new(),
        rights: vec!["You may ask for a copy.".to_owned()],
        authority: "FDPIC".to_owned(),
        obligation: "Nothing must be provided.".to_owned(),
    }
}
