//! A room's append on its way to the spool. Where the disk has no space nothing of it was written:
//! it is held, and brought again until it is taken or the spool has failed.

use std::future::pending;
use std::time::Duration;

use seal::spool::{Record, Spool, SpoolError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// After so long an append that found no space is brought again.
const AGAIN: Duration = Duration::from_secs(1);

/// At most one append at a time.
#[derive(Debug, Default)]
pub(super) struct Append {
    records: Vec<Record>,
    way: Way,
}

#[derive(Debug, Default)]
enum Way {
    /// Nothing to append.
    #[default]
    None,
    /// The spool has it.
    Sent(oneshot::Receiver<Result<(), SpoolError>>),
    /// The spool had no space for it, and is asked again then.
    Held(Instant),
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is on the disk.
    Durable,
    /// There is no space. Said each time that the spool was asked.
    Held(SpoolError),
    /// Whether it was written is not known, or it never can be.
    Failed(SpoolError),
}

impl Append {
    /// Hands `records` to the spool.
    pub(super) fn send(&mut self, spool: &Spool, records: Vec<Record>) {
        self.records = records;
        self.submit(spool);
    }

    /// Brings `record` along when what is held is brought again.
    pub(super) fn bring_along(&mut self, record: Record) {
        if matches!(self.way, Way::Held(_)) {
            self.records.push(record);
        }
    }

    fn submit(&mut self, spool: &Spool) {
        let (sender, receiver) = oneshot::channel();
        spool.submit(&self.records, move |done| {
            let _ = sender.send(done.map(drop));
        });
        self.way = Way::Sent(receiver);
    }

    /// Waits for news of it; for ever, if there is none. Dropping the future loses nothing.
    pub(super) async fn news(&mut self, spool: &Spool) -> Outcome {
        if let Way::Held(until) = self.way {
            sleep_until(until).await;
            self.submit(spool);
        }
        let Way::Sent(receiver) = &mut self.way else {
            return pending().await;
        };
        match receiver.await.unwrap_or(Err(SpoolError::Failed)) {
            Err(error @ (SpoolError::Full | SpoolError::Busy)) => {
                self.way = Way::Held(Instant::now() + AGAIN);
                Outcome::Held(error)
            }
            done => {
                *self = Self::default();
                match done {
                    Ok(()) => Outcome::Durable,
                    Err(error) => Outcome::Failed(error),
                }
            }
        }
    }
}
