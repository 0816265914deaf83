//! A whole back office in a temporary folder, with a relay's spool beside it: real rows, real
//! sealing, real files.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ed25519_dalek::SigningKey;
use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::dsse::Document as _;
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::keys::{NodeCertificate, SealingKey};
use proto::notice::{Basis, Modality, Notice, Purpose, RecordingMode, RecordingPolicy};
use proto::wire::SealedAt;
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
use seal::manifest::{Consent, Ending, Manifest, Participant, Policy, VERSION};
use seal::spool::{Begin, End, Record, Spool, SpoolConfig};
use seal::track::{Recipients, TrackId};
use store::{
    AgentConsent, JoinToken, NewConsent, NewParticipant, NewSite, NewStaff, NewTenant, Node,
    StaffRole, Tenant,
};

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

/// A session in the making, as a relay's room would hold it.
pub(crate) struct Talk {
    pub(crate) session: SessionId,
    pub(crate) recording: RecordingId,
    pub(crate) people: [ParticipantId; 2],
    pub(crate) keys: [PrivateKey; 2],
    pub(crate) tracks: [TrackSealer; 2],
    pub(crate) n: u64,
    pub(crate) started: Millis,
    pub(crate) acks: Vec<SealedAt>,
}

impl Talk {
    pub(crate) async fn epoch(&mut self, house: &House, who: usize) {
        let sealing: SealingKey = custody::verified_keys(&house.tenant).await.unwrap()[0].clone();
        let intake = recorder::intake::rotate::newest(&house.recorder)
            .await
            .unwrap()
            .unwrap();
        let live: Vec<_> = (0..2)
            .map(|i| (self.people[i], self.keys[i].public().unwrap()))
            .collect();
        let to = Recipients {
            sealing: &sealing,
            intake: &intake,
            receipts: &[],
            live: &live,
        };
        let epoch = self.tracks[who].new_epoch(&to, &mut system()).unwrap();
        house.spool().append(&[Record::Epoch(epoch)]).await.unwrap();
    }

    pub(crate) async fn event(
        &mut self,
        house: &House,
        who: usize,
        event: impl FnOnce(u64, Millis) -> ChatEvent,
    ) {
        self.n += 1;
        let event = event(self.n, house.recorder.now());
        let part = self.tracks[who]
            .seal(&event.to_padded().unwrap(), &mut system())
            .unwrap();
        self.acks.push(part.sealed_at());
        house.spool().append(&[Record::Part(part)]).await.unwrap();
    }

    pub(crate) async fn say(&mut self, house: &House, text: &str) {
        house.advance(1500);
        let who = usize::from(self.n.is_multiple_of(2));
        let cid = self.n;
        let text = text.to_owned();
        self.event(house, who, |n, at| ChatEvent::Said { n, at, cid, text })
            .await;
    }

    pub(crate) async fn end(&mut self, house: &House) {
        self.event(house, 1, |n, at| ChatEvent::Left {
            n,
            at,
            reason: LeaveReason::Left,
        })
        .await;
        self.event(house, 0, |n, at| ChatEvent::Ended { n, at })
            .await;
        for track in &mut self.tracks {
            let part = track.end(&mut system()).unwrap();
            house.spool().append(&[Record::Part(part)]).await.unwrap();
        }
        let manifest = self.manifest(house);
        self.end_with(house, &manifest).await;
    }

    pub(crate) async fn end_with(&self, house: &House, manifest: &Manifest) {
        let end = End {
            tenant: house.tenant.id(),
            recording: self.recording,
            manifest: manifest.sign(&house.node_key).unwrap(),
        };
        house
            .spool()
            .append(&[Record::End(Box::new(end))])
            .await
            .unwrap();
    }

    pub(crate) fn manifest(&self, house: &House) -> Manifest {
        let ended = house.recorder.now().whole_seconds();
        let consent = Consent {
            notice: house.notice,
            modalities: vec![Modality::Chat],
            recording: RecordingChoice::Acknowledged,
            at: self.started,
        };
        Manifest {
            version: VERSION,
            tenant: house.tenant.id(),
            recording: self.recording,
            session: self.session,
            site: house.site,
            node: house.node,
            started: self.started,
            ended,
            modalities: vec![Modality::Chat],
            policy: Policy::at(house.notice, notice().recording, ended),
            participants: vec![
                Participant {
                    participant: self.people[0],
                    role: Role::Visitor,
                    staff: None,
                    consent: consent.clone(),
                },
                Participant {
                    participant: self.people[1],
                    role: Role::Agent,
                    staff: Some(house.agent),
                    consent,
                },
            ],
            tracks: self.tracks.iter().map(TrackSealer::manifest).collect(),
            gaps: Vec::new(),
            ending: Ending::Clean { by: self.people[0] },
        }
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
