//! Agreeing: consent, session and participant come to be in one transaction, or not at all.

use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::event::Role;
use proto::notice::Modality;
use proto::{Hash32, Millis, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, TrackNo};

use crate::db::Tx;
use crate::fold::SmallWrite;
use crate::participants::{read_participant, select_participants};
use crate::value::{Row, args, words};
use crate::{JoinToken, Participant, Result, StoreError, Tenant};

/// A visitor's consent, with the session that it begins.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// The session that comes to be.
    pub session: SessionId,
    /// The visitor in it.
    pub participant: ParticipantId,
    /// On which site.
    pub site: SiteId,
    /// The sealed record; `None` where nothing is recorded.
    pub recording: Option<RecordingId>,
    /// What was shown. It must be one of the site's current notices.
    pub notice: Hash32,
    /// Each agreed to alone.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub choice: RecordingChoice,
    /// X25519, made in the browser.
    pub participant_key: PublicKey,
    /// The visitor's chat track.
    pub track: TrackNo,
    /// The public side of the receipt secret.
    pub receipt: ReceiptClaim,
    /// When; kept in whole seconds.
    pub at: Millis,
    /// For the first `join`.
    pub join: JoinToken,
}

/// A participant's durable consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Whose.
    pub participant: ParticipantId,
    /// In which session.
    pub session: SessionId,
    /// What was shown.
    pub notice: Hash32,
    /// Agreed to.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub choice: RecordingChoice,
    /// Whole seconds.
    pub at: Millis,
    /// A visitor's receipt claim; `None` for agents.
    pub receipt: Option<ReceiptClaim>,
}

/// A change of what a participant has agreed to, after the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChange {
    /// Which.
    pub modalities: Vec<Modality>,
    /// Agreed to, or withdrawn.
    pub given: bool,
    /// Whole seconds.
    pub at: Millis,
}

words!(RecordingChoice {
    RecordingChoice::Acknowledged => "acknowledged",
    RecordingChoice::Refused => "refused",
});

impl Tenant {
    /// Keeps a consent, and with it the session, the participant and the join token: one
    /// transaction. [`crate::StoreError::NoticeOutdated`] if the notice is not current,
    /// [`crate::StoreError::NotFound`] if the site is not there.
    pub async fn record_consent(&self, consent: NewConsent) -> Result<()> {
        self.fold(consent).await
    }

    /// The durable consent of this participant.
    pub async fn consent_of(&self, participant: ParticipantId) -> Result<Option<Consent>> {
        let sql = select_participants!("WHERE p.id = $1");
        let row = self.row("consents.of", sql, args![participant]).await?;
        Ok(row.map(read_participant).transpose()?.map(|p| p.consent))
    }

    /// Adds a modality to what this participant has agreed to, or takes it away; when stands beside
    /// it. What is so already is not written again. [`StoreError::NotFound`] if the participant is not there.
    pub async fn change_consent(
        &self,
        participant: ParticipantId,
        modality: Modality,
        given: bool,
        at: Millis,
    ) -> Result<Consent> {
        let mut tx = self.tx("consents.change").await?;
        let sql = select_participants!("WHERE p.id = $1");
        let row = tx.row(sql, args![participant]).await?;
        let row = row.ok_or(StoreError::NotFound)?;
        let mut consent = read_participant(row)?.consent;
        if consent.modalities.contains(&modality) == given {
            return Ok(consent);
        }
        consent.modalities.retain(|other| *other != modality);
        if given {
            consent.modalities.push(modality);
            consent.modalities.sort_unstable();
        }
        tx.run(
            "UPDATE consents SET modalities = $2 WHERE participant = $1",
            args![participant, consent.modalities.clone()],
        )
        .await?;
        tx.run(
            "INSERT INTO consent_changes (participant, place, modality, given, at)
             SELECT $1, COUNT(*), $2, $3, $4 FROM consent_changes WHERE participant = $1",
            args![
                participant,
                vec![modality],
                i64::from(given),
                at.whole_seconds()
            ],
        )
        .await?;
        if given && consent.receipt.is_some() {
            // What the visitor ever agreed to in this session.
            tx.run(
                "UPDATE sessions SET modalities = modalities | $2 WHERE id = $1",
                args![consent.session, vec![modality]],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(consent)
    }

    /// What this participant agreed to and withdrew after the gate, in order.
    pub async fn consent_changes(&self, participant: ParticipantId) -> Result<Vec<ConsentChange>> {
        let sql = "SELECT modality, given, at FROM consent_changes WHERE participant = $1
             ORDER BY place";
        let rows = self
            .rows("consents.changes", sql, args![participant])
            .await?;
        let read = |mut row: Row| {
            Ok(ConsentChange {
                modalities: row.take()?,
                given: row.take::<i64>()? != 0,
                at: row.take()?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// The consent that a receipt's lookup id finds.
    pub async fn consent_by_receipt(&self, lookup: &[u8]) -> Result<Option<Consent>> {
        let sql = select_participants!("WHERE c.lookup = $1");
        let row = self
            .row("consents.by_receipt", sql, args![lookup.to_vec()])
            .await?;
        Ok(row.map(read_participant).transpose()?.map(|p| p.consent))
    }
}

impl SmallWrite for NewConsent {
    const NAME: &'static str = "consents.record";

    type Out = ();

    async fn run(&self, tx: &mut Tx) -> Result<Result<()>> {
        let current = "SELECT 1 FROM site_notices WHERE site = $1 AND notice = $2";
        if tx
            .row(current, args![self.site, self.notice])
            .await?
            .is_none()
        {
            let site = "SELECT 1 FROM sites WHERE id = $1";
            let known = tx.row(site, args![self.site]).await?.is_some();
            return Ok(Err(if known {
                StoreError::NoticeOutdated
            } else {
                StoreError::NotFound
            }));
        }
        let at = self.at.whole_seconds();
        tx.run(
            "INSERT INTO sessions (id, site, recording, notice, modalities, started)
             VALUES ($1, $2, $3, $4, $5, $6)",
            args![
                self.session,
                self.site,
                self.recording,
                self.notice,
                self.modalities.clone(),
                at
            ],
        )
        .await?;
        let participant = Participant {
            id: self.participant,
            session: self.session,
            role: Role::Visitor,
            staff: None,
            track: self.track,
            public_key: self.participant_key,
            joined: at,
            left: None,
            consent: Consent {
                participant: self.participant,
                session: self.session,
                notice: self.notice,
                modalities: self.modalities.clone(),
                choice: self.choice,
                at,
                receipt: Some(self.receipt.clone()),
            },
        };
        participant.insert(tx, self.join).await?;
        Ok(Ok(()))
    }
}
