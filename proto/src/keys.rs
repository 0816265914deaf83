//! Statements about keys: who may seal, who may sign, and by whose word.
//!
//! ```text
//! tenant root (offline, pinned)  ── signs ──> SealingKey   (where recordings are sealed to)
//! recorder key (pinned in relay) ── signs ──> NodeCertificate, IntakeKey, OfficerKey
//! ```

use serde::{Deserialize, Serialize};

use crate::bytes::PublicKey;
use crate::dsse::Document;
use crate::ids::{KeyId, Millis, NodeId, StaffId, TenantId};

/// A tenant's sealing key of one quarter, signed by the tenant's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingKey {
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Names the key in wraps and manifests.
    pub key: KeyId,
    /// The calendar quarter, such as `2026Q4`.
    pub quarter: String,
    /// X25519.
    pub public_key: PublicKey,
    /// Used from this time on.
    pub not_before: Millis,
    /// Due to be replaced at this time; still used, with a warning, if nothing newer is there.
    pub not_after: Millis,
    /// How many officers open together (k).
    pub threshold: u8,
    /// Among how many officers the key is shared (n).
    pub shares: u8,
}

impl Document for SealingKey {
    const TYPE: &'static str = "application/vnd.vestibule.sealing-key+json";
}

/// A relay node's signing key, certified by the recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCertificate {
    /// The node.
    pub node: NodeId,
    /// Ed25519.
    pub public_key: PublicKey,
    /// Valid from.
    pub not_before: Millis,
    /// Valid until.
    pub not_after: Millis,
}

impl Document for NodeCertificate {
    const TYPE: &'static str = "application/vnd.vestibule.node+json";
}

/// The recorder's intake key of one generation: the outer seal of every wrap that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeKey {
    /// Counted from 1; the newest is used.
    pub generation: u32,
    /// X25519.
    pub public_key: PublicKey,
    /// Used from this time on.
    pub not_before: Millis,
}

impl Document for IntakeKey {
    const TYPE: &'static str = "application/vnd.vestibule.intake-key+json";
}

/// An officer's key, signed by the recorder when it is made: a row alone cannot introduce one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficerKey {
    /// The tenant that the officer is of.
    pub tenant: TenantId,
    /// Whose key it is.
    pub officer: StaffId,
    /// X25519: shares are sealed to it.
    pub public_key: PublicKey,
}

impl Document for OfficerKey {
    const TYPE: &'static str = "application/vnd.vestibule.officer-key+json";
}
