//! Recording fails closed: when the disk fails, recorded sessions are told and closed, nothing
//! acknowledged is lost, and the process stays up to say so.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::consent::{ConsentResponse, RecordingChoice};
use proto::notice::RecordingMode;
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{ErrorCode, Millis};
use relay::app;
use relay::clock::Clock;
use seal::manifest::{Cause, Ending, Gap, Manifest};
use seal::spool::{Disk, EventKind, Record, SpoolFile, SpoolFiles};

use crate::desk::session;
use crate::world::agent::sign_in;
use crate::world::http::get;
use crate::world::visitor::{Person, agree, arrive, arrive_with, request};
use crate::world::wire::Socket;
use crate::world::{Relay, WIDE, WIDGET, World, x25519};

/// A disk whose syncs fail, or that has no space, from some moment on.
struct Failing {
    disk: Disk,
    fails: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

struct FailingFile {
    file: File,
    fails: Arc<AtomicBool>,
}

impl SpoolFiles for Failing {
    type File = FailingFile;

    fn segments(&self) -> io::Result<Vec<u64>> {
        self.disk.segments()
    }
    fn create(&self, number: u64, bytes: u64) -> io::Result<FailingFile> {
        Ok(FailingFile {
            file: self.disk.create(number, bytes)?,
            fails: Arc::clone(&self.fails),
        })
    }
    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        self.disk.read(number)
    }
    fn read_at(&self, number: u64, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read_at(number, offset, length)
    }
    fn cut(&self, number: u64, length: u64, keep: Option<&[u8]>) -> io::Result<()> {
        self.disk.cut(number, length, keep)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        if self.full.load(Ordering::SeqCst) {
            return Ok(0);
        }
        self.disk.free_bytes()
    }
}

impl SpoolFile for FailingFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        SpoolFile::write_at(&mut self.file, bytes, offset)
    }
    fn sync(&mut self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        SpoolFile::sync(&mut self.file)
    }
    fn finish(&mut self, length: u64) -> io::Result<()> {
        SpoolFile::finish(&mut self.file, length)
    }
}

/// A relay on such a disk; what makes its syncs fail, and what fills it.
async fn start(world: &World) -> (Relay, Arc<AtomicBool>, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let full = Arc::new(AtomicBool::new(false));
    let (failing, filled) = (Arc::clone(&fails), Arc::clone(&full));
    let files = move |folder: &Path| {
        Ok(Failing {
            disk: Disk::open(folder)?,
            fails: failing,
            full: filled,
        })
    };
    let running = app::build_on(world.config(), Clock::system(), None, files)
        .await
        .unwrap();
    let relay = Relay {
        port: running.address().port(),
        running,
    };
    (relay, fails, full)
}

async fn says_until_there_is_no_space(person: &mut Person, text: &str) {
    for cid in 1.. {
        person.socket.say(cid, text).await;
        let answer = person.socket.until(|frame| match frame {
            ServerMessage::Ack { .. } => Some(None),
            ServerMessage::Error { code, .. } => Some(Some(*code)),
            _ => None,
        });
        if let Some(code) = answer.await {
            assert_eq!(code, ErrorCode::RecordingUnavailable);
            break;
        }
    }
}

/// Tries to come back until the room takes it.
async fn return_when_there_is_space(person: Person, port: u16, have: u64) -> Person {
    for _ in 0..40 {
        let mut socket = Socket::open(port, person.host, &person.cookie).await;
        socket.hello(&person.resume_hello(have)).await;
        match socket.next().await {
            Some(ServerMessage::Error { code, .. }) => {
                assert_eq!(code, ErrorCode::RecordingUnavailable);
            }
            Some(ServerMessage::Welcome { resume, .. }) => {
                let mut person = person;
                person.resume = resume;
                return person.return_to(port, have).await;
            }
            _ => panic!("neither an error nor a welcome"),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the room stays closed");
}

fn now() -> Millis {
    Clock::system().now()
}

/// Ends the session; the gaps that its manifest names.
async fn ended_with_gaps(world: &World, mut person: Person) -> Vec<Gap> {
    person.socket.send(&ClientMessage::End {}).await;
    person
        .socket
        .until(|frame| matches!(frame, ServerMessage::Ended { .. }).then_some(()))
        .await;
    let recording = person.recording.unwrap();
    let manifest = world.records().into_iter().find_map(|record| match record {
        Record::End(end) if end.recording == recording => Some(end.manifest),
        _ => None,
    });
    let manifest: Manifest = manifest.unwrap().payload_unverified().unwrap();
    assert!(matches!(manifest.ending, Ending::Clean { .. }));
    manifest.gaps
}

/// The gap began and was over within these, in whole seconds that hold it.
fn assert_gap(gap: &Gap, cause: Cause, from: [Millis; 2], to: [Millis; 2]) {
    assert_eq!((gap.cause, gap.track), (cause, None));
    let (low, high) = (from[0].whole_seconds(), from[1].whole_seconds());
    assert!(low <= gap.from && gap.from <= high, "{gap:?} {from:?}");
    let (low, high) = (to[0], to[1].plus(1_000));
    assert!(low <= gap.to && gap.to < high, "{gap:?} {to:?}");
    assert_eq!((gap.from.0 % 1_000, gap.to.0 % 1_000), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_full_disk_stops_goes_on_when_there_is_space_again() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let (relay, _, full) = start(&world).await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;

    // What runs goes on to the end of the segment; the message that finds no space stops it.
    full.store(true, Ordering::SeqCst);
    let filled = now();
    let text = "x".repeat(4_000);
    let mut acknowledged = 0;
    let refused = loop {
        agent.socket.say(acknowledged + 1, &text).await;
        let answer = agent.socket.until(|frame| match frame {
            ServerMessage::Ack { .. } => Some(None),
            ServerMessage::Error { code, .. } => Some(Some(*code)),
            _ => None,
        });
        match answer.await {
            None => acknowledged += 1,
            Some(code) => break code,
        }
    };
    assert_eq!(refused, ErrorCode::RecordingUnavailable);
    assert!(acknowledged > 0);
    assert_eq!(
        visitor.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
    let stop = now();
    // More than one refused return must not use up what they come back with.
    for _ in 0..3 {
        let mut again = Socket::open(relay.port, WIDGET, "").await;
        again.hello(&visitor.resume_hello(0)).await;
        assert_eq!(again.refusal().await, ErrorCode::RecordingUnavailable);
    }

    full.store(false, Ordering::SeqCst);
    let emptied = now();
    let mut visitor = return_when_there_is_space(visitor, relay.port, 0).await;
    let returned = now();
    let mut agent = return_when_there_is_space(agent, relay.port, 0).await;
    let kept = visitor.texts().len() as u64;
    // The one that was on its way has been kept since, or is to be said again; never twice.
    assert_eq!(kept, acknowledged + 1);
    assert_eq!(agent.texts().len() as u64, kept);
    let n = agent.say(kept + 1, "after").await;
    assert_eq!(visitor.hears("after").await, n);
    let n = visitor.say(1, "thanks").await;
    assert_eq!(agent.hears("thanks").await, n);
    let stopped = |record: &Record| matches!(record, Record::Event(event) if event.kind == EventKind::RecordingStopped);
    assert_eq!(world.records().iter().filter(|r| stopped(r)).count(), 1);
    let going = now();
    relay.stop().await;
    let gone = now();

    let relay = world.start().await;
    let started = now();
    let visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts().len() as u64, kept + 2);
    let gaps = ended_with_gaps(&world, visitor).await;
    let [full, restart] = &gaps[..] else {
        panic!("{gaps:?}");
    };
    assert_gap(full, Cause::DiskFull, [filled, stop], [emptied, returned]);
    assert_gap(restart, Cause::Restart, [going, gone], [gone, started]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_whom_a_full_disk_kept_out_joins_when_there_is_space_again() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let (relay, _, full) = start(&world).await;
    let client = world.client();
    let consent: ConsentResponse = agree(relay.port, client.site, &request(client, x25519()))
        .await
        .json();
    let join = Hello::Join {
        site: client.site,
        token: consent.join,
        name: None,
    };
    // What is left of the segment is filled with long messages first, then with short ones.
    let mia = sign_in(relay.port, client, "mia").await;
    let mut others = Vec::new();
    for bytes in [4_000, 1] {
        let visitor = arrive(relay.port, client, None).await;
        let agent = mia.accept(session(&visitor)).await;
        others.push((agent, "x".repeat(bytes), visitor));
    }
    full.store(true, Ordering::SeqCst);
    for (agent, text, _) in &mut others {
        says_until_there_is_no_space(agent, text).await;
    }
    for _ in 0..3 {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.hello(&join).await;
        assert_eq!(
            socket.refusal().await,
            ErrorCode::RecordingUnavailable,
            "the first finds no space, the next a room that waits for it"
        );
    }
    full.store(false, Ordering::SeqCst);
    for _ in 0..40 {
        let mut socket = Socket::open(relay.port, WIDGET, "").await;
        socket.hello(&join).await;
        match socket.next().await {
            Some(ServerMessage::Welcome {
                participant, last, ..
            }) => {
                assert_eq!((participant, last), (consent.participant, 1));
                relay.stop().await;
                return;
            }
            Some(ServerMessage::Error { code, .. }) => {
                assert_eq!(code, ErrorCode::RecordingUnavailable);
            }
            _ => panic!("neither an error nor a welcome"),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the room stays closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_stops_in_time_while_its_disk_is_full() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let (relay, _, full) = start(&world).await;
    let mut visitor = arrive(relay.port, world.client(), None).await;
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    full.store(true, Ordering::SeqCst);
    let filled = now();
    says_until_there_is_no_space(&mut agent, &"x".repeat(4_000)).await;
    visitor.socket.refusal().await;
    let stop = now();
    relay.stop().await;
    let gone = now();
    let relay = world.start().await;
    let started = now();
    let visitor = visitor.return_to(relay.port, 0).await;
    let gaps = ended_with_gaps(&world, visitor).await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_gap(&gaps[0], Cause::DiskFull, [filled, stop], [gone, started]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_sync_fails_recorded_sessions_close_and_what_was_acknowledged_is_kept() {
    let world = World::with(RecordingMode::Optional, WIDE).await;
    let (relay, fails, _) = start(&world).await;
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    let mut silent = arrive(relay.port, client, None).await;
    let mut unrecorded = arrive_with(relay.port, client, None, RecordingChoice::Refused).await;
    visitor.say(1, "kept").await;
    agent.hears("kept").await;

    fails.store(true, Ordering::SeqCst);
    let failing = now();
    visitor.socket.say(2, "not kept").await;
    assert_eq!(
        visitor.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
    assert_eq!(
        agent.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
    // Nothing is said in this one, and it must not look recorded for longer.
    assert_eq!(
        silent.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
    let failed = now();
    // The disk would work again; what a failed sync left behind is unknown, so nothing is retried.
    fails.store(false, Ordering::SeqCst);
    let refused = agree(relay.port, client.site, &request(client, x25519())).await;
    assert_eq!(refused.refusal(), ErrorCode::RecordingUnavailable);
    let mut again = Socket::open(relay.port, WIDGET, "").await;
    again.hello(&visitor.resume_hello(0)).await;
    assert_eq!(again.refusal().await, ErrorCode::RecordingUnavailable);
    let health = get(relay.port, "127.0.0.1", "/healthz").await;
    assert_eq!(health.status, 503);
    unrecorded.say(1, "this is not recorded").await;
    relay.stop().await;
    let gone = now();

    let relay = world.start().await;
    let started = now();
    let visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts().first(), Some(&"kept"));
    let silent = silent.return_to(relay.port, 0).await;
    for person in [visitor, silent] {
        let gaps = ended_with_gaps(&world, person).await;
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        let (from, to) = ([failing, failed], [gone, started]);
        assert_gap(&gaps[0], Cause::DiskFailed, from, to);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_says_again_and_again_that_it_runs() {
    let world = World::with(RecordingMode::Required, WIDE).await;
    let (relay, ..) = start(&world).await;
    let spool = world.folder.path().join("data/spool");
    let node = std::fs::read_dir(spool).unwrap().next().unwrap().unwrap();
    let said = || std::fs::read_to_string(node.path().join("alive")).unwrap();
    let mut lines = vec![said()];
    while lines.len() < 4 {
        let line = said();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lines.is_sorted(), "{lines:?}");
    relay.stop().await;
    assert!(lines.last() < Some(&said()), "it says last when it stopped");
}
