//! Legal cases: by whose authority, on what basis, which recordings, until when; and who approved.

use core::fmt;

use proto::{CaseId, Millis, RecordingId, StaffId};

use crate::db::Tx;
use crate::value::{Row, args};
use crate::{Result, StoreError, Tenant};

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
        let mut tx = self.tx("cases.open").await?;
        tx.run(
            "INSERT INTO cases (id, authority, reference, basis, opened_by, created, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![
                new.id,
                new.authority.clone(),
                new.reference.clone(),
                new.basis.clone(),
                new.opened_by,
                new.created,
                new.expires
            ],
        )
        .await?;
        for recording in &new.scope {
            tx.run(
                "INSERT INTO case_scope (case_id, recording) VALUES ($1, $2)",
                args![new.id, *recording],
            )
            .await?;
        }
        tx.commit().await
    }

    /// The case with this id.
    pub async fn case(&self, id: CaseId) -> Result<Option<Case>> {
        let mut tx = self.read("cases.one").await?;
        let sql = "SELECT id, authority, reference, basis, opened_by, created, expires, closed
                   FROM cases WHERE id = $1";
        let Some(row) = tx.row(sql, args![id]).await? else {
            return Ok(None);
        };
        let case = read_case(&mut tx, row).await?;
        tx.commit().await?;
        Ok(Some(case))
    }

    /// All cases, newest first.
    pub async fn cases(&self) -> Result<Vec<Case>> {
        let mut tx = self.read("cases.all").await?;
        let sql = "SELECT id, authority, reference, basis, opened_by, created, expires, closed
                   FROM cases ORDER BY created DESC, id";
        let mut cases = Vec::new();
        for row in tx.rows(sql, []).await? {
            cases.push(read_case(&mut tx, row).await?);
        }
        tx.commit().await?;
        Ok(cases)
    }

    /// An officer approves; approving twice counts once. Returns how many officers have approved.
    /// Refused when the case is closed or has expired.
    pub async fn approve_case(&self, case_id: CaseId, officer: StaffId, at: Millis) -> Result<u32> {
        let mut tx = self.tx("cases.approve").await?;
        let case = "SELECT closed, expires FROM cases WHERE id = $1";
        let row = tx.row(case, args![case_id]).await?;
        let mut row = row.ok_or(StoreError::NotFound)?;
        let (closed, expires): (Option<Millis>, Millis) = (row.take()?, row.take()?);
        if closed.is_some() || expires <= at {
            return Err(StoreError::Refused("the case is closed or has expired"));
        }
        let known = "SELECT 1 FROM staff WHERE id = $1 AND role = 'officer'";
        tx.row(known, args![officer])
            .await?
            .ok_or(StoreError::NotFound)?;
        tx.run(
            "INSERT INTO approvals (case_id, officer, approved) VALUES ($1, $2, $3)
             ON CONFLICT (case_id, officer) DO NOTHING",
            args![case_id, officer, at],
        )
        .await?;
        let count = "SELECT COUNT(*) FROM approvals WHERE case_id = $1";
        let row = tx.row(count, args![case_id]).await?;
        let count = row.ok_or(StoreError::Damaged("approvals"))?.take()?;
        tx.commit().await?;
        Ok(count)
    }

    /// Closes a case.
    pub async fn close_case(&self, case: CaseId, at: Millis) -> Result<()> {
        let mut tx = self.tx("cases.close").await?;
        tx.run(
            "UPDATE cases SET closed = $2 WHERE id = $1 AND closed IS NULL",
            args![case, at],
        )
        .await?;
        tx.commit().await
    }
}

/// `id, authority, reference, basis, opened_by, created, expires, closed`, and what belongs to it.
async fn read_case(tx: &mut Tx, mut row: Row) -> Result<Case> {
    let mut case = Case {
        id: row.take()?,
        authority: row.take()?,
        reference: row.take()?,
        basis: row.take()?,
        scope: Vec::new(),
        opened_by: row.take()?,
        created: row.take()?,
        expires: row.take()?,
        closed: row.take()?,
        approvals: Vec::new(),
    };
    let scope = "SELECT recording FROM case_scope WHERE case_id = $1 ORDER BY recording";
    for mut row in tx.rows(scope, args![case.id]).await? {
        case.scope.push(row.take()?);
    }
    let approvals = "SELECT officer, approved FROM approvals WHERE case_id = $1
                     ORDER BY approved, officer";
    for mut row in tx.rows(approvals, args![case.id]).await? {
        case.approvals.push(Approval {
            officer: row.take()?,
            at: row.take()?,
        });
    }
    Ok(case)
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
