//! What a node does by itself, now and then; and how it stops.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use proto::Millis;
use seal::manifest::Cause;
use seal::spool::{EventKind, SpoolState};
use store::Tenant;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::http::front::Front;
use crate::room::driver::Letter;
use crate::room::journal::About;
use crate::room::state::Command;

/// How often the spool is told how many sessions are active.
const WINDOW: Duration = Duration::from_millis(100);
/// How often it is kept when this node last recorded.
const ALIVE: Duration = Duration::from_secs(1);
/// How often those who wait are told how many are before them, and the log what had no line there.
const QUEUE: Duration = Duration::from_secs(1);
/// How often keys for new epochs are looked up again.
const KEYS: Duration = Duration::from_secs(30);
/// How often expired tokens are removed.
const TOKENS: Duration = Duration::from_mins(10);

/// Starts it.
pub(super) fn start(front: &Arc<Front>) {
    let often = Arc::clone(front);
    front.shutdown.spawn(async move {
        let mut windows = every(WINDOW);
        let mut queue = every(QUEUE);
        loop {
            tokio::select! {
                () = often.shutdown.begun() => return,
                _ = windows.tick() => {
                    let active = often.lobby.next_window();
                    often.means.spool.sessions_active(active);
                }
                _ = queue.tick() => {
                    often.lobby.tell_queue();
                    often.house.refusals.sum_up(often.now());
                    refused_sign_ins(&often, often.now());
                }
            }
        }
    });
    let telling = Arc::clone(front);
    front.shutdown.spawn(async move {
        let mut moments = every(ALIVE);
        loop {
            tokio::select! {
                () = telling.shutdown.begun() => return,
                _ = moments.tick() => alive(&telling).await,
            }
        }
    });
    let watching = Arc::clone(front);
    front.shutdown.spawn(async move {
        let mut states = watching.means.spool.watch();
        let has_failed = tokio::select! {
            () = watching.shutdown.begun() => false,
            // An error means that there is no spool any more.
            found = states.wait_for(|state| *state == SpoolState::Failed) => found.is_ok(),
        };
        if has_failed {
            failed(&watching).await;
        }
    });
    // Apart, because a slow store must not hold up the above.
    let seldom = Arc::clone(front);
    front.shutdown.spawn(async move {
        let mut fresh_keys = every(KEYS);
        let mut old_tokens = every(TOKENS);
        loop {
            tokio::select! {
                () = seldom.shutdown.begun() => return,
                _ = fresh_keys.tick() => keys(&seldom).await,
                _ = old_tokens.tick() => tokens(&seldom).await,
            }
        }
    });
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Whoever is silent hears of it too.
async fn failed(front: &Front) {
    let spool = &front.means.spool;
    let cause = spool.failure().unwrap_or_default();
    tracing::error!(%cause, "the spool has failed: what must be recorded stops");
    front.means.alive.stops(front.now(), Cause::DiskFailed);
    alive(front).await;
    tell_all(front, || Command::SpoolFailed).await;
}

/// Each room by itself: one that is held up holds up no other. One that has just ended needs no
/// telling.
async fn tell_all(front: &Front, command: impl Fn() -> Command) {
    let rooms = front.lobby.all();
    let told = rooms
        .iter()
        .map(|room| room.mailbox.send(Letter::Command(command())));
    join_all(told).await;
}

async fn alive(front: &Front) {
    let (alive, now) = (Arc::clone(&front.means.alive), front.now());
    // A disk that hangs holds up nobody else.
    let _ = tokio::task::spawn_blocking(move || alive.tell(now)).await;
}

/// Tells every room; what is in flight becomes durable. True if all ended within `patience`.
pub(super) async fn stop(front: &Front, patience: Duration) -> bool {
    front.shutdown.begin();
    let _ = timeout(patience, tell_all(front, || Command::ShutDown)).await;
    let finished = front.shutdown.finish(patience).await;
    front.house.refusals.sum_up(Millis(i64::MAX));
    refused_sign_ins(front, Millis(i64::MAX));
    alive(front).await;
    finished
}

/// Rooms go on with the newest keys; where there are none that are good, with those they have.
async fn keys(front: &Front) {
    for tenant in live_tenants(front).await {
        let target = match front.keyring.target(&tenant, front.now()).await {
            Ok(target) => target,
            Err(error) => {
                tracing::error!(tenant = %tenant.id(), %error, "no new keys for running sessions");
                continue;
            }
        };
        for room in front.lobby.all() {
            if room.tenant == tenant.id() {
                let letter = Letter::Command(Command::SealTo(Arc::clone(&target)));
                // A full mailbox hears it the next time.
                let _ = room.mailbox.try_send(letter);
            }
        }
    }
}

/// For the logs of the clients whose hour is over at `until`.
fn refused_sign_ins(front: &Front, until: Millis) {
    for (tenant, count) in front.refused_sign_ins.over(until) {
        let about = About {
            count: Some(count),
            ..About::default()
        };
        let kind = EventKind::StaffRefused;
        front.means.journal.note(tenant, front.now(), kind, about);
    }
}

async fn tokens(front: &Front) {
    for tenant in live_tenants(front).await {
        if let Err(error) = tenant.purge_tokens(front.now()).await {
            tracing::warn!(tenant = %tenant.id(), %error, "expired tokens could not be removed");
        }
    }
}

/// The tenants that have rooms.
async fn live_tenants(front: &Front) -> Vec<Tenant> {
    let mut ids: Vec<_> = front.lobby.all().iter().map(|room| room.tenant).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut tenants = Vec::with_capacity(ids.len());
    for id in ids {
        match front.store.tenant(id).await {
            Ok(tenant) => tenants.push(tenant),
            Err(error) => tracing::warn!(tenant = %id, %error, "a tenant cannot be reached"),
        }
    }
    tenants
}
