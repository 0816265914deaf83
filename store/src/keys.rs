//! Officers' keys, the tenant's sealing keys, and their shares.

use core::fmt;

use proto::dsse::Envelope;
use proto::keys::SealingKey;
use proto::{KeyId, Millis, PublicKey, StaffId};

use crate::db::Tx;
use crate::value::{Json, Row, args};
use crate::{Result, StoreError, Tenant};

/// An officer's key pair, the private half under their passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct OfficerKey {
    /// Whose.
    pub officer: StaffId,
    /// X25519.
    pub public_key: PublicKey,
    /// The recorder's word that the public half is this officer's: check it before anything is
    /// sealed to it. `None` where an earlier version wrote none.
    pub statement: Option<Envelope>,
    /// The private half, encrypted under a key from the officer's passphrase.
    pub sealed_private: Vec<u8>,
    /// When it was made.
    pub created: Millis,
}

/// An officer, as others see them.
#[derive(Clone, PartialEq, Eq)]
pub struct Officer {
    /// Who.
    pub id: StaffId,
    /// For signing in.
    pub sign_in: String,
    /// Name.
    pub name: String,
    /// X25519; `None` until the key is made.
    pub public_key: Option<PublicKey>,
    /// The recorder's word that it is theirs, unverified.
    pub statement: Option<Envelope>,
}

/// A sealing key of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKeyRow {
    /// What the envelope says, unverified: check the envelope against the tenant's root.
    pub key: SealingKey,
    /// Signed by the tenant's root.
    pub statement: Envelope,
}

/// An officer's share of a sealing key's private half.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyShare {
    /// Of which key.
    pub key: KeyId,
    /// Whose.
    pub officer: StaffId,
    /// The share's number, counted from 1.
    pub index: u8,
    /// The share, sealed to the officer's public key.
    pub sealed: Vec<u8>,
}

impl Tenant {
    /// Keeps an officer's key pair; a new one replaces it.
    pub async fn put_officer_key(&self, key: &OfficerKey) -> Result<()> {
        let mut tx = self.tx("keys.put_officer").await?;
        let officer = "SELECT 1 FROM staff WHERE id = $1 AND role = 'officer'";
        tx.row(officer, args![key.officer])
            .await?
            .ok_or(StoreError::NotFound)?;
        tx.run(
            "INSERT INTO officer_keys (officer, public_key, sealed_private, created, statement)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (officer) DO UPDATE SET public_key = excluded.public_key,
                sealed_private = excluded.sealed_private, created = excluded.created,
                statement = excluded.statement",
            args![
                key.officer,
                key.public_key,
                key.sealed_private.clone(),
                key.created,
                key.statement.clone().map(Json)
            ],
        )
        .await?;
        tx.commit().await
    }

    /// An officer's key pair.
    pub async fn officer_key(&self, officer: StaffId) -> Result<Option<OfficerKey>> {
        let sql = "SELECT officer, public_key, sealed_private, created, statement
                   FROM officer_keys WHERE officer = $1";
        let Some(mut row) = self.row("keys.officer", sql, args![officer]).await? else {
            return Ok(None);
        };
        Ok(Some(OfficerKey {
            officer: row.take()?,
            public_key: row.take()?,
            sealed_private: row.take()?,
            created: row.take()?,
            statement: row.take::<Option<Json<Envelope>>>()?.map(|found| found.0),
        }))
    }

    /// All officers, by name.
    pub async fn officers(&self) -> Result<Vec<Officer>> {
        let sql = "SELECT s.id, s.sign_in, s.name, k.public_key, k.statement FROM staff s
                   LEFT JOIN officer_keys k ON k.officer = s.id
                   WHERE s.role = 'officer' ORDER BY s.name, s.id";
        let rows = self.rows("keys.officers", sql, []).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Officer {
                    id: row.take()?,
                    sign_in: row.take()?,
                    name: row.take()?,
                    public_key: row.take()?,
                    statement: row.take::<Option<Json<Envelope>>>()?.map(|found| found.0),
                })
            })
            .collect()
    }

    /// Keeps a sealing key with its shares: one transaction. The statement must name this tenant;
    /// whether its root signed it is for the reader to check.
    pub async fn put_sealing_key(&self, statement: &Envelope, shares: &[KeyShare]) -> Result<()> {
        let key: SealingKey = statement
            .payload_unverified()
            .map_err(|_| StoreError::Refused("not a sealing key statement"))?;
        if key.tenant != self.id() {
            return Err(StoreError::Refused("a sealing key of another tenant"));
        }
        let mut tx = self.tx("keys.put_sealing").await?;
        tx.run(
            "INSERT INTO sealing_keys (id, not_before, statement) VALUES ($1, $2, $3)",
            args![key.key, key.not_before, Json(statement.clone())],
        )
        .await?;
        put_shares(&mut tx, key.key, shares).await?;
        tx.commit().await
    }

    /// All sealing keys, the newest (`not_before`) first.
    pub async fn sealing_keys(&self) -> Result<Vec<SealingKeyRow>> {
        let sql = "SELECT statement FROM sealing_keys ORDER BY not_before DESC, id";
        let rows = self.rows("keys.sealing", sql, []).await?;
        rows.into_iter().map(read_sealing).collect()
    }

    /// The sealing key with this id.
    pub async fn sealing_key(&self, id: KeyId) -> Result<Option<SealingKeyRow>> {
        let sql = "SELECT statement FROM sealing_keys WHERE id = $1";
        let row = self.row("keys.sealing_one", sql, args![id]).await?;
        row.map(read_sealing).transpose()
    }

    /// A sealing key's shares, by index.
    pub async fn shares_of(&self, key: KeyId) -> Result<Vec<KeyShare>> {
        let sql = "SELECT sealing_key, officer, number, sealed FROM key_shares
                   WHERE sealing_key = $1 ORDER BY number";
        let rows = self.rows("keys.shares", sql, args![key]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(KeyShare {
                    key: row.take()?,
                    officer: row.take()?,
                    index: row.take()?,
                    sealed: row.take()?,
                })
            })
            .collect()
    }

    /// Replaces all shares of a sealing key (an officer came or went): one transaction.
    pub async fn replace_shares(&self, key: KeyId, shares: &[KeyShare]) -> Result<()> {
        let mut tx = self.tx("keys.replace_shares").await?;
        tx.run("DELETE FROM key_shares WHERE sealing_key = $1", args![key])
            .await?;
        put_shares(&mut tx, key, shares).await?;
        tx.commit().await
    }
}

async fn put_shares(tx: &mut Tx, key: KeyId, shares: &[KeyShare]) -> Result<()> {
    for share in shares {
        if share.key != key {
            return Err(StoreError::Refused("a share of another key"));
        }
        tx.run(
            "INSERT INTO key_shares (sealing_key, number, officer, sealed)
             VALUES ($1, $2, $3, $4)",
            args![key, share.index, share.officer, share.sealed.clone()],
        )
        .await?;
    }
    Ok(())
}

/// `statement`.
fn read_sealing(mut row: Row) -> Result<SealingKeyRow> {
    let Json(statement): Json<Envelope> = row.take()?;
    let key = statement
        .payload_unverified()
        .map_err(|_| StoreError::Damaged("sealing_keys"))?;
    Ok(SealingKeyRow { key, statement })
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
redacted!(OfficerKey, Officer, KeyShare);
