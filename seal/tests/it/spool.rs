//! The spool: when it acknowledges, when it refuses, and what it costs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use proto::notice::Modality;
use proto::{EventId, Millis, TenantId};
use seal::TrackSealer;
use seal::spool::read::{Position, free, read, scan};
use seal::spool::{Event, EventKind, Location, Record, Spool, SpoolConfig, SpoolError, SpoolState};

use crate::ram::Ram;
use crate::support::{TestRng, World};

fn config() -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 64 << 10,
        linger: Duration::from_hours(1),
        min_free_bytes: 1 << 20,
        queue_bytes: 1 << 20,
    }
}

pub(crate) fn event(rng: &mut TestRng) -> Record {
    Record::Event(Event {
        id: EventId::random(rng),
        tenant: TenantId::random(rng),
        at: Millis(1_790_000_000_000),
        kind: EventKind::StaffSignedIn,
        session: None,
        staff: None,
        participant: None,
        key: None,
        count: None,
    })
}

/// A recording's first records: beginning, epoch, `parts` parts of about `bytes` bytes.
pub(crate) fn some_records(
    world: &World,
    parts: usize,
    bytes: usize,
    rng: &mut TestRng,
) -> Vec<Record> {
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let mut records = vec![
        Record::Begin(world.begin.clone()),
        Record::Epoch(track.new_epoch(&world.recipients(), rng).unwrap()),
    ];
    for _ in 0..parts {
        records.push(Record::Part(track.seal(&vec![b' '; bytes], rng).unwrap()));
    }
    records
}

/// Submits and hands back where the answer will come.
fn submit(spool: &Spool, records: &[Record]) -> mpsc::Receiver<Result<Location, SpoolError>> {
    let (sender, receiver) = mpsc::channel();
    spool.submit(records, move |result| {
        let _ = sender.send(result);
    });
    receiver
}

#[tokio::test]
async fn what_was_appended_is_read_back_by_place_and_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = TestRng::new("read back");
    let world = World::new(&mut rng);
    let records = some_records(&world, 3, 200, &mut rng);
    let (spool, recovered) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    assert!(recovered.recordings.is_empty());
    let one = spool.append(&records[..3]).await.unwrap();
    let two = spool.append(&records[3..]).await.unwrap();
    assert_eq!(spool.read(one).unwrap(), records[..3]);
    assert_eq!(spool.read(two).unwrap(), records[3..]);

    let batch = scan(folder.path()).unwrap();
    let found: Vec<Record> = batch.records.into_iter().map(|l| l.record).collect();
    assert_eq!(found, records);
    assert!(batch.damage.is_empty() && batch.tail.is_none());
    spool.close().await;
}

pub(crate) fn config_on_disk() -> SpoolConfig {
    SpoolConfig {
        linger: Duration::ZERO,
        min_free_bytes: 0,
        ..config()
    }
}

#[tokio::test]
async fn a_restart_finds_running_recordings_with_their_parts_and_ended_ones_with_their_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = TestRng::new("restart");
    let world = World::new(&mut rng);
    let records = some_records(&world, 5, 200, &mut rng);
    let (spool, _) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    spool.append(&records).await.unwrap();
    spool.close().await;

    let (spool, recovered) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    assert!(recovered.damage.is_empty());
    let found = &recovered.recordings[&world.begin.recording];
    assert_eq!(found.begin, world.begin);
    assert_eq!(found.data_parts(), 5);
    assert!(found.end.is_none() && !found.damaged);
    let track = &found.tracks[&1];
    assert_eq!(track.seq, 5);
    let Record::Part(last) = &records[6] else {
        panic!("a part");
    };
    assert_eq!(track.head, last.hash);
    let read = spool.read(found.parts[4].at).unwrap();
    assert_eq!(read, [Record::Part(last.clone())]);
}

#[test]
fn one_sync_makes_everything_durable_that_came_during_the_one_before() {
    let ram = Ram::new("group");
    let mut rng = TestRng::new("group");
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    let before = spool.syncs();
    ram.state().stalled = true;
    let calls = ram.state().sync_calls;
    let first = submit(&spool, &[event(&mut rng)]);
    // The writer is inside the first append's sync now.
    while ram.state().sync_calls == calls {
        std::thread::yield_now();
    }
    let others: Vec<_> = (0..99)
        .map(|_| submit(&spool, &[event(&mut rng)]))
        .collect();
    assert!(first.try_recv().is_err(), "acknowledged before the sync");
    ram.go_on();
    let mut places = vec![first.recv().unwrap().unwrap()];
    places.extend(others.iter().map(|answer| answer.recv().unwrap().unwrap()));
    assert!(places.is_sorted());
    assert_eq!(spool.syncs() - before, 2);
}

#[test]
fn with_many_active_sessions_an_append_waits_for_half_of_them_and_with_one_for_nobody() {
    let ram = Ram::new("linger");
    let mut rng = TestRng::new("linger");
    // An hour of patience: whoever is answered did not have to wait for it to pass.
    let (spool, _) = Spool::open(config(), ram).unwrap();
    spool.sessions_active(1);
    submit(&spool, &[event(&mut rng)]).recv().unwrap().unwrap();

    spool.sessions_active(20);
    let before = spool.syncs();
    let answers: Vec<_> = (0..10)
        .map(|_| submit(&spool, &[event(&mut rng)]))
        .collect();
    for answer in answers {
        answer.recv().unwrap().unwrap();
    }
    assert!(spool.syncs() - before <= 2, "{}", spool.syncs() - before);
}

#[test]
fn fifty_appenders_who_wait_for_each_answer_need_one_sync_for_ten_messages_at_most() {
    const APPENDERS: usize = 50;
    const EACH: usize = 40;
    let ram = Ram::new("company");
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    spool.sessions_active(APPENDERS);
    let before = ram.state().sync_calls;
    let answered = AtomicU64::new(0);
    // Counted when the first has said all: what the others need alone is not what is asked.
    let counted = OnceLock::new();
    std::thread::scope(|scope| {
        for n in 0..APPENDERS {
            let (spool, ram) = (spool.clone(), ram.clone());
            let (answered, counted) = (&answered, &counted);
            scope.spawn(move || {
                let mut rng = TestRng::new(&format!("appender {n}"));
                for _ in 0..EACH {
                    if counted.get().is_some() {
                        return;
                    }
                    let answer = submit(&spool, &[event(&mut rng)]);
                    answer.recv().unwrap().unwrap();
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                counted.get_or_init(|| {
                    let syncs = ram.state().sync_calls - before;
                    (syncs, answered.load(Ordering::SeqCst))
                });
                // Whoever still waits has company enough at once.
                spool.sessions_active(1);
                for _ in 0..APPENDERS {
                    let _ = submit(&spool, &[event(&mut rng)]);
                }
            });
        }
    });
    let (syncs, messages) = *counted.get().unwrap();
    assert!(messages >= EACH as u64);
    assert!(syncs * 10 <= messages, "{syncs} syncs, {messages} messages");
}

#[test]
fn after_a_failed_sync_everything_is_refused_and_nothing_is_synced_again() {
    let ram = Ram::new("sync fails");
    let mut rng = TestRng::new("sync fails");
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    let mut watch = spool.watch();
    submit(&spool, &[event(&mut rng)]).recv().unwrap().unwrap();
    ram.state().good_syncs = 0;
    ram.state().stalled = true;
    let calls = ram.state().sync_calls;
    let first = submit(&spool, &[event(&mut rng)]);
    while ram.state().sync_calls == calls {
        std::thread::yield_now();
    }
    let waiting = submit(&spool, &[event(&mut rng)]);
    ram.go_on();
    assert_eq!(first.recv().unwrap(), Err(SpoolError::Failed));
    assert_eq!(waiting.recv().unwrap(), Err(SpoolError::Failed));
    assert_eq!(spool.state(), SpoolState::Failed);
    assert!(
        watch.has_changed().is_ok_and(|changed| changed)
            || *watch.borrow_and_update() == SpoolState::Failed
    );
    assert_eq!(spool.failure(), Some("a sync failed"));

    // The disk is well again; the spool does not believe it.
    ram.state().good_syncs = u64::MAX;
    let later = submit(&spool, &[event(&mut rng)]);
    assert_eq!(later.recv().unwrap(), Err(SpoolError::Failed));
    assert_eq!(ram.state().sync_calls, calls + 1);
}

#[test]
fn after_a_failed_write_everything_is_refused() {
    let ram = Ram::new("write fails");
    let mut rng = TestRng::new("write fails");
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    ram.state().good_writes = 0;
    let answer = submit(&spool, &[event(&mut rng)]);
    assert_eq!(answer.recv().unwrap(), Err(SpoolError::Failed));
    ram.state().good_writes = u64::MAX;
    let answer = submit(&spool, &[event(&mut rng)]);
    assert_eq!(answer.recv().unwrap(), Err(SpoolError::Failed));
    assert_eq!(spool.state(), SpoolState::Failed);
}

#[test]
fn a_full_disk_is_announced_ahead_and_what_runs_goes_on_to_the_end_of_the_segment() {
    let ram = Ram::new("full");
    let mut rng = TestRng::new("full");
    let world = World::new(&mut rng);
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    ram.state().free = 1 << 20;
    let mut state = spool.watch();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(state.wait_for(|state| *state == SpoolState::Full))
        .unwrap();
    // There is room in the segment for one of these, and none for another.
    let records = some_records(&world, 1, 40_000, &mut rng);
    submit(&spool, &records).recv().unwrap().unwrap();
    let refused = submit(&spool, &records[2..]);
    assert_eq!(refused.recv().unwrap(), Err(SpoolError::Full));
    submit(&spool, &[event(&mut rng)]).recv().unwrap().unwrap();

    ram.state().free = u64::MAX;
    runtime
        .block_on(state.wait_for(|state| *state == SpoolState::Ok))
        .unwrap();
    submit(&spool, &records[2..]).recv().unwrap().unwrap();
}

#[test]
fn a_disk_that_is_full_at_the_start_refuses_until_there_is_space() {
    let ram = Ram::new("full at start");
    let mut rng = TestRng::new("full at start");
    ram.state().free = 0;
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    assert_eq!(spool.state(), SpoolState::Full);
    let refused = submit(&spool, &[event(&mut rng)]);
    assert_eq!(refused.recv().unwrap(), Err(SpoolError::Full));
    ram.state().free = u64::MAX;
    submit(&spool, &[event(&mut rng)]).recv().unwrap().unwrap();
}

#[test]
fn a_queue_over_its_bound_refuses_and_keeps_what_it_has() {
    let ram = Ram::new("queue");
    let mut rng = TestRng::new("queue");
    let config = SpoolConfig {
        queue_bytes: 1000,
        ..config()
    };
    let (spool, _) = Spool::open(config, ram.clone()).unwrap();
    ram.state().stalled = true;
    let answers: Vec<_> = (0..20)
        .map(|_| submit(&spool, &[event(&mut rng)]))
        .collect();
    ram.go_on();
    let answers: Vec<_> = answers.iter().map(|a| a.recv().unwrap()).collect();
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers
        .iter()
        .filter(|answer| **answer == Err(SpoolError::Busy))
        .count();
    assert!(kept >= 4 && refused > 0, "{kept} kept, {refused} refused");
    assert_eq!(kept + refused, 20);
}

#[test]
fn a_record_that_no_frame_holds_is_refused_alone() {
    let ram = Ram::new("too large");
    let mut rng = TestRng::new("too large");
    let world = World::new(&mut rng);
    let mut records = some_records(&world, 1, 1, &mut rng);
    let Some(Record::Part(part)) = records.last_mut() else {
        panic!("a part");
    };
    part.bytes = vec![0; 9 << 20].into();
    let (spool, _) = Spool::open(config(), ram).unwrap();
    let refused = submit(&spool, &records);
    assert_eq!(refused.recv().unwrap(), Err(SpoolError::TooLarge));
    submit(&spool, &records[..2]).recv().unwrap().unwrap();
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes() {
    let ram = Ram::new("close");
    let mut rng = TestRng::new("close");
    let (spool, _) = Spool::open(config(), ram.clone()).unwrap();
    spool.sessions_active(1000);
    let other = spool.clone();
    let waits = submit(&spool, &[event(&mut rng)]);
    spool.close().await;
    waits.recv().unwrap().unwrap();
    let refused = submit(&other, &[event(&mut rng)]);
    assert_eq!(refused.recv().unwrap(), Err(SpoolError::Closed));
    drop(other);
    let (_, recovered) = Spool::open(config(), ram).unwrap();
    assert!(recovered.damage.is_empty());
}

#[test]
fn a_second_process_cannot_open_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    let second = Spool::open_directory(folder.path(), config_on_disk());
    assert_eq!(second.unwrap_err(), SpoolError::InUse);
    drop(first);
}

#[tokio::test]
async fn a_reader_follows_the_writer_over_segments_and_frees_the_oldest_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = TestRng::new("follow");
    let world = World::new(&mut rng);
    let (spool, _) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    let records = some_records(&world, 40, 5000, &mut rng);
    let mut from = Position::default();
    let mut found = Vec::new();
    for some in records.chunks(3) {
        let at = spool.append(some).await.unwrap();
        assert!(at.offset + at.length <= 64 << 10);
        loop {
            let batch = read(folder.path(), from, 1000).unwrap();
            assert!(batch.damage.is_empty() && batch.tail.is_none());
            found.extend(batch.records.into_iter().map(|l| l.record));
            if batch.next == from {
                break;
            }
            from = batch.next;
        }
    }
    assert_eq!(found, records);
    assert!(from.segment > 3);
    assert!(free(folder.path(), 2).is_err());
    free(folder.path(), 1).unwrap();
    free(folder.path(), 2).unwrap();
    assert!(free(folder.path(), 1).is_err());
    for segment in 3..from.segment {
        free(folder.path(), segment).unwrap();
    }
    assert!(free(folder.path(), from.segment).is_err());

    // After a restart the numbers go on.
    spool.close().await;
    let (spool, _) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    let at = spool.append(&[event(&mut rng)]).await.unwrap();
    assert_eq!(at.segment, from.segment + 1);
    let batch = read(folder.path(), from, 1000).unwrap();
    assert_eq!(batch.records.len(), 1);
}

#[tokio::test]
async fn a_reader_of_a_large_segment_stops_where_nothing_is_written_or_something_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = TestRng::new("large segment");
    let world = World::new(&mut rng);
    let config = SpoolConfig {
        segment_bytes: 16 << 20,
        ..config_on_disk()
    };
    let (spool, _) = Spool::open_directory(folder.path(), config).unwrap();
    assert_eq!(scan(folder.path()).unwrap().records, []);
    let records = some_records(&world, 20, 120_000, &mut rng);
    let at = spool.append(&records).await.unwrap();
    let batch = scan(folder.path()).unwrap();
    assert_eq!(batch.records.len(), records.len());
    assert!(batch.tail.is_none());
    let end = at.offset + at.length;
    assert_eq!(batch.next.offset, end);

    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("00000001.spool"))
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"torn", end).unwrap();
    let batch = scan(folder.path()).unwrap();
    assert_eq!(batch.records.len(), records.len());
    assert_eq!(batch.tail.unwrap().at.offset, end);
    let again = read(folder.path(), batch.next, 1000).unwrap();
    assert_eq!((again.next, again.records.len()), (batch.next, 0));
}

#[tokio::test]
async fn a_larger_append_than_a_segment_gets_a_segment_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = TestRng::new("larger");
    let world = World::new(&mut rng);
    let (spool, _) = Spool::open_directory(folder.path(), config_on_disk()).unwrap();
    let records = some_records(&world, 1, 1 << 20, &mut rng);
    let at = spool.append(&records).await.unwrap();
    assert_eq!(spool.read(at).unwrap(), records);
    let batch = scan(folder.path()).unwrap();
    assert_eq!(batch.records.len(), 3);
}
