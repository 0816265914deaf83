//! Why the recorder refused or failed: one line to a person, without personal data.

use std::path::Path;

/// See the variants. `Display` is what the command line prints.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] seal::spool::SpoolError),
    /// An officer's key.
    #[error(transparent)]
    Officer(#[from] crate::keys::officer::OfficerKeyError),
    /// The passphrase is wrong, or the stored key was altered: the two cannot be told apart.
    #[error("the passphrase of {whose}'s key is wrong")]
    WrongPassphrase {
        /// The officer's name for signing in; harmless to a terminal.
        whose: String,
    },
    /// Shares of a sealing key.
    #[error(transparent)]
    Share(#[from] crate::keys::shares::ShareError),
    /// HPKE.
    #[error(transparent)]
    Hpke(#[from] crate::keys::hpke::HpkeError),
    /// Signing or reading a signed document.
    #[error(transparent)]
    Dsse(#[from] proto::dsse::DsseError),
    /// A signed note.
    #[error(transparent)]
    Note(#[from] crate::log::note::NoteError),
    /// Sealing.
    #[error(transparent)]
    Seal(#[from] seal::SealError),
    /// JSON could not be written.
    #[error("a document could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The transcript's page could not be written.
    #[error("the transcript's page could not be written: {0}")]
    Page(#[from] askama::Error),
    /// A file or socket.
    #[error("{what} {path}: {reason}")]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// Input or output while a bundle is written.
    #[error("the bundle could not be written: {0}")]
    Bundle(std::io::Error),
    /// Not there, or not this tenant's: the two are not told apart.
    #[error("there is no such {0} here")]
    NotFound(&'static str),
    /// Too few officers have unlocked their shares.
    #[error("{have} of {need} officers have unlocked their shares: {missing} more must")]
    TooFewOfficers {
        /// So many have.
        have: usize,
        /// So many must.
        need: usize,
        /// The difference.
        missing: usize,
    },
    /// The case is closed or has expired.
    #[error("the case is {0}: open a new one")]
    CaseOver(&'static str),
    /// The name or the password is wrong; the two are not told apart.
    #[error("the name or the password is wrong")]
    SignIn,
    /// Sign-ins are limited, whoever tries.
    #[error("too many people are signing in: try again in a minute")]
    Crowded,
    /// It cannot be done as asked.
    #[error("{0}")]
    Refused(String),
}

/// Results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// A file that cannot be used.
    pub fn file(what: &'static str, path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::File {
            what,
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }

    /// It cannot be done as asked.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}
