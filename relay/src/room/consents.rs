//! Writes what a participant agrees to, or withdraws, into the tenant's rows, beside the room.

use std::sync::Arc;
use std::time::Duration;

use proto::dsse::{Document as _, Envelope};
use proto::notice::{Modality, Notice};
use proto::{ErrorCode, Millis, ParticipantId};
use store::Tenant;
use tokio::time::timeout;

use super::agreeing::Consented;
use super::facts::Node;
use super::receipt::{Agreed, receipt};

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One change.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) tenant: Tenant,
    pub(super) node: Arc<Node>,
    pub(super) participant: ParticipantId,
    pub(super) modality: Modality,
    pub(super) given: bool,
    pub(super) now: Millis,
}

impl Job {
    /// Writes it, and makes a visitor's new receipt.
    pub(super) async fn run(self) -> Consented {
        let kept = match timeout(PATIENCE, self.keep()).await {
            Ok(Ok(receipt)) => Ok(receipt),
            Ok(Err(error)) => {
                tracing::error!(%error, "a change of consent could not be kept");
                Err(ErrorCode::Overloaded)
            }
            Err(_) => Err(ErrorCode::Overloaded),
        };
        Consented {
            participant: self.participant,
            modality: self.modality,
            given: self.given,
            kept,
        }
    }

    async fn keep(&self) -> anyhow::Result<Option<Envelope>> {
        let consent = self
            .tenant
            .change_consent(self.participant, self.modality, self.given, self.now)
            .await?;
        let Some(claim) = &consent.receipt else {
            return Ok(None);
        };
        let Some(stored) = self.tenant.notice(&consent.notice).await? else {
            return Ok(None);
        };
        let notice: Notice = serde_json::from_slice(&stored.bytes)?;
        let agreed = Agreed {
            session: consent.session,
            participant: self.participant,
            lookup: &claim.lookup,
            notice: consent.notice,
            modalities: &consent.modalities,
            recording: consent.choice,
        };
        let receipt = receipt(&self.tenant, &notice, &agreed, self.now);
        Ok(Some(receipt.sign(&self.node.key)?))
    }
}
