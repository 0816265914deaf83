//! Cases, and what is opened under them.

use proto::{CaseId, RecordingId};
use store::{Case, Tenant};
use tokio::sync::mpsc;

use super::{Answer, Opening, Reply, Unlocking, unlocking};
use crate::Recorder;
use crate::bundle::compose;
use crate::cases::{self, Progress, Request};
use crate::clock::shown;
use crate::error::{Error, Result};
use crate::log::What;
use crate::retrieval::{self, Purpose};
use crate::terminal::{count, escape};
use crate::transcript;
use proto::Hash32;

pub(super) async fn open(
    recorder: &Recorder,
    client: &str,
    request: Request,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let id = cases::open(recorder, &tenant, request).await?;
    answer
        .line("The case is open. Officers approve it, each with their own passphrase: `recorder case approve`.")
        .await?;
    answer.line(id.to_string()).await
}

pub(super) async fn approve(
    recorder: &Recorder,
    client: &str,
    case: CaseId,
    by: &Unlocking,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let id = super::staff_by_name(&tenant, &by.officer).await?;
    let progress = cases::approve(recorder, &tenant, case, id, &by.passphrase).await?;
    answer.line(said(&progress)).await
}

fn said(progress: &Progress) -> String {
    let have = progress.unlocked.len();
    if progress.is_enough() {
        format!(
            "{have} of {} officers have unlocked their shares: the case can be opened within a quarter of an hour.",
            progress.needed
        )
    } else {
        format!(
            "{have} of {} officers have unlocked their shares.",
            progress.needed
        )
    }
}

pub(super) async fn close(
    recorder: &Recorder,
    client: &str,
    case: CaseId,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    cases::close(recorder, &tenant, case).await?;
    answer
        .line("The case is closed. Nothing is opened under it any more.")
        .await
}

pub(super) async fn show(
    recorder: &Recorder,
    client: &str,
    case: Option<CaseId>,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let Some(id) = case else {
        for case in tenant.cases().await? {
            let state = state(&case, recorder.now());
            answer
                .line(format!(
                    "{}  {}  {state}  {}  {}",
                    case.id,
                    shown(case.created),
                    escape(&case.reference),
                    count(case.scope.len(), "recording")
                ))
                .await?;
        }
        return Ok(());
    };
    let case = tenant.case(id).await?.ok_or(Error::NotFound("case"))?;
    for (label, text) in [
        ("authority", escape(&case.authority)),
        ("reference", escape(&case.reference)),
        ("basis", escape(&case.basis)),
        ("opened", shown(case.created)),
        ("good until", shown(case.expires)),
        ("state", state(&case, recorder.now()).to_owned()),
    ] {
        answer.line(format!("{label:<12}{text}")).await?;
    }
    for recording in &case.scope {
        answer.line(format!("{:<12}{recording}", "covers")).await?;
    }
    let staff = tenant.staff().await?;
    let name = |id| {
        let known = staff.iter().find(|who| who.id == id);
        known.map_or_else(|| "(gone)".to_owned(), |who| escape(&who.name))
    };
    for approval in &case.approvals {
        answer
            .line(format!(
                "{:<12}{}  {}  {}",
                "approved",
                shown(approval.at),
                approval.officer,
                name(approval.officer)
            ))
            .await?;
    }
    let progress = cases::progress(recorder, &tenant, &case).await?;
    for (officer, until) in &progress.unlocked {
        answer
            .line(format!(
                "{:<12}until {}  {officer}  {}",
                "unlocked",
                shown(*until),
                name(*officer)
            ))
            .await?;
    }
    answer.line(said(&progress)).await
}

fn state(case: &Case, now: proto::Millis) -> &'static str {
    if case.closed.is_some() {
        "closed"
    } else if case.expires <= now {
        "expired"
    } else {
        "open"
    }
}

/// Approves with those who are named, and says which recording is meant.
async fn approved(recorder: &Recorder, opening: &Opening) -> Result<(Tenant, RecordingId)> {
    let tenant = recorder.tenant(&opening.client).await?;
    let case = cases::valid(recorder, &tenant, opening.case).await?;
    let recording = super::scoped(&tenant, &case, opening.recording).await?;
    for (officer, passphrase) in unlocking(&tenant, &opening.by).await? {
        cases::approve(recorder, &tenant, opening.case, officer, &passphrase).await?;
    }
    Ok((tenant, recording))
}

pub(super) async fn export(recorder: &Recorder, opening: &Opening, answer: &Answer) -> Result<()> {
    let (tenant, recording) = approved(recorder, opening).await?;
    let (to, mut from) = mpsc::channel(4);
    let forward = async {
        while let Some(chunk) = from.recv().await {
            if answer.send(Reply::Bytes(chunk)).await.is_err() {
                // Dropping the receiver tells the writer.
                return;
            }
        }
    };
    let (exported, ()) = tokio::join!(
        compose::export(recorder, &tenant, opening.case, recording, to),
        forward
    );
    let exported = exported?;
    for finding in &exported.damage {
        answer
            .line(format!("damaged: {}", escape(&finding.to_string())))
            .await?;
    }
    answer
        .line(format!(
            "{} bytes, SHA-256 {}. It is on record who opened it, and when.",
            exported.bytes, exported.sha256
        ))
        .await
}

pub(super) async fn show_transcript(
    recorder: &Recorder,
    opening: &Opening,
    answer: &Answer,
) -> Result<()> {
    let (tenant, recording) = approved(recorder, opening).await?;
    let opened = retrieval::open(recorder, &tenant, opening.case, recording, Purpose::Open).await?;
    let shown = transcript::plain(&opened.lines, &opened.manifest);
    let what = What::Opened {
        case: opening.case,
        recording,
        opening: opened.opening.clone(),
        sha256: Hash32::of(shown.join("\n").as_bytes()),
        damaged: opened.damage.len() as u64,
    };
    recorder.log(&tenant, what).await?;
    for line in shown {
        answer.line(line).await?;
    }
    for what in opened.media.described() {
        answer.line(format!("media: {}", escape(&what))).await?;
    }
    if !opened.media.files.is_empty() {
        let hint = "media: `recorder export` hands the files out; the console plays them";
        answer.line(hint.to_owned()).await?;
    }
    for finding in &opened.damage {
        answer
            .line(format!("damaged: {}", escape(&finding.to_string())))
            .await?;
    }
    Ok(())
}
