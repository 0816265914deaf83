//! The intake key's generations. Each day a new one takes over, surviving wraps are sealed to it
//! anew, and the private halves before it are destroyed: what was deleted in between is then lost
//! in every copy.
//!
//! A replaced generation stays for a while: relays learn of the new one, and what still waits in a
//! spool is sealed to the old.

use std::collections::BTreeSet;

use proto::dsse::Document as _;
use proto::keys::IntakeKey;
use proto::{Millis, TrackNo};
use seal::{Recipient, WrapInfo, wrap};
use store::{IntakeGeneration, StoredWrap, Tenant};

use crate::Recorder;
use crate::error::{Error, Result};
use crate::keys::PrivateKey;
use crate::log::What;
use crate::open::unwrap;

const PAGE: u32 = 500;

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotated {
    /// The generation that is in use now.
    pub generation: u32,
    /// Wraps that were sealed to it anew.
    pub rewrapped: u64,
    /// Generations whose private halves were destroyed.
    pub destroyed: Vec<u32>,
}

/// The newest generation's signed statement.
pub async fn newest(recorder: &Recorder) -> Result<Option<IntakeKey>> {
    let Some(row) = recorder.store.control().newest_intake_key().await? else {
        return Ok(None);
    };
    Ok(Some(row.statement.verify(&recorder.public())?))
}

/// Makes and publishes the next generation.
pub async fn next_generation(recorder: &Recorder) -> Result<IntakeKey> {
    // A kill between making and publishing leaves an unused private half: number past it.
    let made = recorder.keys.intake_generations()?;
    let published = newest(recorder).await?.map_or(0, |key| key.generation);
    let generation = made.last().copied().unwrap_or(0).max(published) + 1;
    let key = IntakeKey {
        generation,
        public_key: recorder.keys.make_intake(generation, &mut recorder.rng())?,
        not_before: recorder.now().whole_seconds(),
    };
    let statement = key.sign(recorder.keys.signing())?;
    recorder
        .store
        .control()
        .put_intake_key(&IntakeGeneration {
            generation,
            statement,
        })
        .await?;
    Ok(key)
}

/// Whether the newest generation has served its time.
pub async fn is_due(recorder: &Recorder) -> Result<bool> {
    let hours = i64::from(recorder.config.intake.rotate_hours.max(1));
    Ok(newest(recorder)
        .await?
        .is_none_or(|key| key.not_before.plus(hours * 3_600_000) <= recorder.now()))
}

/// Seals every surviving wrap to the newest generation.
pub async fn rewrap(recorder: &Recorder) -> Result<u64> {
    let newest = newest(recorder)
        .await?
        .ok_or(Error::NotFound("intake key"))?;
    let mut all = 0;
    for tenant in recorder.store.tenants().await? {
        let count = rewrap_tenant(recorder, &tenant, &newest).await?;
        if count > 0 {
            let what = What::IntakeRotated {
                generation: newest.generation,
                rewrapped: count,
            };
            recorder.log(&tenant, what).await?;
        }
        all += count;
    }
    Ok(all)
}

async fn rewrap_tenant(recorder: &Recorder, tenant: &Tenant, to: &IntakeKey) -> Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = tenant
            .wraps_before(to.generation, after.as_ref(), PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(count);
        };
        after = Some(last.cursor());
        let mut sealed = Vec::with_capacity(page.len());
        for row in page {
            let key = recorder.keys.intake(row.generation)?.ok_or_else(|| {
                Error::refused(format!(
                    "the wraps of recording {} are sealed to intake key {}, which is destroyed",
                    row.recording, row.generation
                ))
            })?;
            sealed.push(rewrap_one(recorder, tenant, row, &key, to)?);
        }
        tenant.put_wraps(&sealed).await?;
        count += sealed.len() as u64;
    }
}

fn rewrap_one(
    recorder: &Recorder,
    tenant: &Tenant,
    row: StoredWrap,
    key: &PrivateKey,
    to: &IntakeKey,
) -> Result<StoredWrap> {
    let info = info(tenant, &row)?;
    let inner = unwrap::intake(&row.wrap, &info, row.generation, key)
        .map_err(|e| damaged(&row, row.track, &e))?;
    let wrap = wrap::keep(&inner, &info, to, &mut recorder.rng())?;
    Ok(StoredWrap {
        generation: to.generation,
        wrap,
        ..row
    })
}

/// What a stored wrap is bound to.
pub fn info(tenant: &Tenant, row: &StoredWrap) -> Result<WrapInfo> {
    let recipient: Recipient = serde_json::from_str(&row.recipient)
        .map_err(|_| damaged(row, row.track, &"its recipient is not known"))?;
    Ok(WrapInfo {
        tenant: tenant.id(),
        recording: row.recording,
        track: row.track,
        epoch: row.epoch,
        recipient,
    })
}

fn damaged(row: &StoredWrap, track: TrackNo, why: &impl core::fmt::Display) -> Error {
    Error::refused(format!(
        "the wrapped key of recording {}, track {track}, epoch {}: {why}",
        row.recording, row.epoch
    ))
}

/// Destroys every private half that nothing needs: replaced for at least the grace time, no wrap
/// and nothing in a spool (`in_spools`) sealed to it.
pub async fn destroy_unneeded(recorder: &Recorder, in_spools: &BTreeSet<u32>) -> Result<Vec<u32>> {
    let grace = i64::from(recorder.config.intake.grace_minutes) * 60_000;
    let statements = recorder.store.control().intake_keys().await?;
    let began: Vec<(u32, Millis)> = statements
        .iter()
        .filter_map(|row| row.statement.verify::<IntakeKey>(&recorder.public()).ok())
        .map(|key| (key.generation, key.not_before))
        .collect();
    let mut needed = in_spools.clone();
    for tenant in recorder.store.tenants().await? {
        needed.extend(tenant.wrap_generations().await?.iter().map(|(g, _)| *g));
    }
    let mut destroyed = Vec::new();
    for generation in recorder.keys.intake_generations()? {
        let replaced = began
            .iter()
            .filter(|(g, _)| *g > generation)
            .map(|(_, at)| *at)
            .min();
        let over = replaced.is_some_and(|at| at.plus(grace) <= recorder.now());
        if over && !needed.contains(&generation) {
            recorder.keys.destroy_intake(generation)?;
            destroyed.push(generation);
        }
    }
    Ok(destroyed)
}

/// A whole rotation: next generation, rewrap, destroy what nothing needs.
pub async fn rotate(recorder: &Recorder, in_spools: &BTreeSet<u32>) -> Result<Rotated> {
    let key = next_generation(recorder).await?;
    Ok(Rotated {
        generation: key.generation,
        rewrapped: rewrap(recorder).await?,
        destroyed: destroy_unneeded(recorder, in_spools).await?,
    })
}
