//! Writes what a participant agrees to, or withdraws, into the tenant's rows, beside the room.

use std::sync::Arc;
use std::time::Duration;

use proto::dsse::{Document as _, Envelope};
use proto::notice::{Modality, Notice};
use proto::{ErrorCode, Millis, ParticipantId};
use store::Tenant;
use tokio::time::{sleep, timeout};

use super::agreeing::Consented;
use super::facts::Node;
use super::receipt::{Agreed, receipt};
use crate::shutdown::Shutdown;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between tries to write a withdrawal: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// One change.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) tenant: Tenant,
    pub(super) node: Arc<Node>,
    pub(super) participant: ParticipantId,
    pub(super) modality: Modality,
    pub(super) given: bool,
    pub(super) at: Millis,
}

impl Job {
    /// Writes it, and makes a visitor's new receipt. A withdrawal is tried until it is written, or the
    /// relay stops and waits no longer; then a restart finds it in the spool.
    pub(super) async fn run(self, shutdown: Shutdown) -> Consented {
        let mut pause = FIRST_PAUSE;
        let kept = loop {
            let kept = self.try_once().await;
            if self.given || kept.is_ok() {
                break kept;
            }
            tokio::select! {
                () = shutdown.forced() => break kept,
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        };
        Consented {
            participant: self.participant,
            modality: self.modality,
            given: self.given,
            kept,
        }
    }

    async fn try_once(&self) -> Result<Option<Envelope>, ErrorCode> {
        match timeout(PATIENCE, self.keep()).await {
            Ok(Ok(receipt)) => return Ok(receipt),
            Ok(Err(error)) => {
                tracing::error!(%error, given = self.given, "a change of consent could not be kept");
            }
            Err(_) => {
                tracing::error!(
                    given = self.given,
                    "the store does not answer: a change of consent is not kept"
                );
            }
        }
        Err(ErrorCode::Overloaded)
    }

    async fn keep(&self) -> anyhow::Result<Option<Envelope>> {
        let consent = self
            .tenant
            .change_consent(self.participant, self.modality, self.given, self.at)
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
        let receipt = receipt(&self.tenant, &notice, &agreed, self.at);
        Ok(Some(receipt.sign(&self.node.key)?))
    }
}
