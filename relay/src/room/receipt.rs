//! The receipt that a visitor gets for agreeing.

use proto::consent::{Receipt, ReceiptEvent, ReceiptPurpose, RecordingChoice};
use proto::notice::{Basis, Modality, Notice, Purpose};
use proto::{Hash32, Millis, ParticipantId, SessionId};
use store::Tenant;

/// The purpose whose acknowledgement stands apart.
const RECORDING: &str = "recording";

/// What a visitor has agreed to.
#[derive(Debug, Clone, Copy)]
pub struct Agreed<'a> {
    /// In which session.
    pub session: SessionId,
    /// Who.
    pub participant: ParticipantId,
    /// The receipt's lookup id.
    pub lookup: &'a [u8],
    /// Under which notice.
    pub notice: Hash32,
    /// Each alone.
    pub modalities: &'a [Modality],
    /// About recording.
    pub recording: RecordingChoice,
}

/// The receipt, purpose by purpose.
pub fn receipt(tenant: &Tenant, notice: &Notice, agreed: &Agreed<'_>, now: Millis) -> Receipt {
    let recorded = agreed.recording == RecordingChoice::Acknowledged;
    let days = |days: u32| if recorded { days } else { 0 };
    Receipt {
        schema_version: "ISO/IEC TS 27560:2023".to_owned(),
        record_id: agreed.participant,
        pii_principal_id: agreed.lookup.to_vec(),
        session: agreed.session,
        pii_controller_id: tenant.id(),
        pii_controller: notice.controller.clone(),
        pii_controller_contact: notice.contact.clone(),
        privacy_notice: agreed.notice,
        language: notice.language.clone(),
        notice_version: notice.version.clone(),
        purposes: notice
            .purposes
            .iter()
            .map(|purpose| entry(purpose, agreed.modalities, recorded))
            .collect(),
        minimum_days: days(notice.recording.minimum_days),
        maximum_days: days(notice.recording.maximum_days),
        withdrawal: format!(
            "End the conversation, or write to {}; what was said until then stays lawful.",
            notice.contact
        ),
        authority: notice.authority.clone(),
        event_time: now.whole_seconds(),
    }
}

fn entry(purpose: &Purpose, modalities: &[Modality], recorded: bool) -> ReceiptPurpose {
    let agreed: Vec<_> = modalities
        .iter()
        .copied()
        .filter(|modality| purpose.modalities.contains(modality))
        .collect();
    let refused = (purpose.id == RECORDING && !recorded)
        || (purpose.basis == Basis::Consent && agreed.is_empty());
    let event_type = match purpose.basis {
        _ if refused => ReceiptEvent::Refused,
        Basis::Consent => ReceiptEvent::ExplicitlyConsented,
        _ => ReceiptEvent::Acknowledged,
    };
    ReceiptPurpose {
        purpose: purpose.id.clone(),
        lawful_basis: purpose.basis,
        modalities: agreed,
        event_type,
    }
}
