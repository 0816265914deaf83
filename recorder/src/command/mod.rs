//! What can be asked of the recorder, as values: the command line sends them through the local
//! socket when the recorder runs, or carries them out itself when it is down. Either way the same
//! code runs ([`carry_out`]).

mod carry_out;
mod cases;
pub(crate) mod keeping;
mod keys;
mod notice;
mod people;
mod ready;
mod tag;

use core::fmt;

use bytes::Bytes;
use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::wire::SealedAt;
use proto::{CaseId, PublicKey, RecordingId, SessionId, SiteId, StaffId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::custody::PreparedShare;
use crate::error::{Error, Result};
use crate::keys::Passphrase;

pub use carry_out::carry_out;
pub use ready::Ready;

/// One thing to do. `client` is always the client's short name.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Makes a client.
    ClientAdd {
        /// Short name.
        client: String,
        /// Name that visitors see.
        name: String,
        /// The client's root (Ed25519).
        root: PublicKey,
    },
    /// Lists clients.
    ClientList {},
    /// Adds a site.
    SiteAdd {
        /// Whose.
        client: String,
        /// Name, for staff.
        name: String,
        /// `#rrggbb`.
        accent: Option<String>,
        /// Exact origins.
        origins: Vec<String>,
        /// Offered there.
        modalities: Vec<Modality>,
    },
    /// Changes where a site's pages are.
    SiteOrigins {
        /// Whose.
        client: String,
        /// Which.
        site: SiteId,
        /// Exact origins, in the place of all before.
        origins: Vec<String>,
    },
    /// Says anew which ways of talking a site offers besides chat.
    SiteOffer {
        /// Whose.
        client: String,
        /// Which.
        site: SiteId,
        /// In the place of all before.
        modalities: Vec<Modality>,
    },
    /// Lists sites.
    SiteList {
        /// Whose.
        client: String,
    },
    /// Publishes a notice.
    NoticePublish {
        /// Whose.
        client: String,
        /// On which site.
        site: SiteId,
        /// The exact JSON text.
        notice: String,
    },
    /// Adds an agent.
    AgentAdd {
        /// Whose.
        client: String,
        /// For signing in.
        sign_in: String,
        /// Name that visitors see.
        name: String,
        /// For signing in.
        password: Passphrase,
    },
    /// Adds an officer.
    OfficerAdd {
        /// Whose.
        client: String,
        /// For signing in.
        sign_in: String,
        /// Name.
        name: String,
        /// For signing in to the console.
        password: Passphrase,
        /// Locks the officer's key.
        passphrase: Passphrase,
        /// Officers who unlock their keys for it, where there are keys already.
        by: Vec<Unlocking>,
    },
    /// Says what keeps this from being done, before anyone types a passphrase for it.
    Ready(Ready),
    /// Lists agents and officers.
    StaffList {
        /// Whose.
        client: String,
    },
    /// Shows the recorder's public key.
    KeyShow {},
    /// Lists sealing keys.
    KeyList {
        /// Whose.
        client: String,
    },
    /// Makes a sealing key that waits for its signature.
    KeyPrepare {
        /// Whose.
        client: String,
        /// How many officers open together.
        threshold: Option<u8>,
    },
    /// Installs a signed sealing key.
    KeyInstall {
        /// Whose.
        client: String,
        /// Signed by the root.
        statement: Envelope,
        /// Sealed to the officers.
        shares: Vec<PreparedShare>,
    },
    /// Makes all shares anew.
    KeyReshare {
        /// Whose.
        client: String,
        /// Officers who unlock their keys for it.
        by: Vec<Unlocking>,
    },
    /// Certifies a relay node.
    NodeCertify {
        /// The node's key (Ed25519).
        key: PublicKey,
        /// For so many days.
        days: u32,
    },
    /// Lists nodes.
    NodeList {},
    /// Finds recordings by metadata.
    List(Search),
    /// Checks a recording in the vault.
    Verify {
        /// Whose.
        client: String,
        /// Which.
        recording: RecordingId,
        /// A client's acknowledgement to look for in it.
        ack: Option<SealedAt>,
    },
    /// Opens a case.
    CaseOpen {
        /// Whose.
        client: String,
        /// Who asks.
        authority: String,
        /// Their reference.
        reference: String,
        /// The legal basis.
        basis: String,
        /// What it covers.
        recordings: Vec<RecordingId>,
        /// Good for so many days.
        days: u32,
    },
    /// An officer approves.
    CaseApprove {
        /// Whose.
        client: String,
        /// Which.
        case: CaseId,
        /// Who.
        by: Unlocking,
    },
    /// Closes a case.
    CaseClose {
        /// Whose.
        client: String,
        /// Which.
        case: CaseId,
    },
    /// Lists cases, or shows one.
    CaseShow {
        /// Whose.
        client: String,
        /// Which; `None`: all.
        case: Option<CaseId>,
    },
    /// Hands out a bundle.
    Export(Opening),
    /// Shows a transcript.
    Open(Opening),
    /// Shows the log.
    LogShow {
        /// Whose.
        client: String,
        /// From this entry on.
        from: u64,
        /// As JSON Lines.
        json: bool,
    },
    /// Recomputes the log.
    LogVerify {
        /// Whose.
        client: String,
    },
    /// Shows the newest checkpoint.
    LogCheckpoint {
        /// Whose.
        client: String,
    },
    /// Takes the rows as the log from here on.
    LogAdopt {
        /// Whose.
        client: String,
        /// Of so many entries.
        size: u64,
    },
    /// Hands out the log as tlog-tiles, in a tar.
    LogTiles {
        /// Whose.
        client: String,
    },
    /// Looks at the spool once.
    IntakeRun {},
    /// Closes a recording whose node is gone.
    IntakeClose {
        /// Which.
        recording: RecordingId,
    },
    /// Rotates the intake key.
    IntakeRotate {},
    /// Says what is not as it should be.
    Check {},
}

/// An officer, by sign-in name, and the passphrase of their key.
#[derive(Serialize, Deserialize)]
pub struct Unlocking {
    /// Sign-in name.
    pub officer: String,
    /// Unlocks the officer's key.
    pub passphrase: Passphrase,
}

/// A search.
#[derive(Serialize, Deserialize)]
pub struct Search {
    /// Whose.
    pub client: String,
    /// Started at or after (milliseconds).
    pub from: Option<i64>,
    /// Started before (milliseconds).
    pub until: Option<i64>,
    /// On this site.
    pub site: Option<SiteId>,
    /// Holds this modality.
    pub modality: Option<Modality>,
    /// This agent (sign-in name) took part.
    pub agent: Option<String>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// At most so many.
    pub limit: u32,
    /// With what was recorded of whom, and what is missing of it.
    pub sources: bool,
    /// As JSON Lines.
    pub json: bool,
}

/// A recording to be opened under a case.
#[derive(Serialize, Deserialize)]
pub struct Opening {
    /// Whose.
    pub client: String,
    /// The case.
    pub case: CaseId,
    /// Which; `None`: the one that the case covers.
    pub recording: Option<RecordingId>,
    /// Officers who approve now, besides those who have unlocked already.
    pub by: Vec<Unlocking>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command(…)")
    }
}

/// A piece of an answer. May hold what was said: no `Debug`.
pub enum Reply {
    /// A line to a person; harmless to a terminal.
    Line(String),
    /// A piece of the file that was asked for.
    Bytes(Bytes),
    /// A value for the program that asked.
    Value(serde_json::Value),
    /// It was done, and what was checked is not as it should be.
    Wrong,
}

/// Where an answer goes, piece by piece.
#[derive(Debug, Clone)]
pub struct Answer(pub mpsc::Sender<Reply>);

impl Answer {
    /// A line to a person. Text of others in it must be escaped.
    pub async fn line(&self, text: impl Into<String>) -> Result<()> {
        self.send(Reply::Line(text.into())).await
    }

    /// Any piece.
    pub async fn send(&self, reply: Reply) -> Result<()> {
        self.0
            .send(reply)
            .await
            .map_err(|_| Error::refused("whoever asked went away"))
    }
}

/// Finds a member of staff by sign-in name.
async fn staff_by_name(tenant: &store::Tenant, sign_in: &str) -> Result<StaffId> {
    let credentials = tenant.staff_credentials(sign_in).await?;
    credentials.map(|c| c.staff.id).ok_or_else(|| {
        Error::refused(format!(
            "there is no officer or agent {} here",
            crate::terminal::escape(sign_in)
        ))
    })
}

/// Finds an officer by sign-in name.
async fn officer_by_name(tenant: &store::Tenant, sign_in: &str) -> Result<StaffId> {
    let id = staff_by_name(tenant, sign_in).await?;
    if tenant.officer_key(id).await?.is_none() {
        return Err(Error::refused(format!(
            "{} is no officer here, and has no key",
            crate::terminal::escape(sign_in)
        )));
    }
    Ok(id)
}

/// The recording of a case that is meant.
async fn scoped(
    tenant: &store::Tenant,
    case: &store::Case,
    recording: Option<RecordingId>,
) -> Result<RecordingId> {
    match (recording, case.scope.as_slice()) {
        (Some(recording), scope) if scope.contains(&recording) => Ok(recording),
        (Some(recording), _) => Err(match tenant.recording(recording).await? {
            Some(_) => Error::NotFound("recording in this case"),
            None => crate::cases::no_recording(tenant, recording).await?,
        }),
        (None, [only]) => Ok(*only),
        (None, scope) => Err(Error::refused(format!(
            "the case covers {}: name one with --recording",
            crate::terminal::count(scope.len(), "recording")
        ))),
    }
}

/// Officers by sign-in name.
async fn unlocking(
    tenant: &store::Tenant,
    by: &[Unlocking],
) -> Result<Vec<crate::custody::Unlocking>> {
    let mut out = Vec::new();
    for one in by {
        let id = staff_by_name(tenant, &one.officer).await?;
        out.push((id, one.passphrase.clone()));
    }
    Ok(out)
}
