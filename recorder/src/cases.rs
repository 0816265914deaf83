//! Legal cases: opened for named recordings, approved by officers who unlock their own share each,
//! closed. Every step is a log entry before it counts.

use std::collections::BTreeSet;

use proto::{CaseId, KeyId, Millis, RecordingId, SessionId, StaffId};
use seal::manifest::Manifest;
use store::{Case, NewCase, RecordingFilter, Tenant};

use crate::Recorder;
use crate::custody;
use crate::error::{Error, Result};
use crate::inspect::Source;
use crate::keys::Passphrase;
use crate::log::What;
use crate::vault::MANIFEST;

/// What a case says.
#[derive(Clone)]
pub struct Request {
    /// Who asks (a court, an authority, an auditor).
    pub authority: String,
    /// Their reference.
    pub reference: String,
    /// The legal basis.
    pub basis: String,
    /// The recordings that it covers, and nothing else.
    pub recordings: Vec<RecordingId>,
    /// Good for so many days.
    pub days: u32,
    /// By which officer; `None` from the command line.
    pub by: Option<StaffId>,
}

/// The longest that a case is good for.
pub const DAYS_MAX: u32 = 366;

/// Opens a case.
pub async fn open(recorder: &Recorder, tenant: &Tenant, request: Request) -> Result<CaseId> {
    for (what, text) in [
        ("the authority", &request.authority),
        ("the reference", &request.reference),
        ("the legal basis", &request.basis),
    ] {
        if text.trim().is_empty() || text.chars().count() > 500 {
            return Err(Error::refused(format!(
                "{what} must be named, in at most 500 characters"
            )));
        }
    }
    if request.recordings.is_empty() {
        return Err(Error::refused("a case covers at least one recording"));
    }
    if request.days == 0 || request.days > DAYS_MAX {
        return Err(Error::refused(format!(
            "a case is good for 1 to {DAYS_MAX} days"
        )));
    }
    for id in &request.recordings {
        if tenant.recording(*id).await?.is_none() {
            return Err(no_recording(tenant, *id).await?);
        }
    }
    let id = CaseId::random(&mut recorder.rng());
    let created = recorder.now().whole_seconds();
    let expires = created.plus(i64::from(request.days) * 86_400_000);
    let what = What::CaseOpened {
        case: id,
        authority: request.authority.clone(),
        reference: request.reference.clone(),
        basis: request.basis.clone(),
        recordings: request.recordings.clone(),
        expires,
        by: request.by,
    };
    recorder.log_as(tenant, format!("case-{id}"), what).await?;
    tenant
        .open_case(&NewCase {
            id,
            authority: request.authority,
            reference: request.reference,
            basis: request.basis,
            scope: request.recordings,
            opened_by: request.by,
            created,
            expires,
        })
        .await?;
    Ok(id)
}

/// Why there is no such recording: what was given may be the number of its session.
pub async fn no_recording(tenant: &Tenant, id: RecordingId) -> Result<Error> {
    let session = SessionId::from_bytes(*id.as_bytes());
    let filter = RecordingFilter {
        session: Some(session),
        ..RecordingFilter::default()
    };
    let found = tenant.recordings(&filter, None, 1).await?.recordings;
    Ok(found.first().map_or(Error::NotFound("recording"), |found| {
        Error::refused(format!(
            "{session} is the number of a session: its recording is {}",
            found.id
        ))
    }))
}

/// A case that is still good.
pub async fn valid(recorder: &Recorder, tenant: &Tenant, id: CaseId) -> Result<Case> {
    let case = tenant.case(id).await?.ok_or(Error::NotFound("case"))?;
    if case.closed.is_some() {
        return Err(Error::CaseOver("closed"));
    }
    if case.expires <= recorder.now() {
        return Err(Error::CaseOver("past its last day"));
    }
    Ok(case)
}

/// An officer unlocks their own share for a case. The share stays in memory for a quarter of an
/// hour; the approval stays for good.
pub async fn approve(
    recorder: &Recorder,
    tenant: &Tenant,
    id: CaseId,
    officer: StaffId,
    passphrase: &Passphrase,
) -> Result<Progress> {
    let case = valid(recorder, tenant, id).await?;
    let unlocked = custody::unlock(recorder, tenant, officer, passphrase).await?;
    let keys = keys_of(recorder, tenant, &case).await?;
    if keys.is_empty() {
        return Err(Error::refused(
            "none of the case's recordings is in the vault yet: approve when they have ended",
        ));
    }
    let shares = custody::shares_of(tenant, officer, &unlocked, &keys).await?;
    if shares.len() < keys.len() {
        return Err(Error::refused(
            "this officer holds no share of a key that the case needs: shares are made anew with `recorder key reshare`",
        ));
    }
    // Unlocking takes a while: the case may have been closed meanwhile.
    let _step = recorder.case_steps.lock().await;
    valid(recorder, tenant, id).await?;
    let what = What::CaseApproved { case: id, officer };
    recorder.log(tenant, what).await?;
    tenant
        .approve_case(id, officer, recorder.now().whole_seconds())
        .await?;
    recorder.unlocked.keep(id, officer, shares, recorder.now());
    progress(recorder, tenant, &case).await
}

/// Closes a case: nothing is opened under it any more, and unlocked shares are wiped.
pub async fn close(recorder: &Recorder, tenant: &Tenant, id: CaseId) -> Result<()> {
    let _step = recorder.case_steps.lock().await;
    let case = tenant.case(id).await?.ok_or(Error::NotFound("case"))?;
    recorder.unlocked.forget(id);
    recorder.playing.sweep(&recorder.unlocked, recorder.now());
    if case.closed.is_some() {
        return Ok(());
    }
    let what = What::CaseClosed { case: id };
    recorder
        .log_as(tenant, format!("closed-{id}"), what)
        .await?;
    Ok(tenant
        .close_case(id, recorder.now().whole_seconds())
        .await?)
}

/// How far a case is from being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Officers whose shares are unlocked now, and until when.
    pub unlocked: Vec<(StaffId, Millis)>,
    /// So many must be, for the key that asks the most.
    pub needed: usize,
}

impl Progress {
    /// Whether the case's recordings can be opened now.
    pub fn is_enough(&self) -> bool {
        self.unlocked.len() >= self.needed
    }
}

/// See [`Progress`].
pub async fn progress(recorder: &Recorder, tenant: &Tenant, case: &Case) -> Result<Progress> {
    let keys = keys_of(recorder, tenant, case).await?;
    let statements = custody::verified_keys(tenant).await?;
    let needed = statements
        .iter()
        .filter(|key| keys.contains(&key.key))
        .map(|key| usize::from(key.threshold))
        .max()
        .unwrap_or(usize::from(crate::keys::shares::THRESHOLD_MIN));
    let present = recorder.unlocked.present(case.id, recorder.now());
    Ok(Progress {
        unlocked: present.iter().map(|p| (p.officer, p.until)).collect(),
        needed,
    })
}

/// The sealing keys that a case's recordings were sealed to.
async fn keys_of(recorder: &Recorder, tenant: &Tenant, case: &Case) -> Result<Vec<KeyId>> {
    let mut keys = BTreeSet::new();
    for recording in &case.scope {
        let source = Source::vault(&recorder.vault, tenant.id(), *recording);
        // A recording that still runs, or whose manifest is damaged, needs no key yet.
        if let Ok((_, manifest)) = source.envelope::<Manifest>(MANIFEST).await? {
            let epochs = manifest.tracks.iter().flat_map(|t| &t.epochs);
            keys.extend(epochs.map(|e| e.sealing_key));
        }
    }
    Ok(keys.into_iter().collect())
}
