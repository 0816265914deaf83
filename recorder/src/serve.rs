//! `recorder serve`: the intake, the daily rotation, the local socket and the officers' pages.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Recorder;
use crate::clock::shown;
use crate::console;
use crate::custody::{self, Wanting};
use crate::error::{Error, Result};
use crate::intake::{Intake, rotate};
use crate::lock::Lock;
use crate::socket;
use crate::terminal::escape;

/// How long open requests may take after the stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How often old generations and unlocked shares are looked at.
const UPKEEP_MS: i64 = 60_000;
/// How often it is said that a client's next sealing key is not there.
const REMIND_MS: i64 = 86_400_000;

/// Runs until `stop`. The lock is held for as long.
pub async fn serve(recorder: Recorder, lock: Lock, stop: CancellationToken) -> Result<()> {
    crate::intake::readable(&recorder.config.spool())?;
    let listen = recorder.config.console.listen;
    let listener = TcpListener::bind(listen).await.map_err(|e| {
        Error::refused(format!(
            "cannot listen on {listen} ({e}): change `listen` under [console], or stop what is there"
        ))
    })?;
    let socket = recorder.config.socket();
    let recorder = Arc::new(recorder);
    let intake = Arc::new(Mutex::new(Intake::default()));
    let tasks = TaskTracker::new();

    let (r, i, s) = (Arc::clone(&recorder), Arc::clone(&intake), stop.clone());
    tasks.spawn(async move {
        if let Err(error) = socket::serve(&socket, r, i, s.clone()).await {
            tracing::error!(%error, "the local socket is gone");
            s.cancel();
        }
    });
    tasks.spawn(follow(
        Arc::clone(&recorder),
        Arc::clone(&intake),
        stop.clone(),
    ));
    let router = console::router(Arc::clone(&recorder));
    tasks.spawn(console::listener::serve(
        listener,
        router,
        stop.clone(),
        tasks.clone(),
    ));
    tasks.close();
    tracing::info!(console = %listen, key = %recorder.public().fingerprint(), "recorder runs");

    stop.cancelled().await;
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    recorder.log_refusals(true).await;
    recorder.store.close().await;
    drop(lock);
    tracing::info!("recorder stopped");
    Ok(())
}

/// The intake's loop. An error is said and tried again: the spool keeps what is not kept.
async fn follow(recorder: Arc<Recorder>, intake: Arc<Mutex<Intake>>, stop: CancellationToken) {
    let every = Duration::from_millis(recorder.config.intake.every_ms.max(20));
    let mut upkeep = recorder.now();
    let mut remind = upkeep;
    let mut failing = false;
    loop {
        match pass(&recorder, &intake).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(%error, "intake failed; it goes on trying");
                }
                failing = true;
            }
        }
        let now = recorder.now();
        recorder.playing.sweep(&recorder.unlocked, now);
        if upkeep <= now && !failing {
            upkeep = now.plus(UPKEEP_MS);
            recorder.unlocked.sweep(now);
            recorder.log_refusals(false).await;
            if let Err(error) = keep_intake_keys(&recorder, &intake).await {
                tracing::error!(%error, "the intake key's upkeep failed; it goes on trying");
            }
            if remind <= now {
                match remind_of_keys(&recorder).await {
                    Ok(()) => remind = now.plus(REMIND_MS),
                    Err(error) => {
                        tracing::error!(%error, "the sealing keys could not be looked at");
                    }
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

async fn pass(recorder: &Recorder, intake: &Mutex<Intake>) -> Result<()> {
    let pass = intake.lock().await.pass(recorder).await?;
    for (recording, findings) in &pass.kept {
        let wrong = findings.len();
        tracing::info!(%recording, wrong, "kept");
        for finding in findings {
            tracing::warn!(%recording, %finding, "not as it should be");
        }
    }
    for (recording, why) in &pass.refused {
        tracing::warn!(%recording, %why, "stays in the spool");
    }
    for what in &pass.damage {
        tracing::warn!(%what, "spool damaged");
    }
    for (folder, segment) in &pass.freed {
        tracing::info!(folder = %folder.display(), segment, "segment freed");
    }
    Ok(())
}

/// Rotation when it is due; stragglers are rewrapped, and what nothing needs is destroyed.
async fn keep_intake_keys(recorder: &Recorder, intake: &Mutex<Intake>) -> Result<()> {
    let intake = intake.lock().await;
    let in_spools = intake.generations();
    if rotate::is_due(recorder).await? {
        let rotated = rotate::rotate(recorder, &in_spools).await?;
        tracing::info!(
            generation = rotated.generation,
            rewrapped = rotated.rewrapped,
            "intake key rotated"
        );
        return Ok(());
    }
    rotate::rewrap(recorder).await?;
    for generation in rotate::destroy_unneeded(recorder, &in_spools).await? {
        tracing::info!(generation, "intake key destroyed");
    }
    Ok(())
}

/// Says whose next sealing key is not there: its root is kept apart, and signing takes people.
async fn remind_of_keys(recorder: &Recorder) -> Result<()> {
    for tenant in recorder.store.tenants().await? {
        let keys = custody::verified_keys(&tenant).await?;
        let Some(wanting) = custody::wanting(&keys, recorder.now()) else {
            continue;
        };
        let client = escape(&tenant.info().slug);
        let todo = "make the next one: `recorder key rotate`";
        match wanting {
            Wanting::First => {
                tracing::warn!(%client, "there is no sealing key; what must be recorded is refused: add officers, then `recorder key rotate`");
            }
            Wanting::Overdue(since) => {
                let since = shown(since);
                tracing::warn!(%client, %since, "the newest sealing key is past its quarter and still used; {todo}");
            }
            Wanting::Next(due) => {
                let due = shown(due);
                tracing::warn!(%client, %due, "the newest sealing key is due soon and the next one is not there; {todo}");
            }
        }
    }
    Ok(())
}
