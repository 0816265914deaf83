//! Why the store refused or failed. No variant carries a row's values: an engine's detail text
//! ("key (name)=(…) already exists") could hold a person's name, so it is dropped here.

/// Why the store refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The configured address is neither `sqlite:DIR` nor `postgres://…`.
    #[error("the store's url must be sqlite:DIRECTORY or postgres://…")]
    Url,
    /// SQLite before 3.51.3 can corrupt a database when the write-ahead log is reset.
    #[error("SQLite {0} is too old: 3.51.3 or newer is needed")]
    SqliteTooOld(String),
    /// The data was written by a newer version of this program.
    #[error("the database {0} was written by a newer version")]
    Newer(&'static str),
    /// No such tenant, or it was forgotten.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// What the call names is not there, or is not this tenant's: the two are not told apart.
    #[error("not found")]
    NotFound,
    /// The notice that was agreed to is not the site's current one.
    #[error("the notice is not the current one")]
    NoticeOutdated,
    /// It is there already.
    #[error("it is there already ({0})")]
    Conflict(&'static str),
    /// What the caller wants kept does not fit its own form.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// A row does not read back as what was written.
    #[error("a row of {0} is damaged")]
    Damaged(&'static str),
    /// The engine failed.
    #[error("the database failed in {name}: {reason}")]
    Engine {
        /// The transaction's name.
        name: &'static str,
        /// The engine's message without any row's values.
        reason: String,
    },
    /// A file or folder could not be made or removed.
    #[error("{what}: {reason}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}
