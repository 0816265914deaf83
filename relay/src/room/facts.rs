//! What a room knows from the start: ids, policy, limits, and to whom it seals.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::{Modality, RecordingPolicy};
use proto::wire::Limits;
use proto::{Hash32, Millis, NodeId, RecordingId, SessionId, SiteId, TenantId};

use crate::telemetry::Refusals;

/// What does not change while a session lives.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The tenant.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// Where it came from.
    pub site: SiteId,
    /// The site's name, for the desk.
    pub site_name: String,
    /// The sealed record; `None` where nothing is recorded.
    pub recording: Option<RecordingId>,
    /// What the visitor agreed to, by hash.
    pub notice: Hash32,
    /// What that notice says about recording.
    pub policy: RecordingPolicy,
    /// What may be agreed to on that site.
    pub offered: Vec<Modality>,
    /// Agreed to at the gate.
    pub modalities: Vec<Modality>,
    /// Agreed at.
    pub since: Millis,
}

/// What is the same for all rooms of a node.
#[derive(Debug, Clone)]
pub struct House {
    /// This node.
    pub node: Arc<Node>,
    /// What a participant may send.
    pub limits: Limits,
    /// Bytes of sealed history kept for those who return.
    pub history_bytes: usize,
    /// People in one session.
    pub people: usize,
    /// For how long a join token is good.
    pub join_ms: i64,
    /// For how long a session may last.
    pub longest_ms: i64,
    /// For how long someone who is gone may come back.
    pub return_ms: i64,
    /// For how long an ended session still hands its end to those who were away.
    pub after_end_ms: i64,
    /// Tells of what is refused.
    pub refusals: Arc<Refusals>,
}

/// This node, as manifests and receipts name it.
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its signing key, certified by the recorder.
    pub key: SigningKey,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Node({})", self.id)
    }
}

/// To whom new epochs are sealed: both keys are checked against what is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealTarget {
    /// The tenant's sealing key.
    pub sealing: SealingKey,
    /// The recorder's intake key.
    pub intake: IntakeKey,
}
