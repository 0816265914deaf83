//! What is kept: finding it, checking it, the log, the intake.

pub(super) mod check;
pub(super) mod list;

use proto::wire::SealedAt;
use proto::{Hash32, RecordingId};
use seal::manifest::Manifest;
use store::{Staff, Tenant};
use tokio::sync::Mutex;

use super::{Answer, Reply};
use crate::Recorder;
use crate::cases;
use crate::clock::shown;
use crate::error::{Error, Result};
use crate::inspect::{Finding, Source, ack, statement, walk};
use crate::intake::{Intake, close, rotate};
use crate::log::{self, tiles};
use crate::terminal::escape;
use crate::transcript;
use crate::vault::placement::Placement;
use crate::vault::{MANIFEST, PLACEMENT};

const PAGE: u32 = 200;

pub(super) async fn verify(
    recorder: &Recorder,
    client: &str,
    id: RecordingId,
    acknowledged: Option<SealedAt>,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let row = tenant.recording(id).await?;
    let Some(row) = row else {
        return Err(cases::no_recording(&tenant, id).await?);
    };
    if row.manifest.is_none() {
        return Err(Error::refused(
            "this recording still runs, or waits in the spool: it is checked when it is in the vault",
        ));
    }
    let checked = in_vault(recorder, &tenant, id, acknowledged).await?;
    for line in &checked.good {
        answer.line(format!("ok     {line}")).await?;
    }
    for finding in &checked.wrong {
        answer
            .line(format!("WRONG  {}", escape(&finding.to_string())))
            .await?;
    }
    if checked.wrong.is_empty() {
        Ok(())
    } else {
        answer.send(Reply::Wrong).await
    }
}

/// What a check of a recording in the vault found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) good: Vec<String>,
    pub(crate) wrong: Vec<Finding>,
}

pub(crate) async fn in_vault(
    recorder: &Recorder,
    tenant: &Tenant,
    id: RecordingId,
    acknowledged: Option<SealedAt>,
) -> Result<Checked> {
    let mut out = Checked::default();
    let trust = recorder.trust(tenant).await?;
    let source = Source::vault(&recorder.vault, tenant.id(), id);
    let (envelope, manifest) = match source.envelope::<Manifest>(MANIFEST).await? {
        Ok(found) => found,
        Err(finding) => {
            out.wrong.push(finding);
            return Ok(out);
        }
    };
    let (placed, placement) = match source.envelope::<Placement>(PLACEMENT).await? {
        Ok(found) => found,
        Err(finding) => {
            out.wrong.push(finding);
            return Ok(out);
        }
    };
    out.wrong = statement::manifest(&envelope, &manifest, tenant.id(), id, &trust, true);
    out.wrong.extend(statement::placement(
        &placed, &placement, &envelope, &manifest, &trust,
    ));
    if out.wrong.is_empty() {
        out.good.push(
            "manifest and placement: signed by a certified node and by this recorder; every recipient is known"
                .to_owned(),
        );
    }
    match log::kept(tenant, id, &trust.recorder).await? {
        Some(kept) if kept == Hash32::of(&envelope.payload) => out
            .good
            .push("log: the manifest is the one that came into the vault".to_owned()),
        Some(_) => out.wrong.push(Finding::manifest(
            "is not the one that the log says came into the vault",
        )),
        None => out.wrong.push(Finding::manifest(
            "the log does not say that it came into the vault",
        )),
    }
    for track in &manifest.tracks {
        let walked = walk::track(&source, &manifest, &placement, track, |_, _, _| Ok(())).await?;
        out.good.push(format!(
            "track {}: {} of {} parts, {} bytes",
            walked.track, walked.good, track.parts, walked.bytes
        ));
        out.wrong.extend(walked.damage);
    }
    out.good
        .push(format!("ending: {}", transcript::ending(&manifest.ending)));
    let gaps = transcript::gaps(&manifest);
    out.good
        .extend(gaps.iter().map(|gap| format!("not recorded: {gap}")));
    out.wrong.extend(wraps(tenant, &manifest).await?);
    if let Some(acknowledged) = acknowledged {
        match ack::acknowledgement(&source, &manifest, &placement, &acknowledged).await? {
            None => out
                .good
                .push("the acknowledged message is in the record, at its place".to_owned()),
            Some(finding) => out.wrong.push(finding),
        }
    }
    Ok(out)
}

/// Each kept recipient has its wrapped key, and nobody else has one.
async fn wraps(tenant: &Tenant, manifest: &Manifest) -> Result<Vec<Finding>> {
    let rows = tenant.wraps_of(manifest.recording).await?;
    let mut out = Vec::new();
    for track in &manifest.tracks {
        for epoch in &track.epochs {
            let mut expected = Vec::new();
            for recipient in &epoch.recipients {
                if !matches!(recipient, seal::Recipient::Participant { .. }) {
                    expected.push(serde_json::to_string(recipient)?);
                }
            }
            let there: Vec<&String> = rows
                .iter()
                .filter(|w| w.track == track.track && w.epoch == epoch.epoch)
                .map(|w| &w.recipient)
                .collect();
            if expected.iter().any(|r| !there.contains(&r)) {
                let what = "a wrapped key is not there";
                out.push(Finding::epoch(track.track, epoch.epoch, what));
            }
            if there.iter().any(|r| !expected.contains(*r)) {
                let what = "there is a wrapped key for an unknown recipient";
                out.push(Finding::epoch(track.track, epoch.epoch, what));
            }
        }
    }
    Ok(out)
}

pub(super) async fn log_show(
    recorder: &Recorder,
    client: &str,
    from: u64,
    json: bool,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let staff = tenant.staff().await?;
    let mut next = from;
    loop {
        let page = tenant.log_entries(next, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        next = last.index + 1;
        for entry in page {
            let event = entry
                .event
                .as_ref()
                .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
            let line = if json {
                serde_json::json!({
                    "index": entry.index,
                    "leaf": entry.leaf,
                    "event": event,
                })
                .to_string()
            } else {
                format!(
                    "{:>6}  {}  {:<22}  {}",
                    entry.index,
                    shown(entry.at),
                    entry.kind,
                    event.map_or_else(|| "(erased)".to_owned(), |event| named(&event, &staff))
                )
            };
            answer.line(line).await?;
        }
    }
}

/// An entry as it stands in the log, and after it the names of the staff whose ids are in it.
fn named(event: &str, staff: &[Staff]) -> String {
    let names: Vec<String> = staff
        .iter()
        .filter(|who| event.contains(&who.id.to_string()))
        .map(|who| format!("{} is {}", who.id, escape(&who.name)))
        .collect();
    if names.is_empty() {
        return escape(event);
    }
    format!("{}  ({})", escape(event), names.join(", "))
}

pub(super) async fn log_verify(recorder: &Recorder, client: &str, answer: &Answer) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let checked = recorder.log.verify(&tenant).await?;
    answer
        .line(format!(
            "{} entries, {} of them erased",
            checked.entries, checked.erased
        ))
        .await?;
    if let Some(checkpoint) = &checked.checkpoint {
        answer
            .line(format!(
                "signed checkpoint {} of {} entries, root {}",
                checkpoint.origin, checkpoint.size, checkpoint.root
            ))
            .await?;
    }
    for what in &checked.wrong {
        answer.line(format!("WRONG  {what}")).await?;
    }
    if checked.wrong.is_empty() {
        answer.line("ok     the log is whole").await
    } else {
        answer.send(Reply::Wrong).await
    }
}

pub(super) async fn log_checkpoint(
    recorder: &Recorder,
    client: &str,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let row = tenant.newest_checkpoint().await?;
    let row = row.ok_or(Error::NotFound("checkpoint"))?;
    answer.line(row.note.trim_end()).await
}

pub(super) async fn log_adopt(
    recorder: &Recorder,
    client: &str,
    size: u64,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let (before, now) = recorder
        .log
        .adopt(&tenant, size, recorder.now(), &mut recorder.rng())
        .await?;
    answer
        .line(format!(
            "The log goes on from {} entries, and an entry says so. Signed before: {}.",
            now.size,
            before.map_or_else(
                || "nothing that this recorder knew of".to_owned(),
                |before| format!("{} entries, root {}", before.size, before.root)
            )
        ))
        .await
}

pub(super) async fn log_tiles(recorder: &Recorder, client: &str, answer: &Answer) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let checkpoint = tenant
        .newest_checkpoint()
        .await?
        .ok_or(Error::NotFound("checkpoint"))?;
    let leaves = log::leaves(&tenant, Some(checkpoint.size)).await?;
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes)
            .map_err(Error::Bundle)
    };
    add("checkpoint", checkpoint.note.as_bytes())?;
    for (path, bytes) in tiles::tiles(&leaves) {
        add(&path, &bytes)?;
    }
    let bytes = tar.into_inner().map_err(Error::Bundle)?;
    answer.send(Reply::Bytes(bytes.into())).await
}

pub(super) async fn intake_run(
    recorder: &Recorder,
    intake: &Mutex<Intake>,
    answer: &Answer,
) -> Result<()> {
    let pass = intake.lock().await.pass(recorder).await?;
    for (id, findings) in &pass.kept {
        answer.line(format!("kept     {id}")).await?;
        for finding in findings {
            answer.line(format!("         {finding}")).await?;
        }
    }
    for (id, why) in &pass.refused {
        answer.line(format!("REFUSED  {id}: {why}")).await?;
    }
    for what in &pass.damage {
        answer.line(format!("DAMAGED  {what}")).await?;
    }
    for (folder, segment) in &pass.freed {
        answer
            .line(format!("freed    {}, segment {segment}", folder.display()))
            .await?;
    }
    answer.line(format!("{} still run", pass.live)).await
}

pub(super) async fn intake_close(
    recorder: &Recorder,
    intake: &Mutex<Intake>,
    recording: RecordingId,
    answer: &Answer,
) -> Result<()> {
    let mut intake = intake.lock().await;
    intake.pass(recorder).await?;
    let findings = close::close(recorder, &mut intake, recording).await?;
    answer
        .line("Closed as truncated, and in the vault.")
        .await?;
    for finding in findings {
        answer.line(finding.to_string()).await?;
    }
    Ok(())
}

pub(super) async fn intake_rotate(
    recorder: &Recorder,
    intake: &Mutex<Intake>,
    answer: &Answer,
) -> Result<()> {
    let mut intake = intake.lock().await;
    intake.pass(recorder).await?;
    let rotated = rotate::rotate(recorder, &intake.generations()).await?;
    answer
        .line(format!(
            "Intake key {} is in use; {} wrapped keys were sealed anew; destroyed: {:?}",
            rotated.generation, rotated.rewrapped, rotated.destroyed
        ))
        .await
}
