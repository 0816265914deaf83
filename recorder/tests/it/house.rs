//! A whole back office in a temporary folder, with a relay's spool beside it: real rows, real
//! sealing, real files.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ed25519_dalek::SigningKey;
use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::dsse::Document as _;
use proto::event::{ChatEvent, Role};
use proto::keys::NodeCertificate;
use proto::notice::{Basis, Modality, Notice, Purpose, RecordingMode, RecordingPolicy};
use proto::{
    Hash32, Millis, NodeId, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, StaffId,
    TenantId, Token,
};
use recorder::clock::Clock;
use recorder::config::Config;
use recorder::custody::{self, NewOfficer};
use recorder::entropy::system;
use recorder::intake::Intake;
use recorder::keys::{Passphrase, PrivateKey};
use recorder::{Recorder, cases};
use seal::TrackSealer;
use seal::spool::{Begin, Record, Spool, SpoolConfig};
use seal::track::TrackId;
use store::{
    AgentConsent, JoinToken, NewConsent, NewParticipant, NewSite, NewStaff, NewTenant, Node,
    StaffRole, Tenant,
};

pub(crate) use crate::talk::Talk;

/// 2026-11-22T10:00:00Z
pub(crate) const START: i64 = 1_795_341_600_000;

pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) time: Arc<AtomicI64>,
    pub(crate) recorder: Recorder,
    pub(crate) intake: Intake,
    pub(crate) tenant: Tenant,
    pub(crate) root: SigningKey,
    pub(crate) node: NodeId,
    pub(crate) node_key: SigningKey,
    pub(crate) site: SiteId,
    pub(crate) notice: Hash32,
    pub(crate) officers: Vec<(StaffId, Passphrase)>,
    pub(crate) agent: StaffId,
    pub(crate) spool: Option<Spool>,
}

pub(crate) fn passphrase(of: &str) -> Passphrase {
    Passphrase::new(format!("the passphrase of {of}"))
}

pub(crate) fn signing_key() -> SigningKey {
    use rand_core::Rng as _;
    let mut seed = [0; 32];
    system().fill_bytes(&mut seed);
    SigningKey::from_bytes(&seed)
}

pub(crate) fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

impl House {
    /// A recorder, one client with two officers, an agent, a site, a certified node.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(START));
        let config = Config::in_folder(&folder.path().join("data"));
        let recorder = Recorder::create(config, clock(&time)).await.unwrap();
        let root = signing_key();
        let rng = &mut system();
        let tenant = recorder
            .store
            .create_tenant(NewTenant {
                id: TenantId::random(rng),
                slug: "alpine".into(),
                name: "Alpine Bank".into(),
                root_key: public(&root),
                created: Millis(START),
            })
            .await
            .unwrap();
        let mut officers = Vec::new();
        for name in ["ines", "omar"] {
            let id = custody::add_officer(
                &recorder,
                &tenant,
                NewOfficer {
                    sign_in: name.into(),
                    name: name.into(),
                    password: Passphrase::new(format!("the password of {name}")),
                    passphrase: passphrase(name),
                },
                &[],
            )
            .await
            .unwrap();
            officers.push((id, passphrase(name)));
        }
        let prepared = custody::prepare(&recorder, &tenant, None).await.unwrap();
        let statement = prepared.statement.sign(&root).unwrap();
        custody::install(&recorder, &tenant, &statement, &prepared.shares)
            .await
            .unwrap();

        let agent = StaffId::random(rng);
        tenant
            .add_staff(&NewStaff {
                id: agent,
                sign_in: "mia".into(),
                name: "Mia".into(),
                role: StaffRole::Agent,
                password: "$argon2id$".into(),
                created: Millis(START),
            })
            .await
            .unwrap();
        let site = SiteId::random(rng);
        tenant
            .put_site(&NewSite {
                id: site,
                name: "Shop".into(),
                accent: None,
                origins: vec!["http://shop.localhost:8082".into()],
                modalities: vec![Modality::Chat],
            })
            .await
            .unwrap();
        let notice = tenant
            .publish_notice(site, &serde_json::to_vec(&notice()).unwrap(), Millis(START))
            .await
            .unwrap();

        let (node, node_key) = (NodeId::random(rng), signing_key());
        let mut house = Self {
            folder,
            time,
            recorder,
            intake: Intake::default(),
            tenant,
            root,
            node,
            node_key,
            site,
            notice,
            officers,
            agent,
            spool: None,
        };
        house.certify().await;
        house.open_spool(SpoolConfig {
            segment_bytes: 64 << 10,
            min_free_bytes: 0,
            ..SpoolConfig::default()
        });
        house
    }

    pub(crate) async fn certify(&self) {
        let certificate = NodeCertificate {
            node: self.node,
            public_key: public(&self.node_key),
            not_before: Millis(START),
            not_after: Millis(START + 86_400_000 * 365),
        };
        self.recorder
            .store
            .control()
            .put_node(&Node {
                id: self.node,
                public_key: public(&self.node_key),
                certificate: certificate.sign(self.recorder.keys.signing()).unwrap(),
            })
            .await
            .unwrap();
    }

    pub(crate) fn open_spool(&mut self, config: SpoolConfig) {
        let (spool, _) = Spool::open_directory(&self.spool_folder(), config).unwrap();
        self.spool = Some(spool);
    }

    pub(crate) fn spool_folder(&self) -> PathBuf {
        self.data().join("spool").join(self.node.to_string())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn vault_folder(&self, recording: RecordingId) -> PathBuf {
        self.data()
            .join("vault")
            .join(self.tenant.id().to_string())
            .join(recording.to_string())
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    /// As after a restart of the recorder: everything in memory is gone.
    pub(crate) async fn restart_recorder(&mut self) {
        let config = self.recorder.config.clone();
        self.recorder = Recorder::open(config, clock(&self.time)).await.unwrap();
        self.tenant = self.recorder.tenant("alpine").await.unwrap();
        self.intake = Intake::default();
    }

    pub(crate) async fn intake(&mut self) -> recorder::intake::Pass {
        self.intake.pass(&self.recorder).await.unwrap()
    }

    /// A whole session with these texts, in turn from visitor and agent, in the spool.
    pub(crate) async fn talk(&mut self, texts: &[&str]) -> Talk {
        let mut talk = self.begin().await;
        for text in texts {
            talk.say(self, text).await;
        }
        talk.end(self).await;
        talk
    }

    /// A session that has begun: both have joined.
    pub(crate) async fn begin(&mut self) -> Talk {
        let rng = &mut system();
        let at = self.recorder.now().whole_seconds();
        let (session, recording) = (SessionId::random(rng), RecordingId::random(rng));
        let (visitor, agent) = (ParticipantId::random(rng), ParticipantId::random(rng));
        let keys = [PrivateKey::random(rng), PrivateKey::random(rng)];
        self.tenant
            .record_consent(NewConsent {
                session,
                participant: visitor,
                site: self.site,
                recording: Some(recording),
                notice: self.notice,
                modalities: vec![Modality::Chat],
                choice: RecordingChoice::Acknowledged,
                participant_key: keys[0].public().unwrap(),
                track: 1,
                receipt: ReceiptClaim {
                    lookup: session.as_bytes().to_vec(),
                    proof_hash: Hash32::ZERO,
                    public_key: keys[0].public().unwrap(),
                },
                at,
                join: join_token(at),
            })
            .await
            .unwrap();
        self.tenant
            .add_participant(NewParticipant {
                session,
                participant: agent,
                staff: self.agent,
                track: 2,
                participant_key: keys[1].public().unwrap(),
                consent: AgentConsent {
                    notice: self.notice,
                    modalities: vec![Modality::Chat],
                    choice: RecordingChoice::Acknowledged,
                },
                at,
                join: join_token(at),
            })
            .await
            .unwrap();
        let track = |number, participant, role| {
            TrackSealer::new(TrackId {
                tenant: self.tenant.id(),
                recording,
                track: number,
                participant,
                role,
                modality: Modality::Chat,
            })
        };
        let mut talk = Talk {
            session,
            recording,
            people: [visitor, agent],
            keys,
            tracks: [
                track(1, visitor, Role::Visitor),
                track(2, agent, Role::Agent),
            ],
            n: 0,
            started: at,
            acks: Vec::new(),
            media: Vec::new(),
            gaps: Vec::new(),
        };
        let begin = Begin {
            tenant: self.tenant.id(),
            recording,
            session,
            site: self.site,
            node: self.node,
            notice: self.notice,
            policy: notice().recording,
            started: at,
        };
        self.spool().append(&[Record::Begin(begin)]).await.unwrap();
        for (who, (role, name)) in [
            (0, (Role::Visitor, "Blue Heron")),
            (1, (Role::Agent, "Mia")),
        ] {
            talk.epoch(self, who).await;
            let participant = talk.people[who];
            let event = move |n, at| ChatEvent::Joined {
                n,
                at,
                participant,
                role,
                name: name.into(),
            };
            talk.event(self, who, event).await;
        }
        talk
    }

    /// A case over these recordings.
    pub(crate) async fn case(&self, recordings: &[RecordingId]) -> proto::CaseId {
        let request = cases::Request {
            authority: "District Court".into(),
            reference: "AZ 12/26".into(),
            basis: "§ 94 StPO".into(),
            recordings: recordings.to_vec(),
            days: 30,
            by: None,
        };
        cases::open(&self.recorder, &self.tenant, request)
            .await
            .unwrap()
    }

    pub(crate) async fn approve(&self, case: proto::CaseId, who: usize) {
        let (officer, passphrase) = &self.officers[who];
        cases::approve(&self.recorder, &self.tenant, case, *officer, passphrase)
            .await
            .unwrap();
    }

    /// The bundle of a recording, under a fresh case with both officers' approvals.
    pub(crate) async fn export(
        &self,
        recording: RecordingId,
    ) -> (Vec<u8>, recorder::bundle::compose::Exported) {
        let case = self.case(&[recording]).await;
        self.approve(case, 0).await;
        self.approve(case, 1).await;
        self.export_under(case, recording).await.unwrap()
    }

    pub(crate) async fn export_under(
        &self,
        case: proto::CaseId,
        recording: RecordingId,
    ) -> recorder::Result<(Vec<u8>, recorder::bundle::compose::Exported)> {
        let (to, mut from) = tokio::sync::mpsc::channel::<bytes::Bytes>(4);
        let gather = tokio::spawn(async move {
            let mut all = Vec::new();
            while let Some(chunk) = from.recv().await {
                all.extend_from_slice(&chunk);
            }
            all
        });
        let exported =
            recorder::bundle::compose::export(&self.recorder, &self.tenant, case, recording, to)
                .await?;
        Ok((gather.await.unwrap(), exported))
    }
}

pub(crate) fn clock(time: &Arc<AtomicI64>) -> Clock {
    let time = Arc::clone(time);
    Clock::new(move || Millis(time.load(Ordering::SeqCst)))
}

fn join_token(at: Millis) -> JoinToken {
    JoinToken {
        hash: Token::random(&mut system()).hash(),
        expires: at.plus(60_000),
    }
}

pub(crate) fn notice() -> Notice {
    Notice {
        version: "1".into(),
        language: "en".into(),
        controller: "Alpine Bank".into(),
        contact: "privacy@alpine.example".into(),
        policy_url: "https://alpine.example/privacy".into(),
        decline_url: "https://alpine.example/contact".into(),
        name_not_needed: "You need no real name.".into(),
        purposes: vec![Purpose {
            id: "conversation".into(),
            text: "To talk with you.".into(),
            basis: Basis::Consent,
            source: String::new(),
            modalities: vec![Modality::Chat],
        }],
        recording: RecordingPolicy {
            mode: RecordingMode::Required,
            minimum_days: 180,
            maximum_days: 730,
        },
        retention_text: "Kept six months because the law requires it.".into(),
        recipients: vec!["nobody else".into()],
        transfers: vec![],
        rights: vec!["You may see it.".into()],
        authority: "EDÖB".into(),
        obligation: "Nothing must be provided.".into(),
    }
}
