//! One client's plane. Every data call has a [`Tenant`] as its receiver.

use proto::TenantId;

use crate::TenantInfo;

/// One client's rows: it reaches itself and nobody else. A handle: clones are cheap.
#[derive(Debug, Clone)]
pub struct Tenant {
    info: std::sync::Arc<TenantInfo>,
}

impl Tenant {
    /// Its id.
    pub fn id(&self) -> TenantId {
        self.info.id
    }

    /// Its entry in the control plane, as it was when this handle was made.
    pub fn info(&self) -> &TenantInfo {
        &self.info
    }
}
