//! Whose word counts when a recording is checked: the recorder's key, and through it the nodes';
//! the tenant's root, and through it the sealing keys.

use proto::dsse::Envelope;
use proto::keys::{NodeCertificate, SealingKey};
use proto::{KeyId, NodeId, PublicKey, TenantId};

/// What a check starts from.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The recorder's signing key (Ed25519): pinned, given, or shown to be compared.
    pub recorder: PublicKey,
    /// The tenant's root (Ed25519): pinned when the tenant was made.
    pub root: PublicKey,
    /// Statements of nodes, not yet verified.
    pub nodes: Vec<Envelope>,
    /// Statements of the tenant's sealing keys, not yet verified.
    pub sealing: Vec<Envelope>,
}

impl Trust {
    /// The certificates of `node`, by the recorder's word, newest last. A node may have had more
    /// than one key.
    pub fn node(&self, node: NodeId) -> Vec<NodeCertificate> {
        let mut found: Vec<NodeCertificate> = self
            .nodes
            .iter()
            .filter_map(|statement| statement.verify(&self.recorder).ok())
            .filter(|certificate: &NodeCertificate| certificate.node == node)
            .collect();
        found.sort_by_key(|certificate| certificate.not_before);
        found
    }

    /// The sealing key with this id, by the root's word.
    pub fn sealing_key(&self, tenant: TenantId, id: KeyId) -> Option<SealingKey> {
        self.sealing
            .iter()
            .filter_map(|statement| statement.verify::<SealingKey>(&self.root).ok())
            .find(|key| key.key == id && key.tenant == tenant)
    }
}
