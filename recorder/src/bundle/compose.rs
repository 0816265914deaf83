//! Writes a bundle as a stream: sealed objects pass through one at a time, and what was opened is
//! in memory only.

use std::collections::BTreeSet;

use bytes::Bytes;
use proto::dsse::Document as _;
use proto::{CaseId, Hash32, Millis, RecordingId};
use sha2::{Digest as _, Sha256};
use store::Tenant;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::bagit::BagWriter;
use super::{BundleStatement, Keys, names};
use crate::Recorder;
use crate::error::{Error, Result};
use crate::inspect::{Finding, Source};
use crate::log::checkpoint::origin;
use crate::log::note::NoteVerifier;
use crate::log::{self, What};
use crate::media::Rope;
use crate::retrieval::{self, Opened, Purpose};
use crate::terminal::escape;
use crate::transcript::{self, Heading};
use crate::vault::{MANIFEST, PLACEMENT};

/// Handed on at once.
const CHUNK: usize = 1 << 20;

/// A written bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// SHA-256 of all of it: stands in the log.
    pub sha256: Hash32,
    /// Its length.
    pub bytes: u64,
    /// What could not be opened.
    pub damage: Vec<Finding>,
}

/// The name that a bundle is handed out under.
pub fn file_name(recording: RecordingId) -> String {
    format!("vestibule-{recording}.tar")
}

/// Opens a recording under a case and streams its bundle.
pub async fn export(
    recorder: &Recorder,
    tenant: &Tenant,
    case: CaseId,
    recording: RecordingId,
    to: mpsc::Sender<Bytes>,
) -> Result<Exported> {
    let opened = retrieval::open(recorder, tenant, case, recording, Purpose::Export).await?;
    match write(recorder, tenant, &opened, to).await {
        Ok(exported) => {
            let what = What::Opened {
                case,
                recording,
                opening: opened.opening.clone(),
                sha256: exported.sha256,
                damaged: exported.damage.len() as u64,
            };
            recorder.log(tenant, what).await?;
            Ok(exported)
        }
        Err(error) => {
            retrieval::failed(recorder, tenant, case, recording, &opened.opening, &error).await?;
            Err(error)
        }
    }
}

/// The bag that is being written, and where it goes.
struct Stream {
    bag: BagWriter<Vec<u8>>,
    to: mpsc::Sender<Bytes>,
    hash: Sha256,
    bytes: u64,
}

impl Stream {
    async fn add(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.bag.add(path, bytes).map_err(Error::Bundle)?;
        self.flush().await
    }

    /// Adds a file without making one piece of it.
    async fn add_rope(&mut self, path: &str, rope: &Rope) -> Result<()> {
        self.bag.begin(path, rope.len()).map_err(Error::Bundle)?;
        for piece in rope.pieces() {
            self.bag.piece(piece).map_err(Error::Bundle)?;
            if self.bag.written().len() >= CHUNK {
                self.flush().await?;
            }
        }
        self.bag.end().map_err(Error::Bundle)?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        let chunk = core::mem::take(self.bag.written());
        send(&mut self.hash, &mut self.bytes, &self.to, chunk).await
    }
}

async fn send(
    hash: &mut Sha256,
    bytes: &mut u64,
    to: &mpsc::Sender<Bytes>,
    chunk: Vec<u8>,
) -> Result<()> {
    hash.update(&chunk);
    *bytes += chunk.len() as u64;
    to.send(chunk.into())
        .await
        .map_err(|_| Error::refused("whoever was to receive the bundle went away"))
}

async fn write(
    recorder: &Recorder,
    tenant: &Tenant,
    opened: &Opened,
    to: mpsc::Sender<Bytes>,
) -> Result<Exported> {
    let now = recorder.now().whole_seconds();
    let recording = opened.manifest.recording;
    let root = format!("vestibule-{recording}");
    let bag = BagWriter::new(Vec::new(), &root, now).map_err(Error::Bundle)?;
    let mut stream = Stream {
        bag,
        to,
        hash: Sha256::new(),
        bytes: 0,
    };
    transcript(&mut stream, tenant, opened, now).await?;
    for file in &opened.media.files {
        stream
            .add_rope(&format!("{}{}", names::MEDIA, file.name), &file.bytes)
            .await?;
    }
    sealed(recorder, tenant, opened, &mut stream).await?;
    notices(tenant, opened, &mut stream).await?;
    custody(recorder, tenant, opened, &mut stream).await?;

    let info = stream.bag.info(&[
        ("Source-Organization", tenant.info().name.clone()),
        ("External-Identifier", recording.to_string()),
        (names::CASE, opened.case.id.to_string()),
        (names::REFERENCE, opened.case.reference.clone()),
        (
            names::FINGERPRINT,
            recorder.public().fingerprint().to_string(),
        ),
    ]);
    let statement = BundleStatement {
        version: 1,
        tenant: tenant.id(),
        case: opened.case.id,
        recording,
        opening: opened.opening.clone(),
        made: now,
        payload: Hash32::of(stream.bag.payload().as_bytes()),
        info: Hash32::of(&info),
    };
    let statement = serde_json::to_vec(&statement.sign(recorder.keys.signing())?)?;
    let rest = stream
        .bag
        .finish(info, &[(names::STATEMENT, statement)])
        .map_err(Error::Bundle)?;
    let (mut hash, mut bytes) = (stream.hash, stream.bytes);
    send(&mut hash, &mut bytes, &stream.to, rest).await?;
    Ok(Exported {
        sha256: Hash32(hash.finalize().into()),
        bytes,
        damage: opened.damage.clone(),
    })
}

async fn transcript(
    stream: &mut Stream,
    tenant: &Tenant,
    opened: &Opened,
    now: Millis,
) -> Result<()> {
    let damage: Vec<String> = opened.damage.iter().map(ToString::to_string).collect();
    let heading = Heading {
        client: &tenant.info().name,
        case: opened.case.id,
        reference: &escape(&opened.case.reference),
        opened: now,
        damage: &damage,
        media: &opened.media.described(),
    };
    let page = transcript::page(&opened.lines, &opened.manifest, &heading)?;
    stream.add(names::PAGE, page.as_bytes()).await?;
    stream
        .add(names::LINES, &transcript::jsonl(&opened.lines)?)
        .await?;
    let keys = Zeroizing::new(serde_json::to_vec(&opened.keys)?);
    stream.add(names::DATA_KEYS, &keys).await?;
    stream
        .add(names::DAMAGE, &serde_json::to_vec(&damage)?)
        .await
}

async fn sealed(
    recorder: &Recorder,
    tenant: &Tenant,
    opened: &Opened,
    stream: &mut Stream,
) -> Result<()> {
    let source = Source::vault(&recorder.vault, tenant.id(), opened.manifest.recording);
    stream
        .add(MANIFEST, &serde_json::to_vec(&opened.manifest_envelope)?)
        .await?;
    stream
        .add(PLACEMENT, &serde_json::to_vec(&opened.placement_envelope)?)
        .await?;
    for object in &opened.placement.objects {
        for name in [&object.index, &object.name] {
            // What is missing is named in the damage; what is altered is handed out as it is.
            if let Some(bytes) = source.read(name).await? {
                let path = format!("{}{name}", names::SEALED);
                stream.add(&path, &bytes).await?;
            }
        }
    }
    Ok(())
}

async fn notices(tenant: &Tenant, opened: &Opened, stream: &mut Stream) -> Result<()> {
    let manifest = &opened.manifest;
    let agreed = manifest.participants.iter().map(|p| p.consent.notice);
    let hashes: BTreeSet<Hash32> = agreed.chain([manifest.policy.notice]).collect();
    for hash in hashes {
        if let Some(notice) = tenant.notice(&hash).await? {
            stream
                .add(&format!("notice-{hash}.json"), &notice.bytes)
                .await?;
        }
    }
    Ok(())
}

async fn custody(
    recorder: &Recorder,
    tenant: &Tenant,
    opened: &Opened,
    stream: &mut Stream,
) -> Result<()> {
    let (id, case) = (opened.manifest.recording, opened.case.id);
    let concerns = |what: &What| match what {
        What::RecordingKept { recording, .. } | What::RecordingRefused { recording, .. } => {
            *recording == id
        }
        What::CaseOpened { case: of, .. }
        | What::CaseApproved { case: of, .. }
        | What::CaseClosed { case: of } => *of == case,
        What::Opening { recording, .. }
        | What::Opened { recording, .. }
        | What::OpeningFailed { recording, .. } => *recording == id,
        What::TenantMade { .. } => true,
        _ => false,
    };
    let mut entries = log::about(tenant, id).await?;
    entries.extend(log::about(tenant, case).await?);
    entries.extend(log::beginning(tenant).await?);
    entries.retain(|entry| log::read(entry).is_some_and(|event| concerns(&event.what)));
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    let proven = log::prove(tenant, &entries).await?;
    let mut lines = Vec::new();
    for entry in &proven.entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    stream.add(names::CUSTODY, &lines).await?;
    stream
        .add(names::CHECKPOINT, proven.checkpoint.as_bytes())
        .await?;
    let leaves: Vec<u8> = proven.leaves.iter().flat_map(|leaf| leaf.0).collect();
    stream.add(names::LEAVES, &leaves).await?;
    let keys = Keys {
        tenant: tenant.id(),
        client: tenant.info().name.clone(),
        recorder: recorder.public(),
        checkpoint_vkey: NoteVerifier {
            name: origin(tenant.id()),
            key: recorder.public(),
        }
        .vkey(),
        root: tenant.info().root_key,
        nodes: opened.trust.nodes.clone(),
        sealing: opened.trust.sealing.clone(),
    };
    stream
        .add(names::KEYS, &serde_json::to_vec_pretty(&keys)?)
        .await
}
