//! The front door: opens an engine, hands out the control plane and tenants.

use std::sync::Arc;

use proto::{SiteId, TenantId};

use crate::control::read_tenant;
use crate::db::Db;
use crate::open::OpenTenants;
use crate::postgres::{self, Cluster};
use crate::schema;
use crate::sqlite::Folder;
use crate::value::args;
use crate::{Control, NewTenant, Result, StoreError, Tenant, TenantInfo};

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
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the handles share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) control: Db,
    pub(crate) open: OpenTenants,
}

/// Which engine it is, where that matters: making, finding and dropping databases.
#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Folder),
    Postgres(Cluster),
}

impl Store {
    /// Opens, and makes what is missing.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        let engine = if let Some(directory) = config.url.strip_prefix("sqlite:") {
            Engine::Sqlite(Folder::open(directory).await?)
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            Engine::Postgres(Cluster::open(&config.url, config.connections).await?)
        } else {
            return Err(StoreError::Url);
        };
        let control = match &engine {
            Engine::Sqlite(folder) => folder.control(),
            Engine::Postgres(cluster) => cluster.control(),
        };
        schema::CONTROL.apply(&control).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                control,
                open: OpenTenants::new(config.open_tenants),
            }),
        })
    }

    /// The operator's own rows.
    pub fn control(&self) -> Control {
        Control {
            db: self.inner.control.clone(),
        }
    }

    /// The tenant with this id.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant> {
        let sql = "SELECT id, slug, name, root_key, created FROM tenants WHERE id = $1";
        self.find("tenant.by_id", sql, args![id]).await
    }

    /// The tenant with this short name.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Tenant> {
        let sql = "SELECT id, slug, name, root_key, created FROM tenants WHERE slug = $1";
        self.find("tenant.by_slug", sql, args![slug.to_owned()])
            .await
    }

    /// The tenant that this site belongs to.
    pub async fn tenant_of_site(&self, site: SiteId) -> Result<Tenant> {
        let sql = "SELECT t.id, t.slug, t.name, t.root_key, t.created
                   FROM tenants t JOIN site_index s ON s.tenant = t.id WHERE s.site = $1";
        self.find("tenant.of_site", sql, args![site]).await
    }

    /// All tenants' handles, by short name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        let all = self.control().tenants().await?;
        Ok(all.into_iter().map(|info| self.handle(info)).collect())
    }

    /// Makes a tenant and its empty databases. The entry is committed last: a crash before it
    /// leaves at most a folder that nobody can reach.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant> {
        if !is_slug(&new.slug) {
            return Err(StoreError::Refused(
                "a short name has 1 to 40 lower-case letters, digits and hyphens",
            ));
        }
        let info = TenantInfo {
            id: new.id,
            slug: new.slug,
            name: new.name,
            root_key: new.root_key,
            created: new.created,
        };
        let mut tx = self.inner.control.tx("tenant.create").await?;
        tx.run(
            "INSERT INTO tenants (id, slug, name, root_key, created) VALUES ($1, $2, $3, $4, $5)",
            args![
                info.id,
                info.slug.clone(),
                info.name.clone(),
                info.root_key,
                info.created
            ],
        )
        .await?;
        match &self.inner.engine {
            Engine::Sqlite(folder) => folder.make_tenant(info.id).await?,
            Engine::Postgres(_) => postgres::make_tenant(&mut tx, info.id).await?,
        }
        tx.commit().await?;
        let tenant = self.handle(info);
        tenant.data().await?;
        tenant.wraps().await?;
        Ok(tenant)
    }

    /// Destroys a tenant's databases and its entry: one drop. After a crash in between, it can be
    /// done again.
    pub async fn forget_tenant(&self, id: TenantId) -> Result<()> {
        self.tenant(id).await?;
        self.inner.open.close(id).await;
        let mut tx = self.inner.control.tx("tenant.forget").await?;
        match &self.inner.engine {
            Engine::Sqlite(folder) => folder.drop_tenant(id)?,
            Engine::Postgres(_) => postgres::drop_tenant(&mut tx, id).await?,
        }
        tx.run("DELETE FROM tenants WHERE id = $1", args![id])
            .await?;
        tx.commit().await?;
        // What was opened meanwhile, by a handle that is older than this call.
        self.inner.open.close(id).await;
        Ok(())
    }

    /// Closes every connection; what is under way is finished first.
    pub async fn close(&self) {
        self.inner.open.close_all().await;
        self.inner.control.close().await;
        if let Engine::Postgres(cluster) = &self.inner.engine {
            cluster.close().await;
        }
    }

    async fn find(
        &self,
        name: &'static str,
        sql: &'static str,
        args: [crate::value::Value; 1],
    ) -> Result<Tenant> {
        let row = self.inner.control.row(name, sql, args).await?;
        let info = read_tenant(row.ok_or(StoreError::NoSuchTenant)?)?;
        Ok(self.handle(info))
    }

    fn handle(&self, info: TenantInfo) -> Tenant {
        Tenant::new(Arc::clone(&self.inner), info)
    }
}

fn is_slug(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
