//! Bodies of HTTP requests and answers.

use proto::bytes::{Hash32, PublicKey};
use proto::consent::{
    ConsentRequest, ConsentResponse, Receipt, ReceiptClaim, ReceiptEvent, ReceiptPurpose,
    RecordingChoice,
};
use proto::desk::{
    AcceptRequest, AcceptResponse, Colleague, GateView, Me, Offer, PastSession, QueueEntry,
    QueueView, SignIn,
};
use proto::dsse::{Envelope, EnvelopeSignature};
use proto::notice::{Basis, Modality, RecordingMode};
use proto::{ErrorBody, ErrorCode, TenantId};

use super::{AT, agent, golden, id, session, site, staff, token, visitor};
use crate::golden::Golden;

pub(super) fn gate_bodies() -> Vec<Golden> {
    let notice_json = r#"{"version":"2026-10","language":"en","…":"…"}"#;
    let gate = GateView {
        name: "Alpine Bank".to_owned(),
        accent: Some("#0a6e5c".to_owned()),
        modalities: vec![Modality::Chat],
        recording: RecordingMode::Required,
        notice: Hash32::of(notice_json.as_bytes()),
        notice_json: notice_json.to_owned(),
        languages: vec!["de".to_owned(), "en".to_owned()],
        staffed: true,
    };
    let request = ConsentRequest {
        notice: gate.notice,
        modalities: vec![Modality::Chat],
        recording: RecordingChoice::Acknowledged,
        participant_key: PublicKey([4; 32]),
        receipt: ReceiptClaim {
            lookup: vec![5; 16],
            proof_hash: Hash32::of(b"proof"),
            public_key: PublicKey([6; 32]),
        },
    };
    let receipt = Receipt {
        schema_version: "ISO/IEC TS 27560:2023".to_owned(),
        record_id: visitor(),
        pii_principal_id: vec![5; 16],
        session: session(),
        pii_controller_id: TenantId::from_bytes(id(0x7e)),
        pii_controller: "Alpine Bank".to_owned(),
        pii_controller_contact: "privacy@alpine.example".to_owned(),
        privacy_notice: gate.notice,
        language: "en".to_owned(),
        notice_version: "2026-10".to_owned(),
        purposes: vec![
            ReceiptPurpose {
                purpose: "conversation".to_owned(),
                lawful_basis: Basis::Consent,
                modalities: vec![Modality::Chat],
                event_type: ReceiptEvent::ExplicitlyConsented,
            },
            ReceiptPurpose {
                purpose: "recording".to_owned(),
                lawful_basis: Basis::LegalObligation,
                modalities: vec![Modality::Chat],
                event_type: ReceiptEvent::Acknowledged,
            },
        ],
        minimum_days: 180,
        maximum_days: 730,
        withdrawal: "End the conversation, or write to privacy@alpine.example.".to_owned(),
        authority: "FDPIC, Bern".to_owned(),
        event_time: AT.whole_seconds(),
    };
    let response = ConsentResponse {
        session: session(),
        participant: visitor(),
        join: token(1),
        join_expires_in: 60,
        receipt: Envelope {
            payload_type: "application/vnd.vestibule.receipt+json".to_owned(),
            payload: br#"{"schema_version":"ISO/IEC TS 27560:2023","..":".."}"#.to_vec(),
            signatures: vec![EnvelopeSignature {
                keyid: Hash32::of(b"node key"),
                sig: vec![7; 64],
            }],
        },
    };
    vec![
        golden("http.gate", &gate),
        golden("http.consent-request", &request),
        golden("http.consent-response", &response),
        golden("http.receipt", &receipt),
        golden("problem", &ErrorBody::from(ErrorCode::NoticeOutdated)),
    ]
}

pub(super) fn desk_bodies() -> Vec<Golden> {
    let entry = QueueEntry {
        session: session(),
        site: site(),
        site_name: "Shop".to_owned(),
        visitor: "Blue Heron".to_owned(),
        online: true,
        modalities: vec![Modality::Chat],
        recorded: true,
        since: AT,
        offer: Some(Offer::Transfer {
            by: "Mia".to_owned(),
        }),
        notice: Hash32::of(b"notice"),
        minimum_days: 180,
        maximum_days: 730,
    };
    let queue = QueueView {
        waiting: vec![entry],
        mine: Vec::new(),
        colleagues: vec![Colleague {
            staff: staff(),
            name: "Mia".to_owned(),
            online: true,
        }],
    };
    let sign_in = SignIn {
        client: "alpine".to_owned(),
        name: "mia".to_owned(),
        password: "correct horse battery staple".to_owned(),
    };
    let me = Me {
        staff: staff(),
        name: "Mia".to_owned(),
        client: "Alpine Bank".to_owned(),
    };
    let accept = AcceptRequest {
        participant_key: PublicKey([8; 32]),
        recording: RecordingChoice::Acknowledged,
    };
    let accepted = AcceptResponse {
        site: site(),
        session: session(),
        participant: agent(),
        join: token(9),
    };
    let past = PastSession {
        session: session(),
        site_name: "Shop".to_owned(),
        started: AT.whole_seconds(),
        ended: AT.whole_seconds().plus(300_000),
        recorded: true,
        modalities: vec![Modality::Chat],
    };
    vec![
        golden("http.sign-in", &sign_in),
        golden("http.me", &me),
        golden("http.queue", &queue),
        golden("http.accept-request", &accept),
        golden("http.accept-response", &accepted),
        golden("http.sessions", &vec![past]),
    ]
}
