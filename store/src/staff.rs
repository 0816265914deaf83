//! Agents and officers: client account data. Passwords are kept as Argon2id PHC strings, made at
//! the edges; nothing here hashes.

use core::fmt;

use proto::{Hash32, Millis, StaffId};

use crate::{Result, Tenant};

/// What a member of staff is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffRole {
    /// Answers visitors at the desk.
    Agent,
    /// Holds a share of the sealing keys; approves and opens.
    Officer,
}

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
        let _ = new;
        todo!()
    }

    /// All staff, by name.
    pub async fn staff(&self) -> Result<Vec<Staff>> {
        todo!()
    }

    /// The member of staff with this id.
    pub async fn staff_member(&self, id: StaffId) -> Result<Option<Staff>> {
        let _ = id;
        todo!()
    }

    /// What a sign-in under this name is checked against.
    pub async fn staff_credentials(&self, sign_in: &str) -> Result<Option<StaffCredentials>> {
        let _ = sign_in;
        todo!()
    }

    /// Changes a password and ends every session of that person.
    pub async fn set_password(&self, staff: StaffId, password: &str) -> Result<()> {
        let _ = (staff, password);
        todo!()
    }

    /// Begins a staff session: `token` is the hash of the cookie's token.
    pub async fn begin_staff_session(
        &self,
        token: &Hash32,
        staff: StaffId,
        expires: Millis,
    ) -> Result<()> {
        let _ = (token, staff, expires);
        todo!()
    }

    /// Who holds this token, unless it has expired.
    pub async fn staff_session(&self, token: &Hash32, now: Millis) -> Result<Option<Staff>> {
        let _ = (token, now);
        todo!()
    }

    /// Ends a staff session.
    pub async fn end_staff_session(&self, token: &Hash32) -> Result<()> {
        let _ = token;
        todo!()
    }
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
