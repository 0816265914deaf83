//! PostgreSQL: a schema per tenant with a NOLOGIN role of its own, a second schema for its wraps.
//!
//! The login needs `CREATEROLE`, and `CREATE` on the database. It should be `NOINHERIT`, so that
//! outside a transaction that has become a tenant it can read no tenant's tables.

use std::str::FromStr as _;
use std::time::Duration;

use proto::TenantId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgPool};

use crate::db::{Db, Tx, failed};
use crate::{Result, StoreError};

/// Where the operator's own rows are.
const CONTROL: &str = "vestibule_control";

/// A PostgreSQL database of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Cluster(PgPool);

impl Cluster {
    /// Connects, and makes the control plane's schema if it is missing.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        let name = "postgres.open";
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Url)?
            .application_name("vestibule")
            // "Exists already, skipping" is no news.
            .options([("client_min_messages", "warning")])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(options)
            .await
            .map_err(|e| failed(name, &e))?;
        let made = format!(
            "BEGIN; SELECT pg_advisory_xact_lock(7200); \
             CREATE SCHEMA IF NOT EXISTS {CONTROL}; COMMIT"
        );
        pool.execute(sqlx::raw_sql(AssertSqlSafe(made)))
            .await
            .map_err(|e| failed(name, &e))?;
        Ok(Self(pool))
    }

    /// The control plane.
    pub(crate) fn control(&self) -> Db {
        Db::postgres(self.0.clone(), CONTROL, None)
    }

    /// A tenant's rows.
    pub(crate) fn tenant(&self, id: TenantId) -> Db {
        let role = role(id);
        Db::postgres(self.0.clone(), &role, Some(&role))
    }

    /// A tenant's wraps.
    pub(crate) fn wraps(&self, id: TenantId) -> Db {
        let role = role(id);
        Db::postgres(self.0.clone(), &format!("{role}_wraps"), Some(&role))
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

/// Makes a tenant's role and schemas, within `tx` of the control plane.
pub(crate) async fn make_tenant(tx: &mut Tx, id: TenantId) -> Result<()> {
    let role = role(id);
    tx.define(&format!("CREATE ROLE {role} NOLOGIN")).await?;
    tx.define(&format!("GRANT {role} TO CURRENT_USER")).await?;
    for schema in [role.clone(), format!("{role}_wraps")] {
        tx.define(&format!("CREATE SCHEMA {schema} AUTHORIZATION {role}"))
            .await?;
    }
    Ok(())
}

/// Drops a tenant's schemas and role, within `tx` of the control plane.
pub(crate) async fn drop_tenant(tx: &mut Tx, id: TenantId) -> Result<()> {
    let role = role(id);
    tx.define(&format!("SET LOCAL ROLE {role}")).await?;
    tx.define(&format!("DROP SCHEMA {role}, {role}_wraps CASCADE"))
        .await?;
    tx.define("RESET ROLE").await?;
    tx.define(&format!("DROP ROLE {role}")).await
}

/// A tenant's role, and the name of its schema: letters and hexadecimal digits only.
fn role(id: TenantId) -> String {
    format!("vestibule_{}", id.to_string().replace('-', ""))
}
