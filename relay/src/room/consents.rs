//! Writes what a participant agrees to, or withdraws, into the tenant's rows, beside the room.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use proto::dsse::{Document as _, Envelope};
use proto::notice::{Modality, Notice};
use proto::{ErrorCode, Millis, ParticipantId};
use store::{Consent, StoreError, Tenant};
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
    /// Does it; a fault of this program is a failure like others, of which the room hears.
    pub(super) async fn run(self, shutdown: Shutdown) -> Consented {
        let (participant, modality, given) = (self.participant, self.modality, self.given);
        let kept = AssertUnwindSafe(self.keep(shutdown)).catch_unwind().await;
        let kept = kept.unwrap_or_else(|_| {
            tracing::error!(given, "a change of consent broke off");
            Err(ErrorCode::Internal)
        });
        Consented {
            participant,
            modality,
            given,
            kept,
        }
    }

    /// Writes it, and makes a visitor's new receipt. A withdrawal is tried until it is written, or the
    /// relay stops and waits no longer; then a restart finds it in the spool.
    async fn keep(self, shutdown: Shutdown) -> Result<Option<Envelope>, ErrorCode> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.row().await {
                Ok(consent) => return Ok(self.receipt(&consent).await),
                // What is there no more never will be.
                Err(code) if self.given || code != ErrorCode::Overloaded => return Err(code),
                Err(code) => tokio::select! {
                    () = shutdown.forced() => return Err(code),
                    () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                },
            }
        }
    }

    async fn row(&self) -> Result<Consent, ErrorCode> {
        let given = self.given;
        let row = self
            .tenant
            .change_consent(self.participant, self.modality, given, self.at);
        match timeout(PATIENCE, row).await {
            Ok(Ok(consent)) => return Ok(consent),
            Ok(Err(error)) => {
                tracing::error!(%error, given, "a change of consent could not be kept");
                if matches!(error, StoreError::NotFound | StoreError::NoSuchTenant) {
                    return Err(ErrorCode::Internal);
                }
            }
            Err(_) => {
                tracing::error!(
                    given,
                    "the store does not answer: a change of consent is not kept"
                );
            }
        }
        Err(ErrorCode::Overloaded)
    }

    /// None where there is no claim, or none can be made: the change holds all the same.
    async fn receipt(&self, consent: &Consent) -> Option<Envelope> {
        match timeout(PATIENCE, self.sign(consent)).await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => {
                tracing::error!(%error, "a receipt could not be made");
                None
            }
            Err(_) => {
                tracing::error!("the store does not answer: no receipt");
                None
            }
        }
    }

    async fn sign(&self, consent: &Consent) -> anyhow::Result<Option<Envelope>> {
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
