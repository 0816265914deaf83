//! Stopping in two steps: soft, so that sockets are told and what is in flight becomes durable,
//! then hard.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told to every task; counts those that still run.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every task to finish.
    pub fn begin(&self) {
        self.soft.cancel();
        self.tasks.close();
    }

    /// Whether stopping has begun.
    pub fn is_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves when stopping begins.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// Resolves when waiting is over and whatever still runs must stop as it is.
    pub async fn forced(&self) {
        self.hard.cancelled().await;
    }

    /// Runs `task` as one that a shutdown waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Begins, waits for all tasks up to `patience`, then forces. True if all ended by themselves.
    pub async fn finish(&self, patience: Duration) -> bool {
        self.begin();
        let done = tokio::time::timeout(patience, self.tasks.wait())
            .await
            .is_ok();
        self.hard.cancel();
        done
    }
}
