//! Closes a recording whose node is gone for good: the operator says so, and the recorder signs a
//! manifest of what is there, honestly truncated.

use std::collections::BTreeMap;

use proto::dsse::{Document as _, Envelope};
use proto::{EpochNo, Hash32, Millis, ParticipantId, RecordingId, TrackNo};
use seal::manifest::{
    Cause, Consent, Ending, Epoch, Manifest, Participant, Place, Policy, Track, VERSION,
};
use seal::spool::Epoch as SpooledEpoch;
use seal::{PartKind, Recipient, merkle};
use store::Tenant;

use super::Intake;
use super::gather::{Gathered, SpooledPart};
use super::keep::{self, Outcome};
use crate::Recorder;
use crate::error::{Error, Result};
use crate::inspect::{Finding, Source};
use crate::log;
use crate::vault::MANIFEST;

/// Closes `id` as truncated and brings it into the vault.
pub async fn close(
    recorder: &Recorder,
    intake: &mut Intake,
    id: RecordingId,
) -> Result<Vec<Finding>> {
    let gathered = intake
        .gathered(id)
        .ok_or(Error::NotFound("recording in the spools"))?
        .clone();
    if gathered.end.is_some() {
        return Err(Error::refused(
            "this recording has an ending of its own: `recorder intake run` brings it into the vault",
        ));
    }
    let tenant = recorder.store.tenant(gathered.tenant).await?;
    let envelope = match logged(recorder, &tenant, id).await? {
        Some(envelope) => envelope,
        None => truncated(recorder, &tenant, &gathered).await?,
    };
    match keep::keep(recorder, &tenant, id, &gathered, &envelope).await? {
        Outcome::Kept(findings) => {
            intake.kept_by_hand(id);
            Ok(findings)
        }
        Outcome::Refused(why) => Err(Error::refused(format!("manifest: {why}"))),
    }
}

/// The manifest that the log says was kept: closing was cut short after that entry. Since then the
/// spool may have been told more, and another manifest would never again be the log's.
async fn logged(recorder: &Recorder, tenant: &Tenant, id: RecordingId) -> Result<Option<Envelope>> {
    let Some(kept) = log::kept(tenant, id, &recorder.public()).await? else {
        return Ok(None);
    };
    let source = Source::vault(&recorder.vault, tenant.id(), id);
    let there = source.envelope::<Manifest>(MANIFEST).await?.ok();
    Ok(there
        .map(|(envelope, _)| envelope)
        .filter(|envelope| Hash32::of(&envelope.payload) == kept))
}

/// The manifest of what is there.
async fn truncated(recorder: &Recorder, tenant: &Tenant, gathered: &Gathered) -> Result<Envelope> {
    let begin = gathered
        .begin
        .as_ref()
        .ok_or_else(|| Error::refused("the spool does not have the beginning of this recording"))?;
    let tracks = tracks(gathered);
    let mut named = gathered.gaps.clone();
    named.retain(|gap| gap.is_in(&tracks));
    // The end is not known; the latest that can be shown is what the rows say, when the last gap
    // was over, or the beginning.
    let session = tenant.session(begin.session).await?;
    let gaps = gathered.gaps.iter().map(|gap| gap.to);
    let ended = session
        .and_then(|s| s.ended)
        .into_iter()
        .chain(gaps)
        .fold(begin.started, Millis::max);
    let places = tracks
        .iter()
        .map(|track| Place {
            track: track.track,
            epoch: track.epochs.last().map_or(0, |e| e.epoch),
            seq: track.parts,
        })
        .collect();
    let manifest = Manifest {
        version: VERSION,
        tenant: tenant.id(),
        recording: begin.recording,
        session: begin.session,
        site: begin.site,
        node: begin.node,
        started: begin.started,
        ended,
        modalities: gathered.modalities(),
        policy: Policy::at(begin.notice, begin.policy, ended),
        participants: participants(tenant, gathered).await?,
        tracks,
        gaps: named,
        ending: Ending::Truncated {
            cause: Cause::Restart,
            places,
        },
    };
    Ok(manifest.sign(recorder.keys.signing())?)
}

async fn participants(tenant: &Tenant, gathered: &Gathered) -> Result<Vec<Participant>> {
    let mut out: Vec<Participant> = Vec::new();
    for epoch in &gathered.epochs {
        if out.iter().any(|p| p.participant == epoch.participant) {
            continue;
        }
        let row = tenant
            .participant(epoch.participant)
            .await?
            .ok_or(Error::NotFound("participant of this recording"))?;
        out.push(Participant {
            participant: row.id,
            role: row.role,
            staff: row.staff,
            consent: Consent {
                notice: row.consent.notice,
                modalities: row.consent.modalities,
                recording: row.consent.choice,
                at: row.consent.at,
            },
        });
    }
    Ok(out)
}

fn recipients(epoch: &SpooledEpoch) -> Vec<Recipient> {
    let live = epoch.live.iter().map(|live| Recipient::Participant {
        participant: live.participant,
    });
    let mut all: Vec<_> = epoch.kept.iter().map(|k| k.recipient).chain(live).collect();
    all.dedup();
    all
}

/// Each track's chain, as far as it holds.
fn tracks(gathered: &Gathered) -> Vec<Track> {
    let mut by_track: BTreeMap<TrackNo, Vec<&SpooledEpoch>> = BTreeMap::new();
    for epoch in &gathered.epochs {
        by_track.entry(epoch.track).or_default().push(epoch);
    }
    by_track
        .into_iter()
        .map(|(number, epochs)| track(number, &epochs, gathered))
        .collect()
}

fn track(number: TrackNo, epochs: &[&SpooledEpoch], gathered: &Gathered) -> Track {
    let (mut head, mut count, mut ended) = (Hash32::ZERO, 0, false);
    let mut leaves: BTreeMap<EpochNo, Vec<Hash32>> = BTreeMap::new();
    let parts = gathered.parts.iter().filter(|p| p.header.track == number);
    for SpooledPart { header, hash, .. } in parts {
        if header.prev != head || header.seq != count + 1 {
            break;
        }
        (head, count, ended) = (*hash, header.seq, header.kind == PartKind::End);
        leaves.entry(header.epoch).or_default().push(*hash);
    }
    let statement = |epoch: &&SpooledEpoch| {
        let hashes = leaves
            .get(&epoch.epoch)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Epoch {
            epoch: epoch.epoch,
            parts: hashes.len() as u64,
            root: merkle::parts_root(hashes),
            commitment: epoch.commitment,
            sealing_key: epoch.sealing_key,
            intake_generation: epoch.intake_generation,
            recipients: recipients(epoch),
        }
    };
    let (participant, modality) = epochs.first().map_or(
        (
            ParticipantId::from_bytes([0; 16]),
            proto::notice::Modality::Chat,
        ),
        |e| (e.participant, e.modality),
    );
    Track {
        track: number,
        participant,
        modality,
        parts: count,
        head,
        ended,
        epochs: epochs.iter().map(statement).collect(),
    }
}
