//! Legal cases: by whose authority, on what basis, which recordings, until when; and who approved.

use core::fmt;

use proto::{CaseId, Millis, RecordingId, StaffId};

use crate::{Result, Tenant};

/// A case to be opened.
#[derive(Clone)]
pub struct NewCase {
    /// A fresh id.
    pub id: CaseId,
    /// Who asks (a court, an authority, an auditor).
    pub authority: String,
    /// Their reference.
    pub reference: String,
    /// The legal basis.
    pub basis: String,
    /// The recordings that it covers, and nothing else.
    pub scope: Vec<RecordingId>,
    /// Which officer opens it; `None` from the command line.
    pub opened_by: Option<StaffId>,
    /// When.
    pub created: Millis,
    /// Good until.
    pub expires: Millis,
}

/// A case.
#[derive(Clone, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Who asks.
    pub authority: String,
    /// Their reference.
    pub reference: String,
    /// The legal basis.
    pub basis: String,
    /// The recordings that it covers.
    pub scope: Vec<RecordingId>,
    /// Which officer opened it.
    pub opened_by: Option<StaffId>,
    /// When.
    pub created: Millis,
    /// Good until.
    pub expires: Millis,
    /// Closed at.
    pub closed: Option<Millis>,
    /// Who approved, in order.
    pub approvals: Vec<Approval>,
}

/// An officer's approval of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub officer: StaffId,
    /// When.
    pub at: Millis,
}

impl Tenant {
    /// Opens a case. Every recording in its scope must be this tenant's.
    pub async fn open_case(&self, new: &NewCase) -> Result<()> {
        let _ = new;
        todo!()
    }

    /// The case with this id.
    pub async fn case(&self, id: CaseId) -> Result<Option<Case>> {
        let _ = id;
        todo!()
    }

    /// All cases, newest first.
    pub async fn cases(&self) -> Result<Vec<Case>> {
        todo!()
    }

    /// An officer approves; approving twice counts once. Returns how many officers have approved.
    /// Refused when the case is closed or has expired.
    pub async fn approve_case(&self, case: CaseId, officer: StaffId, at: Millis) -> Result<u32> {
        let _ = (case, officer, at);
        todo!()
    }

    /// Closes a case.
    pub async fn close_case(&self, case: CaseId, at: Millis) -> Result<()> {
        let _ = (case, at);
        todo!()
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, …)"), self.id)
            }
        }
    )*};
}
redacted!(NewCase, Case);
