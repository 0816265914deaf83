//! The control plane: clients, nodes, and the recorder's public keys. No visitor data, ever.

use proto::dsse::Envelope;
use proto::{Millis, NodeId, PublicKey, TenantId};

use crate::Result;
use crate::db::Db;
use crate::value::{Json, Row, args};

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
pub struct Control {
    pub(crate) db: Db,
}

impl Control {
    /// All tenants, by short name.
    pub async fn tenants(&self) -> Result<Vec<TenantInfo>> {
        let sql = "SELECT id, slug, name, root_key, created FROM tenants ORDER BY slug";
        let rows = self.db.rows("control.tenants", sql, []).await?;
        rows.into_iter().map(read_tenant).collect()
    }

    /// Keeps a node's certificate; a newer one replaces it.
    pub async fn put_node(&self, node: &Node) -> Result<()> {
        let mut tx = self.db.tx("control.put_node").await?;
        tx.run(
            "INSERT INTO nodes (id, public_key, certificate) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET
                public_key = excluded.public_key, certificate = excluded.certificate",
            args![node.id, node.public_key, Json(node.certificate.clone())],
        )
        .await?;
        tx.commit().await
    }

    /// The node with this public key.
    pub async fn node_by_key(&self, key: &PublicKey) -> Result<Option<Node>> {
        let sql = "SELECT id, public_key, certificate FROM nodes WHERE public_key = $1";
        let row = self.db.row("control.node_by_key", sql, args![*key]).await?;
        row.map(read_node).transpose()
    }

    /// The node with this id.
    pub async fn node(&self, id: NodeId) -> Result<Option<Node>> {
        let sql = "SELECT id, public_key, certificate FROM nodes WHERE id = $1";
        let row = self.db.row("control.node", sql, args![id]).await?;
        row.map(read_node).transpose()
    }

    /// All nodes.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let sql = "SELECT id, public_key, certificate FROM nodes ORDER BY id";
        let rows = self.db.rows("control.nodes", sql, []).await?;
        rows.into_iter().map(read_node).collect()
    }

    /// Publishes an intake generation; the same number again is a conflict.
    pub async fn put_intake_key(&self, key: &IntakeGeneration) -> Result<()> {
        let mut tx = self.db.tx("control.put_intake_key").await?;
        tx.run(
            "INSERT INTO intake_keys (generation, statement) VALUES ($1, $2)",
            args![key.generation, Json(key.statement.clone())],
        )
        .await?;
        tx.commit().await
    }

    /// The newest intake generation.
    pub async fn newest_intake_key(&self) -> Result<Option<IntakeGeneration>> {
        let sql = "SELECT generation, statement FROM intake_keys ORDER BY generation DESC LIMIT 1";
        let row = self.db.row("control.newest_intake_key", sql, []).await?;
        row.map(read_intake).transpose()
    }

    /// All intake generations, oldest first.
    pub async fn intake_keys(&self) -> Result<Vec<IntakeGeneration>> {
        let sql = "SELECT generation, statement FROM intake_keys ORDER BY generation";
        let rows = self.db.rows("control.intake_keys", sql, []).await?;
        rows.into_iter().map(read_intake).collect()
    }

    /// Sets the recorder's public signing key (Ed25519).
    pub async fn set_recorder_key(&self, key: &PublicKey) -> Result<()> {
        let mut tx = self.db.tx("control.set_recorder_key").await?;
        tx.run(
            "INSERT INTO recorder (one, public_key) VALUES (1, $1)
             ON CONFLICT (one) DO UPDATE SET public_key = excluded.public_key",
            args![*key],
        )
        .await?;
        tx.commit().await
    }

    /// The recorder's public signing key.
    pub async fn recorder_key(&self) -> Result<Option<PublicKey>> {
        let sql = "SELECT public_key FROM recorder";
        let row = self.db.row("control.recorder_key", sql, []).await?;
        row.map(|mut row| row.take()).transpose()
    }
}

/// `id, slug, name, root_key, created`.
pub(crate) fn read_tenant(mut row: Row) -> Result<TenantInfo> {
    Ok(TenantInfo {
        id: row.take()?,
        slug: row.take()?,
        name: row.take()?,
        root_key: row.take()?,
        created: row.take()?,
    })
}

/// `id, public_key, certificate`.
fn read_node(mut row: Row) -> Result<Node> {
    Ok(Node {
        id: row.take()?,
        public_key: row.take()?,
        certificate: row.take::<Json<_>>()?.0,
    })
}

/// `generation, statement`.
fn read_intake(mut row: Row) -> Result<IntakeGeneration> {
    Ok(IntakeGeneration {
        generation: row.take()?,
        statement: row.take::<Json<_>>()?.0,
    })
}
