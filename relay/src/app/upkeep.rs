//! What a node does by itself, now and then; and how it stops.

use std::sync::Arc;
use std::time::Duration;

use store::Tenant;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::http::front::Front;
use crate::room::driver::Letter;
use crate::room::state::Command;

/// How often the spool is told how many sessions are active.
const WINDOW: Duration = Duration::from_millis(100);
/// How often those who wait are told how many are before them.
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
                _ = queue.tick() => often.lobby.tell_queue(),
            }
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

/// Tells every room; what is in flight becomes durable. True if all ended within `patience`.
pub(super) async fn stop(front: &Front, patience: Duration) -> bool {
    front.shutdown.begin();
    for room in front.lobby.all() {
        // A room that has just ended needs no telling.
        let _ = room.mailbox.send(Letter::Command(Command::ShutDown)).await;
    }
    front.shutdown.finish(patience).await
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
