//! Wrapped data keys in a database of their own.

use proto::RecordingId;
use store::{StoredWrap, Tenant};

use crate::bench::{Bench, on_both_engines, rng};

on_both_engines!(
    wraps_read_back_by_recording,
    a_rotation_replaces_every_wrap_of_older_generations,
    deleted_wraps_are_gone,
    wraps_of_one_tenant_are_not_anothers,
);

fn wrap(recording: RecordingId, track: u32, recipient: &str, generation: u32) -> StoredWrap {
    StoredWrap {
        recording,
        track,
        epoch: 1,
        recipient: recipient.to_owned(),
        generation,
        wrap: vec![u8::try_from(generation).unwrap(); 128],
    }
}

async fn three(tenant: &Tenant, recording: RecordingId, generation: u32) -> Vec<StoredWrap> {
    let wraps = vec![
        wrap(recording, 1, "receipt:a", generation),
        wrap(recording, 1, "tenant:k", generation),
        wrap(recording, 2, "tenant:k", generation),
    ];
    tenant.put_wraps(&wraps).await.unwrap();
    wraps
}

async fn wraps_read_back_by_recording(bench: Bench) {
    let t = bench.tenant("shop").await;
    let (one, two) = (
        RecordingId::random(&mut rng()),
        RecordingId::random(&mut rng()),
    );
    let wraps = three(&t, one, 1).await;
    three(&t, two, 1).await;
    assert_eq!(t.wraps_of(one).await.unwrap(), wraps);
}

async fn a_rotation_replaces_every_wrap_of_older_generations(bench: Bench) {
    let t = bench.tenant("shop").await;
    for _ in 0..4 {
        three(&t, RecordingId::random(&mut rng()), 1).await;
    }
    let newer = RecordingId::random(&mut rng());
    three(&t, newer, 2).await;
    assert_eq!(t.wrap_generations().await.unwrap(), [(1, 12), (2, 3)]);

    let (mut after, mut walked) = (None, 0);
    loop {
        let some = t.wraps_before(2, after.as_ref(), 5).await.unwrap();
        let Some(last) = some.last() else { break };
        after = Some(last.cursor());
        walked += some.len();
        let renewed: Vec<_> = some
            .into_iter()
            .map(|one| StoredWrap {
                generation: 2,
                wrap: vec![2; 128],
                ..one
            })
            .collect();
        t.put_wraps(&renewed).await.unwrap();
    }
    assert_eq!(walked, 12);
    assert_eq!(t.wrap_generations().await.unwrap(), [(2, 15)]);
}

async fn deleted_wraps_are_gone(bench: Bench) {
    let t = bench.tenant("shop").await;
    let (gone, kept) = (
        RecordingId::random(&mut rng()),
        RecordingId::random(&mut rng()),
    );
    three(&t, gone, 1).await;
    three(&t, kept, 1).await;
    assert_eq!(t.delete_wraps(gone).await.unwrap(), 3);
    assert!(t.wraps_of(gone).await.unwrap().is_empty());
    assert_eq!(t.wraps_of(kept).await.unwrap().len(), 3);
}

async fn wraps_of_one_tenant_are_not_anothers(bench: Bench) {
    let (t, other) = (bench.tenant("shop").await, bench.tenant("other").await);
    let recording = RecordingId::random(&mut rng());
    three(&t, recording, 1).await;
    assert!(other.wraps_of(recording).await.unwrap().is_empty());
    assert_eq!(other.delete_wraps(recording).await.unwrap(), 0);
    assert_eq!(t.wraps_of(recording).await.unwrap().len(), 3);
}
