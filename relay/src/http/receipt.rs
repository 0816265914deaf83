//! The receipt that a visitor gets for agreeing.

use proto::consent::{ConsentRequest, Receipt, ReceiptEvent, ReceiptPurpose, RecordingChoice};
use proto::notice::{Basis, Notice, Purpose};
use proto::{Millis, ParticipantId, SessionId};
use store::Tenant;

/// The purpose whose acknowledgement stands apart.
const RECORDING: &str = "recording";

/// What was agreed to, purpose by purpose.
pub(super) fn receipt(
    tenant: &Tenant,
    notice: &Notice,
    request: &ConsentRequest,
    session: SessionId,
    participant: ParticipantId,
    now: Millis,
) -> Receipt {
    let recorded = request.recording == RecordingChoice::Acknowledged;
    let days = |days: u32| if recorded { days } else { 0 };
    Receipt {
        schema_version: "ISO/IEC TS 27560:2023".to_owned(),
        record_id: participant,
        pii_principal_id: request.receipt.lookup.clone(),
        session,
        pii_controller_id: tenant.id(),
        pii_controller: notice.controller.clone(),
        pii_controller_contact: notice.contact.clone(),
        privacy_notice: request.notice,
        language: notice.language.clone(),
        notice_version: notice.version.clone(),
        purposes: notice
            .purposes
            .iter()
            .map(|purpose| entry(purpose, request, recorded))
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

fn entry(purpose: &Purpose, request: &ConsentRequest, recorded: bool) -> ReceiptPurpose {
    let agreed: Vec<_> = request
        .modalities
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
