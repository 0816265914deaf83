//! A store on either engine, and the few rows that most tests begin with.

use getrandom::SysRng;
use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::notice::Modality;
use proto::{
    Hash32, Millis, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, StaffId, TenantId,
};
use rand_core::{Rng as _, UnwrapErr};
use store::testing::TestDatabase;
use store::{
    AgentConsent, JoinToken, NewConsent, NewParticipant, NewSite, NewStaff, NewTenant, StaffRole,
    Store, StoreConfig, Tenant,
};

/// Makes one test a test on each engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::bench::Bench::sqlite().await).await;
            }
        )*}
        mod postgres {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::bench::Bench::postgres().await).await;
            }
        )*}
    };
}
pub(crate) use on_both_engines;

/// Some time in 2026, in whole seconds.
pub(crate) const NOW: Millis = Millis(1_790_000_000_000);

/// An opened, empty store.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) url: String,
    _keep: Keep,
}

enum Keep {
    Folder { _folder: tempfile::TempDir },
    Database { _database: TestDatabase },
}

impl Bench {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let url = format!("sqlite:{}", folder.path().display());
        Self::open(url, Keep::Folder { _folder: folder }).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = TestDatabase::create().unwrap_or_else(|missing| panic!("{missing}"));
        let url = database.url();
        let keep = Keep::Database {
            _database: database,
        };
        Self::open(url, keep).await
    }

    async fn open(url: String, keep: Keep) -> Self {
        let store = Store::open(&StoreConfig::new(&url)).await.expect("opens");
        Self {
            store,
            url,
            _keep: keep,
        }
    }

    /// A second process's view of the same rows.
    pub(crate) async fn open_again(&self) -> Store {
        Store::open(&StoreConfig::new(&self.url))
            .await
            .expect("opens again")
    }

    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        let new = NewTenant {
            id: TenantId::random(&mut rng()),
            slug: slug.to_owned(),
            name: format!("{slug} Ltd"),
            root_key: key(),
            created: NOW,
        };
        self.store.create_tenant(new).await.expect("is made")
    }

    /// A tenant with a site, a notice on it, and an agent.
    pub(crate) async fn shop(&self, slug: &str) -> Shop {
        let tenant = self.tenant(slug).await;
        let site = SiteId::random(&mut rng());
        tenant.put_site(&new_site(site)).await.expect("is kept");
        let bytes = notice("1", "en");
        let notice = tenant.publish_notice(site, &bytes, NOW).await;
        let agent = add_staff(&tenant, "agent", StaffRole::Agent).await;
        Shop {
            tenant,
            site,
            notice: notice.expect("is published"),
            agent,
        }
    }
}

/// A tenant that can be talked to.
pub(crate) struct Shop {
    pub(crate) tenant: Tenant,
    pub(crate) site: SiteId,
    pub(crate) notice: Hash32,
    pub(crate) agent: StaffId,
}

impl Shop {
    pub(crate) fn consent(&self) -> NewConsent {
        NewConsent {
            session: SessionId::random(&mut rng()),
            participant: ParticipantId::random(&mut rng()),
            site: self.site,
            recording: Some(RecordingId::random(&mut rng())),
            notice: self.notice,
            modalities: vec![Modality::Chat, Modality::Video],
            choice: RecordingChoice::Acknowledged,
            participant_key: key(),
            track: 1,
            receipt: ReceiptClaim {
                lookup: hash().0[..16].to_vec(),
                proof_hash: hash(),
                public_key: key(),
            },
            at: NOW.plus(123),
            join: join(),
        }
    }

    /// A visitor who has agreed.
    pub(crate) async fn visitor(&self) -> NewConsent {
        let consent = self.consent();
        self.tenant
            .record_consent(consent.clone())
            .await
            .expect("is kept");
        consent
    }

    /// The agent in this visitor's session, not yet kept.
    pub(crate) fn answering(&self, visitor: &NewConsent) -> NewParticipant {
        NewParticipant {
            session: visitor.session,
            participant: ParticipantId::random(&mut rng()),
            staff: self.agent,
            track: 2,
            participant_key: key(),
            consent: AgentConsent {
                notice: visitor.notice,
                modalities: visitor.modalities.clone(),
                choice: RecordingChoice::Acknowledged,
            },
            at: NOW.plus(5_500),
            join: join(),
        }
    }
}

pub(crate) async fn add_staff(tenant: &Tenant, sign_in: &str, role: StaffRole) -> StaffId {
    let id = StaffId::random(&mut rng());
    let new = NewStaff {
        id,
        sign_in: sign_in.to_owned(),
        name: format!("{sign_in} of {}", tenant.info().slug),
        role,
        password: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned(),
        created: NOW,
    };
    tenant.add_staff(&new).await.expect("is added");
    id
}

pub(crate) fn new_site(id: SiteId) -> NewSite {
    NewSite {
        id,
        name: "Front page".to_owned(),
        accent: Some("#336699".to_owned()),
        origins: vec!["https://shop.example".to_owned()],
        modalities: vec![Modality::Chat],
    }
}

pub(crate) fn notice(version: &str, language: &str) -> Vec<u8> {
    format!(
        r#"{{"version":"{version}","language":"{language}","controller":"Shop Ltd",
        "contact":"privacy@shop.example","policy_url":"https://shop.example/privacy",
        "decline_url":"https://shop.example/contact","name_not_needed":"No name is needed.",
        "purposes":[],"recording":{{"mode":"required","minimum_days":180,"maximum_days":730}},
        "retention_text":"Kept for half a year.","recipients":["nobody else"],"transfers":[],
        "rights":[],"authority":"DPA","obligation":"None."}}"#
    )
    .into_bytes()
}

pub(crate) fn join() -> JoinToken {
    JoinToken {
        hash: hash(),
        expires: NOW.plus(60_000),
    }
}

pub(crate) fn hash() -> Hash32 {
    let mut bytes = [0; 32];
    rng().fill_bytes(&mut bytes);
    Hash32(bytes)
}

pub(crate) fn key() -> PublicKey {
    PublicKey(hash().0)
}

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
