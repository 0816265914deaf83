//! One session in the making, sealed into the spool as a relay's room would.

use proto::consent::RecordingChoice;
use proto::dsse::Document as _;
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::keys::SealingKey;
use proto::notice::Modality;
use proto::wire::SealedAt;
use proto::{Millis, ParticipantId, RecordingId, SessionId};
use recorder::custody;
use recorder::entropy::system;
use recorder::keys::PrivateKey;
use seal::TrackSealer;
use seal::manifest::{Consent, Ending, Gap, Manifest, Participant, Policy, VERSION};
use seal::spool::{End, Record};
use seal::track::Recipients;

use crate::house::{House, notice};

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
    /// Sources of a call.
    pub(crate) media: Vec<TrackSealer>,
    /// What is missing of them.
    pub(crate) gaps: Vec<Gap>,
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
        for track in self.tracks.iter_mut().chain(&mut self.media) {
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
        let mut modalities = vec![Modality::Chat];
        for track in &self.media {
            let modality = track.id().modality;
            if !modalities.contains(&modality) {
                modalities.push(modality);
            }
        }
        let tracks = self.tracks.iter().chain(&self.media);
        Manifest {
            version: VERSION,
            tenant: house.tenant.id(),
            recording: self.recording,
            session: self.session,
            site: house.site,
            node: house.node,
            started: self.started,
            ended,
            modalities,
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
            tracks: tracks.map(TrackSealer::manifest).collect(),
            gaps: self.gaps.clone(),
            ending: Ending::Clean { by: self.people[0] },
        }
    }
}
