//! Finds a session's room, and shows each tenant's desk who waits and who talks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::desk::{Colleague, QueueEntry, QueueView};
use proto::{Millis, SessionId, StaffId, TenantId};
use tokio::sync::{mpsc, watch};

use super::driver::Letter;
use super::effect::{SocketId, Summary};
use super::state::Command;

/// A room's address.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its mailbox.
    pub mailbox: mpsc::Sender<Letter>,
}

/// All rooms of this node.
#[derive(Debug, Default)]
pub struct Lobby {
    rooms: Mutex<Rooms>,
    boards: Mutex<HashMap<TenantId, Board>>,
    sockets: AtomicU64,
    /// Rooms that appended within the current window; the spool lingers only for company.
    active: AtomicUsize,
    window: AtomicU64,
}

#[derive(Debug, Default)]
struct Rooms {
    all: HashMap<SessionId, Handle>,
    /// How many each tenant has.
    of: HashMap<TenantId, usize>,
}

/// What one tenant's desks show.
#[derive(Debug)]
struct Board {
    sessions: HashMap<SessionId, Summary>,
    /// Who waits, the longest wait first, and how many each was told are before them.
    waiting: BTreeMap<(Millis, SessionId), u32>,
    someone_left_the_queue: bool,
    desks: HashMap<StaffId, usize>,
    changed: watch::Sender<()>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            sessions: HashMap::new(),
            waiting: BTreeMap::new(),
            someone_left_the_queue: false,
            desks: HashMap::new(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Lobby {
    /// A number for a new socket.
    pub fn next_socket(&self) -> SocketId {
        self.sockets.fetch_add(1, Ordering::Relaxed)
    }

    /// The room of `session`, if it lives.
    pub fn room(&self, session: SessionId) -> Option<Handle> {
        self.rooms().all.get(&session).cloned()
    }

    /// How many rooms live.
    pub fn count(&self) -> usize {
        self.rooms().all.len()
    }

    /// How many of them are this tenant's.
    pub fn count_of(&self, tenant: TenantId) -> usize {
        self.rooms().of.get(&tenant).copied().unwrap_or(0)
    }

    /// A room lives from now on.
    pub fn add(&self, session: SessionId, handle: Handle) {
        let mut rooms = self.rooms();
        *rooms.of.entry(handle.tenant).or_default() += 1;
        rooms.all.insert(session, handle);
        gauge(rooms.all.len());
    }

    pub(super) fn remove(&self, session: SessionId) {
        let mut rooms = self.rooms();
        if let Some(handle) = rooms.all.remove(&session)
            && let Some(count) = rooms.of.get_mut(&handle.tenant)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                rooms.of.remove(&handle.tenant);
            }
        }
        gauge(rooms.all.len());
    }

    /// Every room's handle.
    pub fn all(&self) -> Vec<Handle> {
        self.rooms().all.values().cloned().collect()
    }

    /// Puts a session on its tenant's board, or changes what stands there. A session that has begun
    /// to wait is told how many wait before it.
    pub(super) fn show(&self, tenant: TenantId, summary: Summary) -> Option<u32> {
        let mut boards = self.boards();
        let board = boards.entry(tenant).or_default();
        let place = (summary.since, summary.session);
        let mut ahead = None;
        if summary.waiting && summary.taken.is_empty() {
            if !board.waiting.contains_key(&place) {
                let before =
                    u32::try_from(board.waiting.range(..place).count()).unwrap_or(u32::MAX);
                board.waiting.insert(place, before);
                ahead = Some(before);
            }
        } else if board.waiting.remove(&place).is_some() {
            board.someone_left_the_queue = true;
        }
        let unchanged = board.sessions.get(&summary.session) == Some(&summary);
        if !unchanged {
            board.sessions.insert(summary.session, summary);
            board.changed.send_replace(());
        }
        ahead
    }

    pub(super) fn hide(&self, tenant: TenantId, session: SessionId) {
        let mut boards = self.boards();
        let Some(board) = boards.get_mut(&tenant) else {
            return;
        };
        if let Some(summary) = board.sessions.remove(&session) {
            if board.waiting.remove(&(summary.since, session)).is_some() {
                board.someone_left_the_queue = true;
            }
            board.changed.send_replace(());
        }
    }

    /// Tells those who wait how many are before them, where that has changed. Called now and then.
    pub fn tell_queue(&self) {
        let mut moved = Vec::new();
        for board in self.boards().values_mut() {
            if !core::mem::take(&mut board.someone_left_the_queue) {
                continue;
            }
            for (ahead, ((_, session), told)) in (0..).zip(&mut board.waiting) {
                if *told != ahead {
                    *told = ahead;
                    moved.push((*session, ahead));
                }
            }
        }
        for (session, ahead) in moved {
            if let Some(room) = self.room(session) {
                // A full mailbox hears it the next time.
                let _ = room
                    .mailbox
                    .try_send(Letter::Command(Command::Ahead(ahead)));
            }
        }
    }

    /// An agent's desk is open; tells of every change of the board.
    pub fn open_desk(&self, tenant: TenantId, staff: StaffId) -> watch::Receiver<()> {
        let mut boards = self.boards();
        let board = boards.entry(tenant).or_default();
        *board.desks.entry(staff).or_default() += 1;
        board.changed.send_replace(());
        board.changed.subscribe()
    }

    /// It is closed again.
    pub fn close_desk(&self, tenant: TenantId, staff: StaffId) {
        let mut boards = self.boards();
        if let Some(board) = boards.get_mut(&tenant) {
            if let Some(open) = board.desks.get_mut(&staff) {
                *open = open.saturating_sub(1);
                if *open == 0 {
                    board.desks.remove(&staff);
                }
            }
            board.changed.send_replace(());
        }
    }

    /// Whether somebody is at this tenant's desk.
    pub fn staffed(&self, tenant: TenantId) -> bool {
        self.boards()
            .get(&tenant)
            .is_some_and(|board| !board.desks.is_empty())
    }

    /// What one agent's desk shows; `colleagues` are the other agents by name.
    pub fn view(
        &self,
        tenant: TenantId,
        staff: StaffId,
        colleagues: &[(StaffId, String)],
    ) -> QueueView {
        let boards = self.boards();
        let Some(board) = boards.get(&tenant) else {
            return QueueView::default();
        };
        let mut view = QueueView::default();
        for summary in board.sessions.values() {
            if summary.agents.contains(&staff) {
                view.mine.push(entry(summary, None));
            } else if let Some(offer) = summary.offer_to(staff) {
                view.waiting.push(entry(summary, Some(offer)));
            }
        }
        view.waiting
            .sort_by_key(|entry| (entry.since, entry.session));
        view.mine.sort_by_key(|entry| (entry.since, entry.session));
        view.colleagues = colleagues
            .iter()
            .filter(|(other, _)| *other != staff)
            .map(|(other, name)| Colleague {
                staff: *other,
                name: name.clone(),
                online: board.desks.contains_key(other),
            })
            .collect();
        view
    }

    /// Counts a room as active in this window; `last` is the window in which it was counted last.
    pub(super) fn is_active(&self, last: &mut u64) {
        let window = self.window.load(Ordering::Relaxed);
        if *last != window {
            *last = window;
            self.active.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins the next window; returns how many rooms were active in the one that ends.
    pub fn next_window(&self) -> usize {
        self.window.fetch_add(1, Ordering::Relaxed);
        self.active.swap(0, Ordering::Relaxed)
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn boards(&self) -> MutexGuard<'_, HashMap<TenantId, Board>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gauge(rooms: usize) {
    let rooms = u32::try_from(rooms).unwrap_or(u32::MAX);
    metrics::gauge!(crate::telemetry::counted::SESSIONS).set(f64::from(rooms));
}

fn entry(summary: &Summary, offer: Option<proto::desk::Offer>) -> QueueEntry {
    QueueEntry {
        session: summary.session,
        site: summary.site,
        site_name: summary.site_name.clone(),
        visitor: summary.visitor.clone(),
        online: summary.online,
        modalities: summary.modalities.clone(),
        recorded: summary.recorded,
        since: summary.since,
        offer,
        notice: summary.notice,
        minimum_days: summary.minimum_days,
        maximum_days: summary.maximum_days,
    }
}
