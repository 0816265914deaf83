//! The control plane: clients, nodes, and the recorder's public keys. No visitor data, ever.

use proto::dsse::Envelope;
use proto::{Millis, NodeId, PublicKey, TenantId};

use crate::Result;

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// A fresh id.
    pub id: TenantId,
    /// Short name for signing in: lower-case letters, digits, hyphens.
    pub slug: String,
    /// The client's name as visitors see it.
    pub name: String,
    /// The tenant's root (Ed25519), pinned for good.
    pub root_key: PublicKey,
    /// When.
    pub created: Millis,
}

/// A tenant's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantInfo {
    /// Its id.
    pub id: TenantId,
    /// Short name for signing in.
    pub slug: String,
    /// The client's name as visitors see it.
    pub name: String,
    /// The pinned root (Ed25519).
    pub root_key: PublicKey,
    /// When it was made.
    pub created: Millis,
}

/// A relay node that the recorder has certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Ed25519.
    pub public_key: PublicKey,
    /// The signed [`proto::keys::NodeCertificate`].
    pub certificate: Envelope,
}

/// A generation of the recorder's intake key, public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeGeneration {
    /// Counted from 1.
    pub generation: u32,
    /// The signed [`proto::keys::IntakeKey`].
    pub statement: Envelope,
}

/// The control plane's rows.
#[derive(Debug, Clone)]
pub struct Control {}

impl Control {
    /// All tenants, by short name.
    pub async fn tenants(&self) -> Result<Vec<TenantInfo>> {
        todo!()
    }

    /// Keeps a node's certificate; a newer one replaces it.
    pub async fn put_node(&self, node: &Node) -> Result<()> {
        let _ = node;
        todo!()
    }

    /// The node with this public key.
    pub async fn node_by_key(&self, key: &PublicKey) -> Result<Option<Node>> {
        let _ = key;
        todo!()
    }

    /// The node with this id.
    pub async fn node(&self, id: NodeId) -> Result<Option<Node>> {
        let _ = id;
        todo!()
    }

    /// All nodes.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        todo!()
    }

    /// Publishes an intake generation; the same number again is a conflict.
    pub async fn put_intake_key(&self, key: &IntakeGeneration) -> Result<()> {
        let _ = key;
        todo!()
    }

    /// The newest intake generation.
    pub async fn newest_intake_key(&self) -> Result<Option<IntakeGeneration>> {
        todo!()
    }

    /// All intake generations, oldest first.
    pub async fn intake_keys(&self) -> Result<Vec<IntakeGeneration>> {
        todo!()
    }

    /// Sets the recorder's public signing key (Ed25519).
    pub async fn set_recorder_key(&self, key: &PublicKey) -> Result<()> {
        let _ = key;
        todo!()
    }

    /// The recorder's public signing key.
    pub async fn recorder_key(&self) -> Result<Option<PublicKey>> {
        todo!()
    }
}
