//! Recording fails closed: when the disk fails, recorded sessions are told and closed, nothing
//! acknowledged is lost, and the process stays up to say so.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::ErrorCode;
use proto::consent::RecordingChoice;
use proto::notice::RecordingMode;
use relay::app;
use relay::clock::Clock;
use seal::spool::{Disk, SpoolFile, SpoolFiles};

use crate::desk::session;
use crate::world::agent::sign_in;
use crate::world::http::get;
use crate::world::visitor::{agree, arrive, arrive_with, request};
use crate::world::wire::Socket;
use crate::world::{Relay, WIDE, WIDGET, World, x25519};

/// A disk whose syncs fail from some moment on.
struct Failing {
    disk: Disk,
    fails: Arc<AtomicBool>,
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

#[tokio::test(flavor = "multi_thread")]
async fn when_a_sync_fails_recorded_sessions_close_and_what_was_acknowledged_is_kept() {
    let world = World::with(RecordingMode::Optional, WIDE).await;
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let files = move |folder: &Path| {
        Ok(Failing {
            disk: Disk::open(folder)?,
            fails: failing,
        })
    };
    let running = app::build_on(world.config(), Clock::system(), None, files)
        .await
        .unwrap();
    let relay = Relay {
        port: running.address().port(),
        running,
    };
    let client = world.client();
    let mut visitor = arrive(relay.port, client, None).await;
    let mia = sign_in(relay.port, client, "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    let mut unrecorded = arrive_with(relay.port, client, None, RecordingChoice::Refused).await;
    visitor.say(1, "kept").await;
    agent.hears("kept").await;

    fails.store(true, Ordering::SeqCst);
    visitor.socket.say(2, "not kept").await;
    assert_eq!(
        visitor.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
    assert_eq!(
        agent.socket.refusal().await,
        ErrorCode::RecordingUnavailable
    );
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

    let relay = world.start().await;
    let visitor = visitor.return_to(relay.port, 0).await;
    assert_eq!(visitor.texts().first(), Some(&"kept"));
    relay.stop().await;
}
