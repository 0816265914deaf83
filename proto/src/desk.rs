//! JSON bodies of the widget's and the desk's HTTP interface, other than consents.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::bytes::{Hash32, PublicKey};
use crate::consent::RecordingChoice;
use crate::ids::{Millis, ParticipantId, SessionId, SiteId, StaffId};
use crate::notice::{Modality, RecordingMode};
use crate::token::Token;

/// `GET /api/v1/sites/{site}/notice`: all that the gate shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateView {
    /// The client's name as it stands in the header.
    pub name: String,
    /// The client's accent colour, `#rrggbb`; corrected to AA contrast by the page.
    pub accent: Option<String>,
    /// Offered here.
    pub modalities: Vec<Modality>,
    /// Whether refusing to be recorded is offered.
    pub recording: RecordingMode,
    /// The notice's address: SHA-256 of `notice_json`'s UTF-8 bytes.
    pub notice: Hash32,
    /// The notice's exact bytes, as text.
    pub notice_json: String,
    /// Languages in which the notice exists (BCP 47).
    pub languages: Vec<String>,
    /// Whether somebody is at the desk.
    pub staffed: bool,
}

/// `POST /api/v1/sign-in`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The client's short name.
    pub client: String,
    /// Sign-in name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(…)")
    }
}

/// `GET /api/v1/me`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Me {
    /// Who is signed in.
    pub staff: StaffId,
    /// The name that visitors see.
    pub name: String,
    /// The client's name.
    pub client: String,
}

/// One `queue` event of `GET /api/v1/queue` (server-sent events): the whole picture each time.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueView {
    /// Waiting for anyone, or offered to this agent; the longest wait first.
    pub waiting: Vec<QueueEntry>,
    /// This agent's running sessions.
    pub mine: Vec<QueueEntry>,
    /// The other agents of this client.
    pub colleagues: Vec<Colleague>,
}

/// A session as the desk lists it. No address, ever.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueEntry {
    /// The session.
    pub session: SessionId,
    /// The site that it came from.
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
    /// Waiting (or running) since.
    pub since: Millis,
    /// Why it is listed under `waiting`; `None` under `mine`.
    pub offer: Option<Offer>,
    /// The notice that the visitor agreed to.
    pub notice: Hash32,
    /// Kept at least so many days after the end.
    pub minimum_days: u32,
    /// Destroyed after so many days.
    pub maximum_days: u32,
}

/// Why a session is offered to an agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Offer {
    /// Nobody has answered yet, or it was handed back to the queue.
    Waiting,
    /// A colleague asks this agent in.
    Invite {
        /// The colleague's name.
        by: String,
    },
    /// A colleague hands it over to this agent.
    Transfer {
        /// The colleague's name.
        by: String,
    },
}

/// Another agent of the same client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Colleague {
    /// Who.
    pub staff: StaffId,
    /// Name.
    pub name: String,
    /// Whether their desk is open.
    pub online: bool,
}

/// `POST /api/v1/sessions/{session}/accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// X25519, made in the browser.
    pub participant_key: PublicKey,
    /// An agent acknowledges that the session is recorded; `refused` is right only where it is not.
    pub recording: RecordingChoice,
}

/// The answer to an [`AcceptRequest`]: what the agent's socket says in its hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptResponse {
    /// The session's site.
    pub site: SiteId,
    /// The session.
    pub session: SessionId,
    /// The agent as participant.
    pub participant: ParticipantId,
    /// Single use.
    pub join: Token,
}

/// `GET /api/v1/sessions`: this agent's own ended sessions, newest first. Metadata only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastSession {
    /// The session.
    pub session: SessionId,
    /// The site's name.
    pub site_name: String,
    /// Whole seconds.
    pub started: Millis,
    /// Whole seconds.
    pub ended: Millis,
    /// Whether it was recorded.
    pub recorded: bool,
    /// Agreed to.
    pub modalities: Vec<Modality>,
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
redacted!(Me, QueueView, QueueEntry, Offer, Colleague);
