//! Power loss: whatever the disk makes of unsynced bytes, nothing acknowledged is lost.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Duration;

use proto::notice::Modality;
use proto::{Hash32, RecordingId};
use seal::TrackSealer;
use seal::spool::{Record, Recovered, Spool, SpoolConfig, SpoolError};

use crate::ram::Ram;
use crate::support::{TestRng, World};

const APPENDERS: u64 = 6;

fn config() -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 16 << 10,
        linger: Duration::from_micros(200),
        min_free_bytes: 0,
        queue_bytes: 1 << 20,
    }
}

/// What one appender was told.
#[derive(Default)]
struct Told {
    /// Everything that it sealed, in order.
    sealed: Vec<Hash32>,
    /// How many of these were acknowledged: always a prefix.
    acknowledged: usize,
    begun: bool,
}

/// Seals and appends with up to four appends on their way, until the spool fails.
fn append_until_failure(
    spool: &Spool,
    world: &World,
    track: &mut TrackSealer,
    told: &mut Told,
    rng: &mut TestRng,
) {
    let (sender, answers) = mpsc::channel();
    let mut on_their_way = 0;
    let mut records = Vec::new();
    if !told.begun {
        records.push(Record::Begin(world.begin.clone()));
    }
    records.push(Record::Epoch(
        track.new_epoch(&world.recipients(), rng).unwrap(),
    ));
    loop {
        while on_their_way < 4 {
            let plaintext = vec![b'x'; rng.below(1500) as usize];
            let part = track.seal(&plaintext, rng).unwrap();
            told.sealed.push(part.hash);
            records.push(Record::Part(part));
            let sender = sender.clone();
            spool.submit(&records, move |result| sender.send(result).unwrap());
            records.clear();
            on_their_way += 1;
        }
        match answers.recv().unwrap() {
            Ok(_) => {
                told.acknowledged += 1;
                told.begun = true;
            }
            Err(SpoolError::Failed) => break,
            Err(error) => panic!("{error}"),
        }
        on_their_way -= 1;
    }
    // An acknowledgement after a failure would be one for something that may not be there.
    for _ in 1..on_their_way {
        assert_eq!(answers.recv().unwrap(), Err(SpoolError::Failed));
    }
}

/// How many acknowledged parts are missing from what was recovered. What is there and was never
/// sealed is a failure of its own.
fn missing(recovered: &Recovered, told: &HashMap<RecordingId, Told>) -> usize {
    let mut missing = 0;
    for (id, told) in told {
        let found: Vec<Hash32> = recovered
            .recordings
            .get(id)
            .map(|recording| recording.parts.iter().map(|part| part.hash).collect())
            .unwrap_or_default();
        assert!(
            told.sealed.starts_with(&found),
            "something else was recovered"
        );
        missing += told.acknowledged.saturating_sub(found.len());
    }
    missing
}

/// Three lives of one relay, each ended by a kill or a power failure; returns how many acknowledged
/// parts were lost, and how often the power failed.
fn lives(seed: u64, syncs: bool) -> (usize, usize) {
    let mut rng = TestRng::new(&format!("lives {seed}"));
    let ram = Ram::new(&format!("ram {seed}"));
    ram.state().syncs = syncs;
    let worlds: Vec<World> = (0..APPENDERS).map(|_| World::new(&mut rng)).collect();
    let mut told: HashMap<RecordingId, Told> = HashMap::new();
    let (mut lost, mut failures) = (0, 0);
    for life in 0..3 {
        ram.state().power = Some(1 + rng.below(40));
        if let Ok((spool, recovered)) = Spool::open(config(), ram.clone()) {
            lost += missing(&recovered, &told);
            if lost > 0 {
                return (lost, failures);
            }
            spool.sessions_active(APPENDERS as usize);
            std::thread::scope(|scope| {
                let mut running = Vec::new();
                for (n, world) in worlds.iter().enumerate() {
                    let id = world.begin.recording;
                    let before = recovered.recordings.get(&id);
                    let mut mine = Told {
                        begun: before.is_some(),
                        ..Told::default()
                    };
                    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
                    if let Some(before) = before {
                        // What was recovered is kept from now on, acknowledged or not.
                        mine.sealed = before.parts.iter().map(|part| part.hash).collect();
                        mine.acknowledged = mine.sealed.len();
                        if let Some(found) = before.tracks.get(&1) {
                            track = TrackSealer::resume(found);
                        }
                    }
                    let mut rng = TestRng::new(&format!("appender {seed} {life} {n}"));
                    let spool = spool.clone();
                    running.push(scope.spawn(move || {
                        append_until_failure(&spool, world, &mut track, &mut mine, &mut rng);
                        (id, mine)
                    }));
                }
                told = running.into_iter().map(|r| r.join().unwrap()).collect();
            });
        }
        // Some processes are only killed: what they wrote is read again before the power fails.
        if life < 2 && rng.below(3) == 0 {
            ram.relaunch();
        } else {
            ram.restart();
            failures += 1;
        }
    }
    let (_, recovered) = Spool::open(config(), ram).unwrap();
    (lost + missing(&recovered, &told), failures)
}

#[test]
fn two_hundred_power_failures_lose_nothing_that_was_acknowledged() {
    let (mut failures, mut seed) = (0, 0);
    while failures < 200 {
        let (lost, more) = lives(seed, true);
        assert_eq!(lost, 0, "seed {seed}");
        failures += more;
        seed += 1;
    }
}

#[test]
fn a_disk_that_does_not_sync_is_caught_losing_what_was_acknowledged() {
    let caught = (0..20).filter(|seed| lives(*seed, false).0 > 0).count();
    assert!(caught >= 10, "caught in {caught} of 20");
}
