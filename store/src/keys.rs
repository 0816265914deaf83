//! Officers' keys, the tenant's sealing keys, and their shares.

use core::fmt;

use proto::dsse::Envelope;
use proto::keys::SealingKey;
use proto::{KeyId, Millis, PublicKey, StaffId};

use crate::{Result, Tenant};

/// An officer's key pair, the private half under their passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct OfficerKey {
    /// Whose.
    pub officer: StaffId,
    /// X25519.
    pub public_key: PublicKey,
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
        let _ = key;
        todo!()
    }

    /// An officer's key pair.
    pub async fn officer_key(&self, officer: StaffId) -> Result<Option<OfficerKey>> {
        let _ = officer;
        todo!()
    }

    /// All officers, by name.
    pub async fn officers(&self) -> Result<Vec<Officer>> {
        todo!()
    }

    /// Keeps a sealing key with its shares: one transaction. The statement must name this tenant;
    /// whether its root signed it is for the reader to check.
    pub async fn put_sealing_key(&self, statement: &Envelope, shares: &[KeyShare]) -> Result<()> {
        let _ = (statement, shares);
        todo!()
    }

    /// All sealing keys, the newest (`not_before`) first.
    pub async fn sealing_keys(&self) -> Result<Vec<SealingKeyRow>> {
        todo!()
    }

    /// The sealing key with this id.
    pub async fn sealing_key(&self, id: KeyId) -> Result<Option<SealingKeyRow>> {
        let _ = id;
        todo!()
    }

    /// A sealing key's shares, by index.
    pub async fn shares_of(&self, key: KeyId) -> Result<Vec<KeyShare>> {
        let _ = key;
        todo!()
    }

    /// Replaces all shares of a sealing key (an officer came or went): one transaction.
    pub async fn replace_shares(&self, key: KeyId, shares: &[KeyShare]) -> Result<()> {
        let _ = (key, shares);
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
redacted!(OfficerKey, Officer, KeyShare);
