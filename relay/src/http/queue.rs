//! The desk's queue as server-sent events: the whole picture each time that it changes.

use core::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream;
use proto::{StaffId, TenantId};
use store::StaffRole;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::front::Front;
use super::problem::Problem;
use super::staff::OnDuty;

/// Changes that come together are shown together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Bytes a second that one desk is sent, where the picture is large.
const A_SECOND: usize = 64 * 1024;
/// No desk waits for longer, however large its picture.
const LONGEST: Duration = Duration::from_secs(5);

/// `GET /api/v1/queue`.
pub(super) async fn queue(
    State(front): State<Arc<Front>>,
    on_duty: OnDuty,
) -> Result<Response, Problem> {
    let colleagues = colleagues(&on_duty).await?;
    let look_again = Duration::from_secs(front.config.session.sign_in_check_seconds);
    let changes = front.lobby.open_desk(on_duty.tenant.id(), on_duty.staff);
    let desk = Desk {
        open: Open {
            tenant: on_duty.tenant.id(),
            staff: on_duty.staff,
            front,
        },
        on_duty,
        colleagues,
        changes,
        look_again,
        look_at: Instant::now() + look_again,
        first: true,
        not_before: Instant::now(),
    };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(desk.events())
        .keep_alive(keep_alive)
        .into_response())
}

/// One open desk.
struct Desk {
    open: Open,
    on_duty: OnDuty,
    colleagues: Vec<(StaffId, String)>,
    changes: watch::Receiver<()>,
    /// How often it is looked whether the agent is still signed in, and who the colleagues are.
    look_again: Duration,
    look_at: Instant,
    first: bool,
    /// When the next picture may be sent.
    not_before: Instant,
}

/// Counts the desk as open while the stream lives.
struct Open {
    tenant: TenantId,
    staff: StaffId,
    front: Arc<Front>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.front.lobby.close_desk(self.tenant, self.staff);
    }
}

impl Desk {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut desk| async move {
            let go_on = desk.wait().await;
            go_on.then(|| (Ok(desk.snapshot()), desk))
        })
    }

    /// Until there is something to show; false when the stream is to end.
    async fn wait(&mut self) -> bool {
        if core::mem::take(&mut self.first) {
            return true;
        }
        let shutdown = self.open.front.shutdown.clone();
        loop {
            // Before anything else: a busy desk is looked at too.
            if Instant::now() >= self.look_at {
                self.look_at = Instant::now() + self.look_again;
                if !self.still_there().await {
                    return false;
                }
            }
            let changed = tokio::select! {
                () = shutdown.begun() => return false,
                changed = timeout_at(self.look_at, self.changes.changed()) => changed,
            };
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return false,
                Err(_) => continue,
            }
            let at = self.not_before.max(Instant::now() + TOGETHER);
            tokio::select! {
                () = shutdown.begun() => return false,
                () = sleep_until(at) => {}
            }
            self.changes.mark_unchanged();
            return true;
        }
    }

    /// Whether the agent is still signed in; the colleagues may have changed.
    async fn still_there(&mut self) -> bool {
        let now = self.open.front.now();
        let signed_in = self.on_duty.is_signed_in(now).await;
        if let Ok(colleagues) = colleagues(&self.on_duty).await {
            self.colleagues = colleagues;
        }
        signed_in == Ok(true)
    }

    fn snapshot(&mut self) -> Event {
        let view = self
            .open
            .front
            .lobby
            .view(self.open.tenant, self.open.staff, &self.colleagues);
        let data = serde_json::to_string(&view).unwrap_or_default();
        self.not_before = Instant::now() + pause(data.len());
        Event::default().event("queue").data(data)
    }
}

/// How long after a picture of so many bytes the next one may follow.
fn pause(bytes: usize) -> Duration {
    let ms = bytes.saturating_mul(1_000) / A_SECOND;
    let pause = Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
    pause.clamp(TOGETHER, LONGEST)
}

async fn colleagues(on_duty: &OnDuty) -> store::Result<Vec<(StaffId, String)>> {
    let staff = on_duty.tenant.staff().await?;
    Ok(staff
        .into_iter()
        .filter(|staff| staff.role == StaffRole::Agent)
        .map(|staff| (staff.id, staff.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_picture_follows_at_once_and_a_large_one_as_its_size_allows() {
        assert_eq!(pause(0), TOGETHER);
        assert_eq!(pause(6_000), TOGETHER);
        // Two hundred who wait.
        assert_eq!(pause(71_000), Duration::from_millis(1_083));
        assert_eq!(pause(3_500_000), LONGEST);
        assert_eq!(pause(usize::MAX), LONGEST);
    }
}
