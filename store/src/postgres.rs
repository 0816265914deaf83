//! PostgreSQL: a schema per tenant with a NOLOGIN role of its own, a second schema for its wraps.
//!
//! The login needs `CREATEROLE`, and `CREATE` on the database. It should be `NOINHERIT`, so that
//! outside a transaction that has become a tenant it can read no tenant's tables.

use std::str::FromStr as _;
use std::time::Duration;

use proto::TenantId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool};
use tokio::time::timeout;

use crate::db::{Db, Tx, failed};
use crate::{Result, StoreError};

/// How long the server has for its first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
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
        reach(name, &options).await?;
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

/// Connects once and lets go again. A pool that is refused tries until its own deadline and says
/// then that time ran out; this says at once what is wrong.
async fn reach(name: &'static str, options: &PgConnectOptions) -> Result<()> {
    let connected = timeout(FIRST_ANSWER, options.connect())
        .await
        .map_err(|_| StoreError::Engine {
            name,
            reason: format!("no answer within {} seconds", FIRST_ANSWER.as_secs()),
        })?;
    let connection = connected.map_err(|e| failed(name, &e))?;
    connection.close().await.map_err(|e| failed(name, &e))
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proto::{Millis, PublicKey, TenantId};

    use super::role;
    use crate::testing::TestDatabase;
    use crate::{NewTenant, Store, StoreConfig, StoreError, Tenant};

    async fn tenants() -> (TestDatabase, Store, [Tenant; 2]) {
        let database = TestDatabase::create().unwrap_or_else(|missing| panic!("{missing}"));
        // One connection: whatever a transaction leaves behind, the next one would see.
        let mut config = StoreConfig::new(database.url());
        config.connections = 1;
        let store = Store::open(&config).await.unwrap();
        let mut made = Vec::new();
        for slug in ["shop", "other"] {
            let mut id = [0; 16];
            getrandom::fill(&mut id).unwrap();
            let new = NewTenant {
                id: TenantId::from_bytes(id),
                slug: slug.to_owned(),
                name: slug.to_owned(),
                root_key: PublicKey([0; 32]),
                created: Millis(0),
            };
            made.push(store.create_tenant(new).await.unwrap());
        }
        (database, store, made.try_into().unwrap())
    }

    #[tokio::test]
    async fn a_transaction_runs_as_its_tenants_role_and_leaves_no_trace_of_it() {
        let (_database, store, [shop, other]) = tenants().await;
        let sql = "SELECT CAST(current_user AS TEXT), CAST(current_schema() AS TEXT)";
        let mut seen = HashMap::new();
        for tenant in [&shop, &other, &shop] {
            let mut tx = tenant.tx("test").await.unwrap();
            let mut row = tx.row(sql, []).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            let (user, schema): (String, String) = (row.take().unwrap(), row.take().unwrap());
            assert_eq!(user, role(tenant.id()));
            assert_eq!(schema, user);
            let mut row = tenant.row("test", sql, []).await.unwrap().unwrap();
            assert_eq!(row.take::<String>().unwrap(), user);
            seen.insert(user, schema);
            let db = &store.inner.control;
            let mut row = db.row("test", sql, []).await.unwrap().unwrap();
            assert_eq!(row.take::<String>().unwrap(), "vestibule");
        }
        assert_eq!(seen.len(), 2);
    }

    #[tokio::test]
    async fn a_tenants_role_is_refused_every_other_schema() {
        let (_database, store, [shop, other]) = tenants().await;
        let theirs = role(other.id());
        let mine = role(shop.id());
        let tries = [
            (format!("{mine}.sites"), true),
            (format!("{mine}_wraps.wraps"), true),
            (format!("{theirs}.sites"), false),
            (format!("{theirs}_wraps.wraps"), false),
            ("vestibule_control.tenants".to_owned(), false),
        ];
        for (table, allowed) in tries {
            let mut tx = shop.tx("test").await.unwrap();
            let count = format!("SELECT COUNT(*) FROM {table}");
            let answer = tx.rows(sqlx::AssertSqlSafe(count), []).await;
            match answer {
                Ok(_) => assert!(allowed, "{table} was readable"),
                Err(StoreError::Engine { reason, .. }) => {
                    assert!(!allowed, "{table}: {reason}");
                    assert!(reason.contains("permission denied"), "{reason}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        // The login itself, outside of any tenant, reads no tenant's tables either.
        let mut tx = store.inner.control.tx("test").await.unwrap();
        let count = format!("SELECT COUNT(*) FROM {theirs}.sites");
        let answer = tx.rows(sqlx::AssertSqlSafe(count), []).await;
        assert!(matches!(answer, Err(StoreError::Engine { .. })));
    }

    #[tokio::test]
    async fn a_forgotten_tenants_role_and_schemas_are_gone() {
        let (_database, store, [shop, other]) = tenants().await;
        store.forget_tenant(shop.id()).await.unwrap();
        let sql = "SELECT CAST(nspname AS TEXT) FROM pg_namespace
                   WHERE nspname LIKE 'vestibule%' UNION ALL
                   SELECT CAST(rolname AS TEXT) FROM pg_roles ORDER BY 1";
        let rows = store.inner.control.rows("test", sql, []).await.unwrap();
        let names: Vec<String> = rows.into_iter().map(|mut r| r.take().unwrap()).collect();
        assert!(!names.iter().any(|n| n.starts_with(&role(shop.id()))));
        // Its role, its schema, the one of its wraps.
        let theirs = role(other.id());
        let left = names.iter().filter(|n| n.starts_with(&theirs)).count();
        assert_eq!(left, 3);
    }
}
