//! Opening one recording, top to bottom:
//!
//! ```text
//! case → checks without keys → enough officers → log entry and signed checkpoint
//!      → intake seal off → tenant's key from the shares → commitment → parts, along their chain
//! ```
//! No plaintext byte exists before the log entry and its checkpoint are durable. What is damaged is
//! opened up to the damage, and the damage is named with its place.

pub mod tracks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::dsse::Envelope;
use proto::{CaseId, Hash32, KeyId, RecordingId, StaffId};
use seal::manifest::{Manifest, Track};
use seal::{Recipient, WrapInfo};
use store::{Case, StoredWrap, Tenant};
use tokio::time::timeout;

use crate::Recorder;
use crate::bundle::DataKey;
use crate::cases;
use crate::custody;
use crate::error::{Error, Result};
use crate::inspect::{Finding, Source, Trust, statement};
use crate::keys::PrivateKey;
use crate::keys::shares::{self, Share};
use crate::log::What;
use crate::log::announced::{Announced, Announcement};
use crate::media::{self, Rendition};
use crate::open::part::EpochKeys;
use crate::open::unwrap;
use crate::transcript::{self, Line};
use crate::vault::placement::Placement;
use crate::vault::{MANIFEST, PLACEMENT};

/// How long one who opens a recording waits for another who does.
const TURN: Duration = Duration::from_mins(1);

/// An opened recording. Holds what was said: no `Debug`.
pub struct Opened {
    /// The case that it was opened for.
    pub case: Case,
    /// Who unlocked their shares for it.
    pub officers: Vec<StaffId>,
    /// The log entry that announced it.
    pub opening: String,
    /// Signed by the node, countersigned by the recorder.
    pub manifest_envelope: Envelope,
    /// What it says.
    pub manifest: Manifest,
    /// Signed by the recorder.
    pub placement_envelope: Envelope,
    /// What it says.
    pub placement: Placement,
    /// Whose word was believed.
    pub trust: Trust,
    /// What was said, in order.
    pub lines: Vec<Line>,
    /// What there is to hear and to see.
    pub media: Rendition,
    /// With which keys: of each epoch that something was opened of, and of no other.
    pub keys: Vec<DataKey>,
    /// What is wrong or could not be opened, with its place.
    pub damage: Vec<Finding>,
}

/// What a recording is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be handed out.
    Export,
    /// To be read on the command line.
    Open,
    /// To be heard and seen in a browser.
    Play,
}

impl Purpose {
    /// What the log calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Open => "open",
            Self::Play => "play",
        }
    }

    /// A browser wants silence where sound pauses; evidence holds what came.
    fn renderer(self) -> fn(&Manifest, &[media::Track]) -> Rendition {
        match self {
            Self::Export | Self::Open => media::render,
            Self::Play => media::render_to_play,
        }
    }
}

/// Opens a recording under a case.
pub async fn open(
    recorder: &Recorder,
    tenant: &Tenant,
    case: CaseId,
    recording: RecordingId,
    purpose: Purpose,
) -> Result<Opened> {
    // The case is good, and covers this recording.
    let case = cases::valid(recorder, tenant, case).await?;
    if !case.scope.contains(&recording) {
        return Err(Error::NotFound("recording in this case"));
    }

    // What can be checked without any key.
    let trust = recorder.trust(tenant).await?;
    let source = Source::vault(&recorder.vault, tenant.id(), recording);
    let kept = tenant.recording(recording).await?;
    let kept = kept.and_then(|kept| kept.manifest);
    let (manifest_envelope, manifest) = source
        .envelope::<Manifest>(MANIFEST)
        .await?
        .map_err(|finding| nothing(&finding, kept))?;
    let (placement_envelope, placement) = source
        .envelope::<Placement>(PLACEMENT)
        .await?
        .map_err(|finding| nothing(&finding, None))?;
    if let Some(why) = statement::unbelievable(
        &manifest_envelope,
        &manifest,
        tenant.id(),
        recording,
        &trust,
    ) {
        return Err(nothing(&Finding::manifest(why), kept));
    }
    let mut damage = statement::manifest(
        &manifest_envelope,
        &manifest,
        tenant.id(),
        recording,
        &trust,
        true,
    );
    damage.extend(statement::placement(
        &placement_envelope,
        &placement,
        &manifest_envelope,
        &manifest,
        &trust,
    ));

    let turn = timeout(TURN, recorder.opening.lock()).await;
    let _turn = turn.map_err(|_| {
        Error::refused("another recording is being opened; open this one when that is done")
    })?;

    // It may have been closed meanwhile; from here to the log entry it cannot be.
    let step = recorder.case_steps.lock().await;
    let case = cases::valid(recorder, tenant, case.id).await?;

    // Enough officers have unlocked their shares, for every key.
    let (held, officers) = gather_shares(recorder, tenant, &case, &manifest).await?;

    // From here on it is on record, whatever happens.
    let announcement = Announcement {
        case: case.id,
        recording,
        officers: &officers,
        purpose: purpose.word(),
    };
    let announced = recorder
        .log
        .announce(tenant, announcement, recorder.now(), &mut recorder.rng())
        .await?;
    let opening = announced.id().to_owned();
    drop(step);
    let sealed = Sealed {
        source: &source,
        manifest: &manifest,
        placement: &placement,
        render: purpose.renderer(),
    };
    let opened = open_tracks(recorder, tenant, &announced, &sealed, &held).await;
    match opened {
        Ok(Plain {
            lines,
            media,
            keys,
            damage: more,
        }) => {
            damage.extend(more);
            Ok(Opened {
                case,
                officers,
                opening,
                manifest_envelope,
                manifest,
                placement_envelope,
                placement,
                trust,
                lines,
                media,
                keys,
                damage,
            })
        }
        Err(error) => {
            failed(recorder, tenant, case.id, recording, &opening, &error).await?;
            Err(error)
        }
    }
}

/// What opening begins with is not there, or not to be believed. The manifest that was kept is known
/// by its hash, wherever a copy of it is found.
fn nothing(finding: &Finding, kept: Option<Hash32>) -> Error {
    let hint = kept.map_or_else(String::new, |hash| {
        format!(
            "; put back the {MANIFEST} that was kept, from a copy of the vault or an earlier bundle: the file's SHA-256 is {hash}"
        )
    });
    Error::refused(format!("nothing can be opened: {finding}{hint}"))
}

/// Says in the log that an announced opening came to nothing.
pub async fn failed(
    recorder: &Recorder,
    tenant: &Tenant,
    case: CaseId,
    recording: RecordingId,
    opening: &str,
    error: &Error,
) -> Result<()> {
    let what = What::OpeningFailed {
        case,
        recording,
        opening: opening.to_owned(),
        reason: error.to_string(),
    };
    recorder.log(tenant, what).await.map(drop)
}

/// The shares that are unlocked for each key of the recording.
struct Held {
    threshold: u8,
    public: proto::PublicKey,
    shares: Vec<Share>,
}

async fn gather_shares(
    recorder: &Recorder,
    tenant: &Tenant,
    case: &Case,
    manifest: &Manifest,
) -> Result<(BTreeMap<KeyId, Held>, Vec<StaffId>)> {
    let statements = custody::verified_keys(tenant).await?;
    let needed: BTreeSet<KeyId> = manifest
        .tracks
        .iter()
        .flat_map(|t| &t.epochs)
        .map(|e| e.sealing_key)
        .collect();
    let (mut held, mut officers) = (BTreeMap::new(), BTreeSet::new());
    for id in needed {
        // A key that the root has not signed is a finding already; nothing can be opened with it.
        let Some(key) = statements.iter().find(|k| k.key == id) else {
            continue;
        };
        let unlocked = recorder.unlocked.shares(case.id, id, recorder.now());
        if unlocked.len() < usize::from(key.threshold) {
            return Err(custody::too_few(unlocked.len(), usize::from(key.threshold)));
        }
        officers.extend(unlocked.iter().map(|(officer, _)| *officer));
        held.insert(
            id,
            Held {
                threshold: key.threshold,
                public: key.public_key,
                shares: unlocked.into_iter().map(|(_, share)| share).collect(),
            },
        );
    }
    if officers.len() < usize::from(shares::THRESHOLD_MIN) {
        return Err(custody::too_few(
            officers.len(),
            usize::from(shares::THRESHOLD_MIN),
        ));
    }
    Ok((held, officers.into_iter().collect()))
}

/// What is there of a recording before anything is opened.
struct Sealed<'a> {
    source: &'a Source,
    manifest: &'a Manifest,
    placement: &'a Placement,
    render: fn(&Manifest, &[media::Track]) -> Rendition,
}

/// What the parts hold.
struct Plain {
    lines: Vec<Line>,
    media: Rendition,
    keys: Vec<DataKey>,
    damage: Vec<Finding>,
}

async fn open_tracks(
    recorder: &Recorder,
    tenant: &Tenant,
    announced: &Announced,
    sealed: &Sealed<'_>,
    held: &BTreeMap<KeyId, Held>,
) -> Result<Plain> {
    let Sealed {
        source,
        manifest,
        placement,
        render,
    } = *sealed;
    let mut whole = BTreeMap::new();
    for (id, held) in held {
        let key = shares::combine(&held.shares, held.threshold, &held.public)?;
        whole.insert(*id, key);
    }
    let wraps = tenant.wraps_of(manifest.recording).await?;
    let (mut keys, mut first) = (Vec::new(), Vec::new());
    for track in &manifest.tracks {
        let own = epoch_keys(recorder, announced, manifest, track, (&wraps, &whole))?;
        first.push(DataKey::of_track(track.track, &own));
        keys.push(own);
    }
    let opened = tracks::open(source, manifest, placement, keys).await?;
    let (mut lines, mut used, mut damage) = (Vec::new(), Vec::new(), Vec::new());
    let mut sources = Vec::new();
    for (track, first) in opened.into_iter().zip(first) {
        let touched = first.into_iter();
        used.extend(touched.filter(|key| track.epochs.contains(&key.epoch)));
        lines.extend(track.lines);
        damage.extend(track.walked.damage);
        sources.extend(track.source);
    }
    transcript::sort(&mut lines);
    if damage.is_empty() {
        damage.extend(transcript::miscounted(&lines));
    }
    let of = manifest.clone();
    Ok(Plain {
        media: tracks::off_the_runtime(move || render(&of, &sources)).await?,
        lines,
        keys: used,
        damage,
    })
}

/// The data key of each epoch of a track, or why there is none.
fn epoch_keys(
    recorder: &Recorder,
    announced: &Announced,
    manifest: &Manifest,
    track: &Track,
    (wraps, whole): (&[StoredWrap], &BTreeMap<KeyId, PrivateKey>),
) -> Result<EpochKeys> {
    let mut keys = BTreeMap::new();
    for epoch in &track.epochs {
        let recipient = Recipient::Tenant {
            key: epoch.sealing_key,
        };
        let info = WrapInfo {
            tenant: manifest.tenant,
            recording: manifest.recording,
            track: track.track,
            epoch: epoch.epoch,
            recipient,
        };
        let named = serde_json::to_string(&recipient)?;
        let wrap = wraps
            .iter()
            .find(|w| w.track == track.track && w.epoch == epoch.epoch && w.recipient == named);
        let key = match (wrap, whole.get(&epoch.sealing_key)) {
            (None, _) => Err("its wrapped key is not there: it was erased, or lost".to_owned()),
            (_, None) => Err("its sealing key is not one that the client's root signed".to_owned()),
            (Some(wrap), Some(whole)) => match recorder.keys.intake(wrap.generation)? {
                None => Err(format!(
                    "intake key {} is destroyed: this cannot be opened any more",
                    wrap.generation
                )),
                Some(intake) => unwrap::intake(&wrap.wrap, &info, wrap.generation, &intake)
                    .and_then(|inner| {
                        unwrap::tenant(announced, &inner, &info, whole, &epoch.commitment)
                    })
                    .map_err(|e| e.to_string()),
            },
        };
        keys.insert(epoch.epoch, key);
    }
    Ok(keys)
}
