//! The front door: opens an engine, hands out the control plane and tenants.

use proto::{SiteId, TenantId};

use crate::{Control, NewTenant, Result, Tenant};

/// Where the rows live.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:DIR` (a folder, made if missing) or `postgres://user@host/database`.
    pub url: String,
    /// SQLite: so many tenants' files are open at once; more are opened as they are needed.
    pub open_tenants: usize,
    /// PostgreSQL: so many connections.
    pub connections: u32,
}

impl StoreConfig {
    /// The defaults, at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            open_tenants: 64,
            connections: 16,
        }
    }
}

/// Opened rows of one installation. A handle: clones share what is open.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens, and makes what is missing.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        let _ = config;
        todo!()
    }

    /// The operator's own rows.
    pub fn control(&self) -> Control {
        todo!()
    }

    /// The tenant with this id.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant> {
        let _ = id;
        todo!()
    }

    /// The tenant with this short name.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Tenant> {
        let _ = slug;
        todo!()
    }

    /// The tenant that this site belongs to.
    pub async fn tenant_of_site(&self, site: SiteId) -> Result<Tenant> {
        let _ = site;
        todo!()
    }

    /// All tenants' handles, by short name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        todo!()
    }

    /// Makes a tenant and its empty databases.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant> {
        let _ = new;
        todo!()
    }

    /// Destroys a tenant's databases and its entry: one drop.
    pub async fn forget_tenant(&self, id: TenantId) -> Result<()> {
        let _ = id;
        todo!()
    }

    /// Closes every connection; what is under way is finished first.
    pub async fn close(&self) {
        todo!()
    }
}
