//! What a restarted relay knows without a key: who has left, and what was withdrawn.

use proto::notice::Modality;
use proto::{EventId, Millis, ParticipantId, TenantId};
use seal::spool::{Event, EventKind, Record, RecordedConsent, RecoveredRecording, Spool};

use crate::spool::{config_on_disk, some_records};
use crate::support::{TestRng, World};

/// What is found of the recording whose relay died with `records` in its spool.
async fn restarted(world: &World, records: &[Record]) -> RecoveredRecording {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    spool.append(records).await.unwrap();
    spool.close().await;
    let (_spool, mut recovered) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    let found = recovered.recordings.remove(&world.begin.recording);
    found.unwrap()
}

#[tokio::test]
async fn a_restart_knows_who_has_left_a_session_from_the_event_of_its_own_tenant_alone() {
    let mut rng = TestRng::new("left");
    let world = World::new(&mut rng);
    let mut records = some_records(&world, 1, 200, &mut rng);
    let (gone, other) = (
        ParticipantId::random(&mut rng),
        ParticipantId::random(&mut rng),
    );
    let at = Millis(1_790_000_003_000);
    let mut tell = |kind, tenant, participant| {
        records.push(Record::Event(Event {
            id: EventId::random(&mut rng),
            tenant,
            at,
            kind,
            session: Some(world.begin.session),
            staff: None,
            participant: Some(participant),
            key: None,
            count: None,
        }));
    };
    tell(EventKind::AgentJoined, world.begin.tenant, other);
    tell(EventKind::AgentLeft, world.begin.tenant, gone);
    tell(EventKind::AgentLeft, TenantId::from_bytes([9; 16]), other);
    let found = restarted(&world, &records).await;
    assert_eq!(found.left, [(gone, at)].into());
}

#[tokio::test]
async fn a_restart_knows_what_was_withdrawn_and_not_agreed_to_again() {
    let mut rng = TestRng::new("withdrawn");
    let world = World::new(&mut rng);
    let mut records = some_records(&world, 1, 200, &mut rng);
    let mut says = |participant, modality, given, second: i64| {
        records.push(Record::Consent(RecordedConsent {
            tenant: world.begin.tenant,
            recording: world.begin.recording,
            participant,
            modality,
            given,
            at: Millis(1_790_000_000_000 + second * 1_000),
        }));
    };
    let (visitor, agent) = (world.visitor, world.agent);
    says(visitor, Modality::Audio, false, 1);
    says(visitor, Modality::Video, false, 2);
    says(agent, Modality::Audio, true, 3);
    says(visitor, Modality::Video, true, 4);
    says(agent, Modality::Audio, false, 5);
    let found = restarted(&world, &records).await;
    let withdrawn = [
        ((visitor, Modality::Audio), Millis(1_790_000_001_000)),
        ((agent, Modality::Audio), Millis(1_790_000_005_000)),
    ];
    assert_eq!(found.withdrawn, withdrawn.into());
}
