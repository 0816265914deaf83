//! The media of calls: workers, each with one UDP port and one thread, which forward what
//! participants send and copy it for the record.
//!
//! ```text
//! room ──Order──> worker: socket ─> demux ─> peer (ICE, DTLS, SRTP) ─> sfu ─> peer ─> socket
//!      <──News───                                                  └> tap ─> batches
//! ```
//! A room stays with one worker; a worker knows neither rows nor sockets of the signalling. The
//! packet path waits for nobody.

pub mod order;

use std::sync::Arc;

use proto::{ErrorCode, SessionId};
use tokio::sync::{Semaphore, mpsc};

use order::{News, Order};

/// Orders of one room that may wait for its worker.
const WAITING: usize = 64;

/// This node's workers.
#[derive(Debug, Clone, Default)]
pub struct Media {
    workers: Arc<[mpsc::UnboundedSender<Message>]>,
}

/// What a worker is told.
#[derive(Debug)]
enum Message {
    /// An order of a room; the permit counts it as waiting until it is carried out.
    Order(SessionId, Order, Option<tokio::sync::OwnedSemaphorePermit>),
}

impl Media {
    /// No workers: every [`Media::open`] is refused.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Makes a room for a call of `session` with one of the workers. `recorded`: what flows is
    /// captured. Of `news` the worker takes places as it needs them, and waits for none: a room
    /// that lets it fill for two seconds has failed.
    pub fn open(
        &self,
        session: SessionId,
        recorded: bool,
        news: mpsc::Sender<News>,
    ) -> Result<MediaRoom, ErrorCode> {
        let _ = (recorded, news);
        let worker = self.workers.first().ok_or(ErrorCode::MediaUnavailable)?;
        Ok(MediaRoom {
            session,
            worker: worker.clone(),
            waiting: Arc::new(Semaphore::new(WAITING)),
        })
    }
}

/// One call's place with its worker. Dropped, it orders [`Order::Close`].
#[derive(Debug)]
pub struct MediaRoom {
    session: SessionId,
    worker: mpsc::UnboundedSender<Message>,
    waiting: Arc<Semaphore>,
}

impl MediaRoom {
    /// Hands an order to the worker without waiting. An error says that too many wait
    /// (`overloaded`), or that the worker is gone (`media_unavailable`); then nothing was ordered.
    pub fn order(&self, order: Order) -> Result<(), ErrorCode> {
        let permit = Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_| ErrorCode::Overloaded)?;
        self.worker
            .send(Message::Order(self.session, order, Some(permit)))
            .map_err(|_| ErrorCode::MediaUnavailable)
    }
}

impl Drop for MediaRoom {
    fn drop(&mut self) {
        // Not counted: it must arrive.
        let close = Message::Order(self.session, Order::Close, None);
        let _ = self.worker.send(close);
    }
}
