//! Recordings' metadata: searching without opening.

use proto::notice::Modality;
use proto::{KeyId, Millis, NodeId, RecordingId, SessionId, SiteId, StaffId};
use store::{Ending, Recording, RecordingFilter};

use crate::bench::{Bench, NOW, hash, on_both_engines, rng};

on_both_engines!(
    a_recording_reads_back_and_is_replaced_by_its_newer_state,
    times_to_keep_are_only_ever_extended,
    recordings_are_found_by_what_is_known_of_them,
    pages_hold_every_recording_once,
);

pub(crate) fn recording(started: Millis) -> Recording {
    Recording {
        id: RecordingId::random(&mut rng()),
        session: SessionId::random(&mut rng()),
        site: SiteId::random(&mut rng()),
        node: NodeId::random(&mut rng()),
        notice: hash(),
        sealing_key: KeyId::random(&mut rng()),
        modalities: vec![Modality::Chat],
        started,
        ended: None,
        ending: Ending::Open,
        bytes: 0,
        parts: 0,
        keep_min: None,
        keep_max: None,
        manifest: None,
    }
}

async fn a_recording_reads_back_and_is_replaced_by_its_newer_state(bench: Bench) {
    let t = bench.tenant("shop").await;
    let mut one = recording(NOW);
    t.put_recording(&one).await.unwrap();
    assert_eq!(t.recording(one.id).await.unwrap(), Some(one.clone()));
    one.ended = Some(NOW.plus(60_000));
    one.ending = Ending::Truncated;
    one.modalities = vec![Modality::Chat, Modality::Audio];
    one.bytes = u64::from(u32::MAX) + 7;
    one.parts = 12;
    one.keep_min = Some(NOW.plus(1_000));
    one.keep_max = Some(NOW.plus(2_000));
    one.manifest = Some(hash());
    t.put_recording(&one).await.unwrap();
    assert_eq!(t.recording(one.id).await.unwrap(), Some(one));
    let other = RecordingId::random(&mut rng());
    assert_eq!(t.recording(other).await.unwrap(), None);
}

async fn times_to_keep_are_only_ever_extended(bench: Bench) {
    let t = bench.tenant("shop").await;
    let mut one = recording(NOW);
    let steps = [
        (None, None),
        (Some(500), Some(500)),
        (Some(400), Some(500)),
        (None, Some(500)),
        (Some(700), Some(700)),
    ];
    for (given, kept) in steps {
        one.keep_min = given.map(|ms| NOW.plus(ms));
        one.keep_max = given.map(|ms| NOW.plus(ms + 1));
        t.put_recording(&one).await.unwrap();
        let found = t.recording(one.id).await.unwrap().unwrap();
        assert_eq!(found.keep_min, kept.map(|ms| NOW.plus(ms)));
        assert_eq!(found.keep_max, kept.map(|ms| NOW.plus(ms + 1)));
    }
}

async fn recordings_are_found_by_what_is_known_of_them(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let visitor = shop.visitor().await;
    t.add_participant(shop.answering(&visitor)).await.unwrap();

    let mut mine = recording(NOW);
    mine.session = visitor.session;
    let mut video = recording(NOW.plus(10_000));
    video.modalities = vec![Modality::Chat, Modality::Video];
    let late = recording(NOW.plus(20_000));
    for one in [&mine, &video, &late] {
        t.put_recording(one).await.unwrap();
    }

    let find = async |filter: RecordingFilter| {
        let page = t.recordings(&filter, None, 10).await.unwrap();
        let ids: Vec<_> = page.recordings.iter().map(|r| r.id).collect();
        ids
    };
    let any = RecordingFilter::default;
    let (m, v, l) = (mine.id, video.id, late.id);
    assert_eq!(find(any()).await, [l, v, m]);
    let from = Some(NOW.plus(10_000));
    assert_eq!(find(RecordingFilter { from, ..any() }).await, [l, v]);
    let until = from;
    assert_eq!(find(RecordingFilter { until, ..any() }).await, [m]);
    let site = Some(late.site);
    assert_eq!(find(RecordingFilter { site, ..any() }).await, [l]);
    let modality = Some(Modality::Video);
    assert_eq!(find(RecordingFilter { modality, ..any() }).await, [v]);
    let agent = Some(shop.agent);
    assert_eq!(find(RecordingFilter { agent, ..any() }).await, [m]);
    let session = Some(video.session);
    assert_eq!(find(RecordingFilter { session, ..any() }).await, [v]);
    let agent = Some(StaffId::random(&mut rng()));
    assert!(find(RecordingFilter { agent, ..any() }).await.is_empty());
    let both = RecordingFilter {
        modality,
        until,
        ..any()
    };
    assert!(find(both).await.is_empty());
}

async fn pages_hold_every_recording_once(bench: Bench) {
    let t = bench.tenant("shop").await;
    let mut expected = Vec::new();
    for i in 0..11 {
        // Several begin within the same second.
        let one = recording(NOW.plus(i / 4 * 1_000));
        t.put_recording(&one).await.unwrap();
        expected.push((one.started, one.id.to_string()));
    }
    expected.sort();
    expected.reverse();
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let filter = RecordingFilter::default();
        let page = t.recordings(&filter, after, 4).await.unwrap();
        let ids = page.recordings.iter();
        seen.extend(ids.map(|r| (r.started, r.id.to_string())));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(pages, 3);
}
