//! What a room wants done. The driver does it, in order.

use proto::desk::Offer;
use proto::notice::Modality;
use proto::{ErrorCode, Hash32, Millis, ParticipantId, SessionId, SiteId, StaffId};
use seal::spool::{EventKind, Record};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::backlog::Backlog;
use crate::media::order::Order;

/// Names one socket within this process.
pub type SocketId = u64;

/// One thing to do.
#[derive(Debug)]
pub enum Effect {
    /// Append to the spool; then tell the room `durable` or `failed`. Never a second one before.
    Append(Vec<Record>),
    /// Queue a frame; the same bytes go to every receiver.
    Frame(SocketId, Utf8Bytes),
    /// Queue sealed parts handed back.
    Backlog(SocketId, Box<Backlog>),
    /// Close a socket, after what is queued; with a reason if it is an error.
    Close(SocketId, Option<ErrorCode>),
    /// Show this on the tenant's board.
    Board(Box<Summary>),
    /// Take it off the board.
    OffBoard,
    /// Write into the tenant's rows.
    Keep(Change),
    /// Change what a participant has agreed to in the tenant's rows, then tell the room.
    Consent {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        modality: Modality,
        /// Agreed, or withdrew.
        given: bool,
        /// When they said so.
        at: Millis,
    },
    /// Tell the media worker.
    Media(Box<Order>),
    /// Tell the tenant's log.
    Note {
        /// What happened.
        kind: EventKind,
        /// By, or about, whom.
        participant: Option<(ParticipantId, Option<StaffId>)>,
    },
    /// The room is done.
    Finished,
}

/// A change of a session's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The first agent is there.
    Answered(Millis),
    /// Someone left for good.
    Left(ParticipantId, Millis),
    /// The session is over.
    Ended(Millis),
}

/// What the desk may know of a running session.
#[derive(Clone, PartialEq, Eq)]
pub struct Summary {
    /// The session.
    pub session: SessionId,
    /// Where it came from.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The name that the visitor goes by.
    pub visitor: String,
    /// Whether the visitor's socket is there.
    pub online: bool,
    /// Agreed to.
    pub modalities: Vec<Modality>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Since when.
    pub since: Millis,
    /// The notice that the visitor agreed to.
    pub notice: Hash32,
    /// Kept at least so many days.
    pub minimum_days: u32,
    /// Destroyed after so many days.
    pub maximum_days: u32,
    /// Whether anyone may take it.
    pub waiting: bool,
    /// Agents who are in it.
    pub agents: Vec<StaffId>,
    /// Who is asked in.
    pub asks: Vec<Ask>,
    /// Who has just taken it and not joined yet.
    pub taken: Vec<StaffId>,
}

/// An agent asks another in, or hands the session on.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whom; `None`: whoever is free.
    pub to: Option<StaffId>,
    /// Who asks.
    pub by: StaffId,
    /// Their name.
    pub by_name: String,
    /// Whether they leave when it is taken.
    pub handover: bool,
}

impl Summary {
    /// Why this session is offered to `staff`; `None` if it is not.
    pub fn offer_to(&self, staff: StaffId) -> Option<Offer> {
        if self.agents.contains(&staff) {
            return None;
        }
        let asked = self.asks.iter().find(|ask| ask.to == Some(staff));
        if let Some(ask) = asked {
            let by = ask.by_name.clone();
            return Some(if ask.handover {
                Offer::Transfer { by }
            } else {
                Offer::Invite { by }
            });
        }
        let open = self.waiting || self.asks.iter().any(|ask| ask.to.is_none());
        let taken = self.taken.iter().any(|other| *other != staff);
        (open && !taken).then_some(Offer::Waiting)
    }
}

impl core::fmt::Debug for Summary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Summary({})", self.session)
    }
}

impl core::fmt::Debug for Ask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ask(…)")
    }
}
