//! The evidence bundle: what an approved export hands out, and its check without any server.
//!
//! ```text
//! vestibule-<recording>/            a BagIt 1.0 bag (RFC 8493), in a tar
//!   bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt
//!   bundle.dsse.json                signed by the recorder: this payload, for this case
//!   data/transcript.html            to read and print
//!   data/transcript.jsonl           the same for machines: one line per opened part
//!   data/media/….webm              what was heard and seen, by person and all together
//!   data/data-keys.json             of every epoch that was opened: with them anybody opens the parts
//!   data/damage.json                what could not be opened, with its place; [] is good
//!   data/manifest.dsse.json         what the recording consists of, by the node and the recorder
//!   data/placement.dsse.json        where its parts are
//!   data/sealed/t….parts, .index.json   the sealed parts themselves
//!   data/notice-<hash>.json         what people agreed to, byte for byte
//!   data/custody.jsonl              who did what with it: log entries, each with its proof
//!   data/checkpoint                 the log's signed checkpoint that the proofs lead to
//!   data/log-leaves                 every leaf hash of that checkpoint's tree
//!   data/keys.json                  public keys that the signatures are checked with
//! ```

pub mod bagit;
pub mod compose;
mod custody;
pub mod unpack;
pub mod verify;
pub mod words;

use proto::dsse::{Document, Envelope};
use proto::{CaseId, EpochNo, Hash32, Millis, PublicKey, RecordingId, TenantId, TrackNo};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::open::key::EpochKey;
use crate::open::part::EpochKeys;

/// File names in a bundle, below `data/` unless said.
pub mod names {
    /// What `bag-info.txt` calls the case.
    pub const CASE: &str = "Internal-Sender-Identifier";
    /// What it calls the case's reference.
    pub const REFERENCE: &str = "Internal-Sender-Description";
    /// What it calls the fingerprint of the recorder's key.
    pub const FINGERPRINT: &str = "Recorder-Key-Fingerprint";
    /// Below the bag itself.
    pub const STATEMENT: &str = "bundle.dsse.json";
    /// See the module.
    pub const PAGE: &str = "transcript.html";
    /// See the module.
    pub const LINES: &str = "transcript.jsonl";
    /// See the module.
    pub const DATA_KEYS: &str = "data-keys.json";
    /// See the module.
    pub const DAMAGE: &str = "damage.json";
    /// See the module.
    pub const CUSTODY: &str = "custody.jsonl";
    /// See the module.
    pub const CHECKPOINT: &str = "checkpoint";
    /// See the module.
    pub const LEAVES: &str = "log-leaves";
    /// See the module.
    pub const KEYS: &str = "keys.json";
    /// Folder of the sealed parts.
    pub const SEALED: &str = "sealed/";
    /// Folder of the files that play.
    pub const MEDIA: &str = "media/";
}

/// The data key of one epoch that was opened, at step 0. It opens nothing but parts that are in the
/// bundle, as words, already. No `Debug`.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct DataKey {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// 32 bytes in base64url.
    pub key: String,
}

impl DataKey {
    /// The keys that there are for a track, before anything is opened with them.
    pub fn of_track(track: TrackNo, keys: &EpochKeys) -> Vec<Self> {
        let one = |(epoch, key): (&EpochNo, &Result<EpochKey, String>)| {
            let text = key.as_ref().ok()?.handed_out()?;
            Some(Self {
                track,
                epoch: *epoch,
                key: text.as_str().to_owned(),
            })
        };
        keys.iter().filter_map(one).collect()
    }
}

/// What the recorder signs of a bundle: all of it, for this case. The words need no such word: they
/// are compared with the sealed parts ([`words`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleStatement {
    /// 1.
    pub version: u32,
    /// The tenant.
    pub tenant: TenantId,
    /// The case.
    pub case: CaseId,
    /// The recording.
    pub recording: RecordingId,
    /// The log entry that announced the opening.
    pub opening: String,
    /// When.
    pub made: Millis,
    /// SHA-256 of `manifest-sha256.txt`.
    pub payload: Hash32,
    /// SHA-256 of `bag-info.txt`.
    pub info: Hash32,
}

impl Document for BundleStatement {
    const TYPE: &'static str = "application/vnd.vestibule.bundle+json";
}

/// Public keys, and who says whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name.
    pub client: String,
    /// The recorder's (Ed25519): the anchor. Compare its fingerprint with one that you were given.
    pub recorder: PublicKey,
    /// The same in the form that signed-note tools take.
    pub checkpoint_vkey: String,
    /// The tenant's root (Ed25519).
    pub root: PublicKey,
    /// Certificates of nodes, signed by the recorder.
    pub nodes: Vec<Envelope>,
    /// Sealing keys, signed by the root.
    pub sealing: Vec<Envelope>,
}
