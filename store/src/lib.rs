//! Where rows live: the control plane, and one tenant plane for each client.
//!
//! The SQL is written once, in the dialect that SQLite and PostgreSQL both accept, and runs through
//! one thin seam over sqlx. There is no store trait: [`Store`] opens either engine, and the
//! only way to a client's rows is a [`Tenant`], which can reach nothing but itself.
//!
//! ```text
//! Store::open ── control()            -> Control   the operator's own rows: tenants, nodes, keys
//!            └── tenant(id) / …_by_slug / …_of_site -> Tenant   one client's rows, and its wraps
//! ```
//!
//! Times and ids are parameters. No column holds an address, a visitor's name, or a text of a
//! conversation.

mod cases;
mod consents;
mod control;
mod db;
mod error;
mod fold;
mod keys;
mod log;
mod notices;
mod open;
mod participants;
mod postgres;
mod recordings;
mod schema;
mod sessions;
mod sites;
mod sqlite;
mod staff;
mod store;
mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod value;
mod wraps;

pub use cases::{Approval, Case, NewCase};
pub use consents::{Consent, ConsentChange, NewConsent};
pub use control::{Control, IntakeGeneration, NewTenant, Node, TenantInfo};
pub use error::StoreError;
pub use keys::{KeyShare, Officer, OfficerKey, SealingKeyRow};
pub use log::{Checkpoint, LogEntry, NewLogEntry};
pub use notices::StoredNotice;
pub use participants::{AgentConsent, NewParticipant, Participant};
pub use recordings::{Cursor, Ending, Recording, RecordingFilter, RecordingPage};
pub use sessions::{EndedSession, Session, SessionState, UnfinishedSession};
pub use sites::{NewSite, Site, SiteNotice};
pub use staff::{NewStaff, Staff, StaffCredentials, StaffRole};
pub use store::{Store, StoreConfig};
pub use tenant::Tenant;
pub use tokens::{JoinToken, Joined, Resumed};
pub use wraps::{StoredWrap, WrapCursor};

/// Results of this crate.
pub type Result<T> = core::result::Result<T, StoreError>;
