//! What a running recorder does and says by itself, as time goes by.

use std::io;

use recorder::Recorder;
use recorder::custody::verified_keys;
use recorder::entropy::system;
use recorder::lock::Lock;
use recorder::log::What;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::house::{House, clock};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Log lines, as they come.
#[derive(Clone)]
struct Lines(UnboundedSender<String>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8_lossy(line).into()).unwrap();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads on until a line holds `word`; returns how many on the way ask for a key, this one included.
async fn asked_until(word: &str, lines: &mut UnboundedReceiver<String>) -> usize {
    let mut asked = 0;
    loop {
        let line = lines.recv().await.unwrap();
        assert!(!line.contains("ERROR"), "{line}");
        asked += usize::from(line.contains(ASKED));
        if line.contains(word) {
            return asked;
        }
    }
}

const ASKED: &str = "the next one is not there";
const ROTATED: &str = "intake key rotated";

#[tokio::test]
async fn a_running_recorder_says_once_a_day_whose_next_sealing_key_is_missing() {
    let house = House::new().await;
    let due = verified_keys(&house.tenant).await.unwrap()[0].not_after;
    let mut config = house.recorder.config.clone();
    config.console.listen = "127.0.0.1:0".parse().unwrap();
    config.intake.every_ms = 20;
    // Each hour is seen to have come by its rotation.
    config.intake.rotate_hours = 1;
    let lock = Lock::take(&config.lock()).unwrap();
    let (to, mut lines) = unbounded_channel();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || Lines(to.clone()))
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    house.advance(due.0 - 30 * DAY - house.recorder.now().0 - 2 * HOUR);
    let stop = CancellationToken::new();
    let recorder = Recorder::open(config, clock(&house.time)).await.unwrap();
    let running = tokio::spawn(recorder::serve::serve(recorder, lock, stop.clone()));

    // More than thirty days ahead, nothing is said, the whole day long.
    let mut asked = 0;
    for _ in 0..24 {
        asked += asked_until(ROTATED, &mut lines).await;
        house.advance(HOUR);
    }
    assert_eq!(asked, 0);
    // Then once, with the client and the day.
    let mut said = String::new();
    while !said.contains(ASKED) {
        said = lines.recv().await.unwrap();
    }
    assert!(
        said.contains("WARN") && said.contains("alpine") && said.contains("2027-01-01"),
        "{said}"
    );
    let mut asked = 0;
    for _ in 0..23 {
        house.advance(HOUR);
        asked += asked_until(ROTATED, &mut lines).await;
    }
    assert_eq!(asked, 0);
    // And again on the next day.
    house.advance(HOUR);
    asked_until(ASKED, &mut lines).await;
    house.advance(HOUR);
    assert_eq!(asked_until(ROTATED, &mut lines).await, 0);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn refused_sign_ins_that_cannot_be_written_are_counted_on_and_hold_up_no_other_client() {
    let mut house = House::new().await;
    let harbour = house
        .recorder
        .store
        .create_tenant(store::NewTenant {
            id: proto::TenantId::random(&mut system()),
            slug: "harbour".into(),
            name: "Harbour Clinic".into(),
            root_key: house.tenant.info().root_key,
            created: house.recorder.now(),
        })
        .await
        .unwrap();
    house
        .recorder
        .refusals
        .note(harbour.id(), house.recorder.now());
    house.recorder.log_refusals(true).await;
    let ids = [house.tenant.id(), harbour.id()];
    // For each in turn, so that the order does not matter.
    for broken in 0..2 {
        // A log that is refused, because nothing shows that it was signed here.
        let kept = |id| house.recorder.keys.heads().join(format!("{id}.checkpoint"));
        let (head, aside) = (kept(ids[broken]), house.folder.path().join("aside"));
        std::fs::rename(&head, &aside).unwrap();
        house.restart_recorder().await;
        let before = [counts(&house, ids[0]).await, counts(&house, ids[1]).await];
        for id in ids {
            house.recorder.refusals.note(id, house.recorder.now());
        }
        house.recorder.log_refusals(true).await;
        let mut expected = before.clone();
        expected[1 - broken].push(1);
        let after = [counts(&house, ids[0]).await, counts(&house, ids[1]).await];
        assert_eq!(after, expected);

        std::fs::rename(&aside, &head).unwrap();
        house
            .recorder
            .refusals
            .note(ids[broken], house.recorder.now());
        house.recorder.log_refusals(true).await;
        expected[broken].push(2);
        let after = [counts(&house, ids[0]).await, counts(&house, ids[1]).await];
        assert_eq!(after, expected);
    }
}

/// How many refused sign-ins each entry of a client's log counts.
async fn counts(house: &House, client: proto::TenantId) -> Vec<u64> {
    let tenant = house.recorder.store.tenant(client).await.unwrap();
    let entries = recorder::log::entries(&tenant).await.unwrap();
    let said = entries.iter().filter_map(recorder::log::read);
    said.filter_map(|event| match event.what {
        What::SignInsRefused { times, .. } => Some(times),
        _ => None,
    })
    .collect()
}
