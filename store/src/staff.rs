//! Agents and officers: client account data. Passwords are kept as Argon2id PHC strings, made at
//! the edges; nothing here hashes.

use core::fmt;

use proto::{Hash32, Millis, StaffId};

use crate::value::{Row, args, words};
use crate::{Result, StoreError, Tenant};

/// What a member of staff is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffRole {
    /// Answers visitors at the desk.
    Agent,
    /// Holds a share of the sealing keys; approves and opens.
    Officer,
}

words!(StaffRole {
    StaffRole::Agent => "agent",
    StaffRole::Officer => "officer",
});

/// A member of staff to be kept.
#[derive(Clone)]
pub struct NewStaff {
    /// A fresh id.
    pub id: StaffId,
    /// Unique within the tenant.
    pub sign_in: String,
    /// The name that visitors and colleagues see.
    pub name: String,
    /// What they are.
    pub role: StaffRole,
    /// Argon2id, as a PHC string.
    pub password: String,
    /// When.
    pub created: Millis,
}

/// A member of staff.
#[derive(Clone, PartialEq, Eq)]
pub struct Staff {
    /// Their id.
    pub id: StaffId,
    /// For signing in.
    pub sign_in: String,
    /// The name that visitors and colleagues see.
    pub name: String,
    /// What they are.
    pub role: StaffRole,
}

/// What a sign-in is checked against.
#[derive(Clone)]
pub struct StaffCredentials {
    /// Who it would be.
    pub staff: Staff,
    /// Argon2id, as a PHC string.
    pub password: String,
}

impl Tenant {
    /// Adds a member of staff.
    pub async fn add_staff(&self, new: &NewStaff) -> Result<()> {
        let mut tx = self.tx("staff.add").await?;
        tx.run(
            "INSERT INTO staff (id, sign_in, name, role, password, created)
             VALUES ($1, $2, $3, $4, $5, $6)",
            args![
                new.id,
                new.sign_in.clone(),
                new.name.clone(),
                new.role,
                new.password.clone(),
                new.created
            ],
        )
        .await?;
        tx.commit().await
    }

    /// All staff, by name.
    pub async fn staff(&self) -> Result<Vec<Staff>> {
        let sql = "SELECT id, sign_in, name, role FROM staff ORDER BY name, id";
        let rows = self.rows("staff.all", sql, []).await?;
        rows.into_iter()
            .map(|mut row| read_staff(&mut row))
            .collect()
    }

    /// The member of staff with this id.
    pub async fn staff_member(&self, id: StaffId) -> Result<Option<Staff>> {
        let sql = "SELECT id, sign_in, name, role FROM staff WHERE id = $1";
        let row = self.row("staff.one", sql, args![id]).await?;
        row.map(|mut row| read_staff(&mut row)).transpose()
    }

    /// What a sign-in under this name is checked against.
    pub async fn staff_credentials(&self, sign_in: &str) -> Result<Option<StaffCredentials>> {
        let sql = "SELECT id, sign_in, name, role, password FROM staff WHERE sign_in = $1";
        let row = self
            .row("staff.credentials", sql, args![sign_in.to_owned()])
            .await?;
        row.map(|mut row| {
            Ok(StaffCredentials {
                staff: read_staff(&mut row)?,
                password: row.take()?,
            })
        })
        .transpose()
    }

    /// Changes a password and ends every session of that person.
    pub async fn set_password(&self, staff: StaffId, password: &str) -> Result<()> {
        let mut tx = self.tx("staff.set_password").await?;
        let changed = tx
            .run(
                "UPDATE staff SET password = $2 WHERE id = $1",
                args![staff, password.to_owned()],
            )
            .await?;
        if changed == 0 {
            return Err(StoreError::NotFound);
        }
        tx.run("DELETE FROM staff_sessions WHERE staff = $1", args![staff])
            .await?;
        tx.commit().await
    }

    /// Begins a staff session: `token` is the hash of the cookie's token.
    pub async fn begin_staff_session(
        &self,
        token: &Hash32,
        staff: StaffId,
        expires: Millis,
    ) -> Result<()> {
        let mut tx = self.tx("staff.begin_session").await?;
        tx.run(
            "INSERT INTO staff_sessions (token, staff, expires) VALUES ($1, $2, $3)",
            args![*token, staff, expires],
        )
        .await?;
        tx.commit().await
    }

    /// Who holds this token, unless it has expired.
    pub async fn staff_session(&self, token: &Hash32, now: Millis) -> Result<Option<Staff>> {
        let sql = "SELECT s.id, s.sign_in, s.name, s.role FROM staff_sessions t
                   JOIN staff s ON s.id = t.staff WHERE t.token = $1 AND t.expires > $2";
        let row = self.row("staff.session", sql, args![*token, now]).await?;
        row.map(|mut row| read_staff(&mut row)).transpose()
    }

    /// Ends a staff session.
    pub async fn end_staff_session(&self, token: &Hash32) -> Result<()> {
        let mut tx = self.tx("staff.end_session").await?;
        tx.run("DELETE FROM staff_sessions WHERE token = $1", args![*token])
            .await?;
        tx.commit().await
    }
}

/// `id, sign_in, name, role`.
fn read_staff(row: &mut Row) -> Result<Staff> {
    Ok(Staff {
        id: row.take()?,
        sign_in: row.take()?,
        name: row.take()?,
        role: row.take()?,
    })
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
redacted!(NewStaff, Staff, StaffCredentials);
