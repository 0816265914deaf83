//! Small writes that wait at the same time share one transaction and one sync.
//!
//! One task per open tenant takes whatever waits, runs it in one transaction and answers
//! everybody. A write refuses before it changes anything, so a refusal spoils nobody else's; if
//! the engine fails in the middle, all is rolled back and each write is tried alone.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};

use crate::db::{Db, Tx};
use crate::{Result, StoreError};

/// At most so many writes in one transaction: it stays short for the other process.
const MOST: usize = 256;

/// A write that may share its transaction.
pub(crate) trait SmallWrite: Send + Sync + 'static {
    /// The transaction's name when it runs alone.
    const NAME: &'static str;

    /// What its caller gets.
    type Out: Send + 'static;

    /// Writes. `Ok(Err(_))` is a refusal, made before anything was changed.
    fn run(&self, tx: &mut Tx) -> impl Future<Output = Result<Result<Self::Out>>> + Send;
}

/// Where a tenant's small writes wait.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    queue: mpsc::Sender<Box<dyn Waiting>>,
}

impl Fold {
    /// Starts the task; it ends when the last handle is gone.
    pub(crate) fn start(db: Db) -> Self {
        let (queue, waiting) = mpsc::channel(4 * MOST);
        tokio::spawn(work(db, waiting));
        Self { queue }
    }

    /// Waits until `write` is durable. A caller that stops waiting does not stop the write.
    pub(crate) async fn write<W: SmallWrite>(&self, write: W) -> Result<W::Out> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            write,
            out: None,
            reply,
        };
        let gone = || StoreError::Engine {
            name: W::NAME,
            reason: "the store is closed".to_owned(),
        };
        self.queue
            .send(Box::new(pending))
            .await
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A write with its caller's address.
struct Pending<W: SmallWrite> {
    write: W,
    out: Option<Result<W::Out>>,
    reply: oneshot::Sender<Result<W::Out>>,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Pending`] of any kind.
trait Waiting: Send {
    fn name(&self) -> &'static str;
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Boxed<'a, Result<()>>;
    fn answer(self: Box<Self>, committed: Result<()>);
}

impl<W: SmallWrite> Waiting for Pending<W> {
    fn name(&self) -> &'static str {
        W::NAME
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            self.out = Some(self.write.run(tx).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let out = match (committed, self.out) {
            (Ok(()), Some(out)) => out,
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(StoreError::NotFound),
        };
        // A caller that went away no longer wants to know.
        let _ = self.reply.send(out);
    }
}

async fn work(db: Db, mut waiting: mpsc::Receiver<Box<dyn Waiting>>) {
    let mut batch = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        if let [_, _, ..] = batch.as_slice() {
            match together(&db, &mut batch).await {
                Outcome::Answered(result) => {
                    for one in batch.drain(..) {
                        one.answer(result.clone());
                    }
                }
                Outcome::Alone => {
                    for one in batch.drain(..) {
                        alone(&db, one).await;
                    }
                }
            }
        } else {
            for one in batch.drain(..) {
                alone(&db, one).await;
            }
        }
    }
}

/// What became of a shared transaction.
enum Outcome {
    /// It was committed, or may have been: nothing is to be tried again.
    Answered(Result<()>),
    /// It was rolled back because of one of them.
    Alone,
}

async fn together(db: &Db, batch: &mut [Box<dyn Waiting>]) -> Outcome {
    let mut tx = match db.tx("fold").await {
        Ok(tx) => tx,
        Err(error) => return Outcome::Answered(Err(error)),
    };
    for one in batch {
        if one.run(&mut tx).await.is_err() {
            return Outcome::Alone;
        }
    }
    Outcome::Answered(tx.commit().await)
}

async fn alone(db: &Db, mut one: Box<dyn Waiting>) {
    let done = async {
        let mut tx = db.tx(one.name()).await?;
        one.run(&mut tx).await?;
        tx.commit().await
    };
    let done = done.await;
    one.answer(done);
}
