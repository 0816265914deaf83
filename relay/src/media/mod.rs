//! The media of calls: workers, each with one UDP port and one thread, which forward what
//! participants send and copy it for the record.
//!
//! ```text
//! room ──Order──> worker: socket ─> demux ─> peer (ICE, DTLS, SRTP) ─> sfu ─> peer ─> socket
//!      <──News───                                                  └> tap ─> batches
//! ```
//! A call stays with one worker; a worker knows neither rows nor the sockets of the signalling.
//! The packet path waits for nobody.

pub mod call;
pub mod counts;
pub mod demux;
pub mod numbers;
pub mod order;
pub mod peer;
pub mod pictures;
pub mod sdp;
pub mod sfu;
pub mod sieve;
pub mod tap;
pub mod worker;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use nix::sys::socket::{setsockopt, sockopt};
use proto::notice::Modality;
use proto::{ErrorCode, SessionId};
use tokio::sync::{Semaphore, mpsc};

use crate::clock::Clock;
use crate::config::MediaConfig;
use order::{News, Order};
use peer::Engine;
use worker::{CallKey, Message, Patience, Worker};

/// Orders of one call that may wait for its worker.
const WAITING: usize = 64;
/// What the system keeps for a worker that is busy, in each direction.
const SOCKET_BYTES: usize = 4 << 20;

/// This node's workers.
#[derive(Debug, Clone, Default)]
pub struct Media {
    workers: Arc<[Handle]>,
    calls: Arc<AtomicU64>,
}

/// One worker, from outside.
#[derive(Debug)]
struct Handle {
    messages: mpsc::UnboundedSender<Message>,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Media {
    /// Takes the ports and starts the workers. Without workers (`enabled = false`) every call is
    /// refused.
    pub fn start(config: &MediaConfig, clock: &Clock) -> Result<Self> {
        Self::start_with(config, clock, Patience::default())
    }

    /// [`Media::start`] with other deadlines.
    pub fn start_with(config: &MediaConfig, clock: &Clock, patience: Patience) -> Result<Self> {
        let mut workers = Vec::new();
        if config.enabled {
            for index in 0..config.worker_count() {
                workers.push(Handle::start(config, index, clock, patience)?);
            }
        }
        Ok(Self {
            workers: workers.into(),
            calls: Arc::default(),
        })
    }

    /// No workers: every call is refused.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Leaves of what a site offers what is carried here: without workers chat alone.
    pub fn carries(&self, offered: &mut Vec<Modality>) {
        if self.workers.is_empty() {
            offered.retain(|modality| *modality == Modality::Chat);
        }
    }

    /// Whether every port can be had; none is kept.
    pub fn check(config: &MediaConfig) -> Result<()> {
        let count = if config.enabled {
            config.worker_count()
        } else {
            0
        };
        let sockets = (0..count).map(|index| bind(config, index));
        sockets.collect::<Result<Vec<_>>>().map(drop)
    }

    /// Where the workers listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.workers.iter().map(|worker| worker.address).collect()
    }

    /// Makes a call of `session`. `recorded`: what flows is captured. Of `news` the worker takes
    /// places as it needs them, and waits for none: a room that lets it fill for two seconds has
    /// failed.
    pub fn open(
        &self,
        session: SessionId,
        recorded: bool,
        news: mpsc::Sender<News>,
    ) -> Result<MediaRoom, ErrorCode> {
        // Ids are random, so this spreads.
        let spread = session
            .as_bytes()
            .iter()
            .fold(0, |sum, byte| sum + usize::from(*byte));
        let index = spread
            .checked_rem(self.workers.len())
            .ok_or(ErrorCode::MediaUnavailable)?;
        let worker = self.workers.get(index).ok_or(ErrorCode::MediaUnavailable)?;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let open = Message::Open {
            call,
            recorded,
            news,
        };
        let sent = worker.messages.send(open);
        sent.map_err(|_| ErrorCode::MediaUnavailable)?;
        Ok(MediaRoom {
            call,
            worker: worker.messages.clone(),
            waiting: Arc::new(Semaphore::new(WAITING)),
        })
    }

    /// Ends all calls and the workers; blocks until their ports are free.
    pub fn stop(&self) {
        for worker in self.workers.iter() {
            let _ = worker.messages.send(Message::Stop);
        }
        for worker in self.workers.iter() {
            let thread = worker
                .thread
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("a media worker had ended in a panic");
            }
        }
    }
}

impl Handle {
    fn start(
        config: &MediaConfig,
        index: usize,
        clock: &Clock,
        patience: Patience,
    ) -> Result<Self> {
        let socket = bind(config, index)?;
        let address = socket.local_addr()?;
        let announced = config.announce.get(index).copied().unwrap_or(address);
        let engine = Engine::new(announced).context("the media engine has made no certificate")?;
        let worker = Worker::new(engine, clock.clone(), config.peers, patience);
        let (messages, told) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name(format!("media-{index}"));
        let thread = thread.spawn(move || {
            runtime.block_on(async move {
                match tokio::net::UdpSocket::from_std(socket) {
                    Ok(socket) => worker.run(socket, told).await,
                    Err(error) => tracing::error!(%error, "a media worker has no socket"),
                }
            });
        })?;
        Ok(Self {
            messages,
            address,
            thread: Mutex::new(Some(thread)),
        })
    }
}

fn bind(config: &MediaConfig, index: usize) -> Result<UdpSocket> {
    let mut address = config.listen;
    if address.port() != 0 {
        address.set_port(address.port().saturating_add(u16::try_from(index)?));
    }
    let socket = UdpSocket::bind(address).with_context(|| {
        format!("[media] listen: UDP {address} cannot be used; is another process there?")
    })?;
    socket.set_nonblocking(true)?;
    // The system may give less; then a burst loses more.
    let _ = setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BYTES);
    let _ = setsockopt(&socket, sockopt::SndBuf, &SOCKET_BYTES);
    Ok(socket)
}

/// One call's place with its worker. Dropped, it orders [`Order::Close`].
#[derive(Debug)]
pub struct MediaRoom {
    call: CallKey,
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
            .send(Message::Order(self.call, order, Some(permit)))
            .map_err(|_| ErrorCode::MediaUnavailable)
    }
}

impl Drop for MediaRoom {
    fn drop(&mut self) {
        // Not counted: it must arrive.
        let close = Message::Order(self.call, Order::Close, None);
        let _ = self.worker.send(close);
    }
}
