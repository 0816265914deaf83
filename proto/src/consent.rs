//! Agreeing: what the visitor's browser sends, what is kept of it, and the receipt.

use serde::{Deserialize, Serialize};

use crate::bytes::{Hash32, PublicKey};
use crate::dsse::{Document, Envelope};
use crate::ids::{Millis, ParticipantId, SessionId, TenantId};
use crate::notice::{Basis, Modality};
use crate::token::Token;

/// What a person says about being recorded. Kept apart from the modalities: a recording that a
/// statute demands cannot be consented to, because consent could be withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingChoice {
    /// "I know that this is recorded."
    Acknowledged,
    /// "I talk only without being recorded" (where policy allows it).
    Refused,
}

/// `POST /api/v1/sites/{site}/consents`. No name stands here: a name travels with `join`, and is
/// sealed with what is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// Hash of the notice bytes that were shown.
    pub notice: Hash32,
    /// Each agreed to alone.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub recording: RecordingChoice,
    /// X25519, made in the browser: opens sealed parts handed back after a reconnect.
    pub participant_key: PublicKey,
    /// What leaves the browser of the receipt secret.
    pub receipt: ReceiptClaim,
}

/// The public side of a receipt secret. The secret itself never leaves the browser.
///
/// From 32 random bytes `s`, with HKDF-SHA256 (no salt): `lookup` = expand("vestibule receipt
/// lookup", 16), `proof` = expand("vestibule receipt proof", 32), X25519 private key =
/// expand("vestibule receipt key", 32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptClaim {
    /// 16 bytes that find the consent again.
    #[serde(with = "crate::bytes::base64")]
    pub lookup: Vec<u8>,
    /// SHA-256 of the proof that is shown later to use a right.
    pub proof_hash: Hash32,
    /// X25519: a copy may be sealed to it, where policy gives visitors their copy.
    pub public_key: PublicKey,
}

/// The answer to a [`ConsentRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentResponse {
    /// The session that now waits.
    pub session: SessionId,
    /// This person in it.
    pub participant: ParticipantId,
    /// Single use.
    pub join: Token,
    /// Seconds for which `join` is good.
    pub join_expires_in: u32,
    /// The signed receipt.
    pub receipt: Envelope,
}

/// The machine-readable receipt, with the fields of ISO/IEC TS 27560:2023, signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// `ISO/IEC TS 27560:2023`.
    pub schema_version: String,
    /// The participant id: the record's identifier.
    pub record_id: ParticipantId,
    /// The lookup id: pseudonymous by construction.
    #[serde(with = "crate::bytes::base64")]
    pub pii_principal_id: Vec<u8>,
    /// The session.
    pub session: SessionId,
    /// The tenant, as id.
    pub pii_controller_id: TenantId,
    /// The tenant, by name.
    pub pii_controller: String,
    /// Contact for data protection.
    pub pii_controller_contact: String,
    /// Hash of the notice's bytes.
    pub privacy_notice: Hash32,
    /// The notice's language.
    pub language: String,
    /// The notice's version.
    pub notice_version: String,
    /// One entry per purpose, each with what the person did about it.
    pub purposes: Vec<ReceiptPurpose>,
    /// Kept at least this many days after the end; 0 where nothing is recorded.
    pub minimum_days: u32,
    /// Destroyed after this many days; 0 where nothing is recorded.
    pub maximum_days: u32,
    /// How a consent is withdrawn.
    pub withdrawal: String,
    /// Where a complaint goes.
    pub authority: String,
    /// Whole seconds.
    pub event_time: Millis,
}

/// One purpose in a [`Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptPurpose {
    /// The purpose's id in the notice.
    pub purpose: String,
    /// On what basis.
    pub lawful_basis: Basis,
    /// For which modalities.
    pub modalities: Vec<Modality>,
    /// What the person did.
    pub event_type: ReceiptEvent,
}

/// What a person did about a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptEvent {
    /// Consent given: can be withdrawn.
    ExplicitlyConsented,
    /// Taken note of: rests on a statute or contract.
    Acknowledged,
    /// Refused, and honoured.
    Refused,
}

impl Document for Receipt {
    const TYPE: &'static str = "application/vnd.vestibule.receipt+json";
}
