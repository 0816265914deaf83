//! The seam over sqlx: one statement, one list of values, two engines. Everything that differs
//! between the engines at run time is in this file; what differs in a table's definition is in
//! [`crate::schema`].

use std::pin::Pin;
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Column as _, PgPool, Postgres, Row as _, SqlSafeStr, Sqlite, SqlitePool,
    Transaction, TypeInfo as _, ValueRef as _,
};

use crate::schema::for_postgres;
use crate::value::{Row, Value};
use crate::{Result, StoreError};

/// One database: a SQLite file, or a PostgreSQL schema seen through its role.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// One writer, two readers.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    /// The pool is shared by all tenants; each transaction begins by becoming this one.
    Postgres { pool: PgPool, become_it: Arc<str> },
}

/// A transaction. Dropped without [`Tx::commit`], it leaves nothing.
pub(crate) struct Tx {
    name: &'static str,
    engine: EngineTx,
}

enum EngineTx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// The SQLite file behind these pools.
    pub(crate) fn sqlite(writer: SqlitePool, readers: SqlitePool) -> Self {
        Self::Sqlite { writer, readers }
    }

    /// A schema, and the role to take on before touching it. Both are names that this crate makes
    /// from an id's hexadecimal digits.
    pub(crate) fn postgres(pool: PgPool, schema: &str, role: Option<&str>) -> Self {
        let role = role.map_or(String::new(), |r| {
            format!("set_config('role', '{r}', true), ")
        });
        Self::Postgres {
            pool,
            become_it: format!("SELECT {role}set_config('search_path', '{schema}', true)").into(),
        }
    }

    /// Begins a named transaction that writes. On SQLite it takes the write lock at once, so that
    /// it waits here and cannot fail later because another process wrote in between.
    pub(crate) async fn tx(&self, name: &'static str) -> Result<Tx> {
        let engine = match self {
            Self::Sqlite { writer, .. } => EngineTx::Sqlite(
                writer
                    .begin_with("BEGIN IMMEDIATE")
                    .await
                    .map_err(|e| failed(name, &e))?,
            ),
            Self::Postgres { pool, become_it } => {
                EngineTx::Postgres(begin(pool, name, "BEGIN", become_it).await?)
            }
        };
        Ok(Tx { name, engine })
    }

    /// Begins a transaction that only reads: several statements see one state.
    pub(crate) async fn read(&self, name: &'static str) -> Result<Tx> {
        let engine = match self {
            Self::Sqlite { readers, .. } => {
                EngineTx::Sqlite(readers.begin().await.map_err(|e| failed(name, &e))?)
            }
            Self::Postgres { pool, become_it } => EngineTx::Postgres(
                begin(
                    pool,
                    name,
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                    become_it,
                )
                .await?,
            ),
        };
        Ok(Tx { name, engine })
    }

    /// One statement that only reads.
    pub(crate) async fn rows(
        &self,
        name: &'static str,
        sql: &'static str,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite { readers, .. } => {
                let rows = sqlite_query(sql, args)
                    .fetch_all(readers)
                    .await
                    .map_err(|e| failed(name, &e))?;
                rows.iter().map(|row| sqlite_row(name, row)).collect()
            }
            Self::Postgres { pool, become_it } => {
                let mut tx = begin(pool, name, "BEGIN READ ONLY", become_it).await?;
                let rows = postgres_query(sql, args)
                    .fetch_all(&mut *tx)
                    .await
                    .map_err(|e| failed(name, &e))?;
                tx.commit().await.map_err(|e| failed(name, &e))?;
                rows.iter().map(|row| postgres_row(name, row)).collect()
            }
        }
    }

    /// One statement that only reads, and at most one row of it.
    pub(crate) async fn row(
        &self,
        name: &'static str,
        sql: &'static str,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(name, sql, args).await?.into_iter().next())
    }

    /// Waits until nothing is under way, and closes. PostgreSQL's pool belongs to all tenants and
    /// stays.
    pub(crate) async fn close(&self) {
        if let Self::Sqlite { writer, readers } = self {
            readers.close().await;
            writer.close().await;
        }
    }
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(crate) async fn run(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        let name = self.name;
        match &mut self.engine {
            EngineTx::Sqlite(tx) => sqlite_query(sql, args)
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
            EngineTx::Postgres(tx) => postgres_query(sql, args)
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(|e| failed(name, &e))
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>> {
        let name = self.name;
        match &mut self.engine {
            EngineTx::Sqlite(tx) => {
                let rows = sqlite_query(sql, args).fetch_all(&mut **tx).await;
                let rows = rows.map_err(|e| failed(name, &e))?;
                rows.iter().map(|row| sqlite_row(name, row)).collect()
            }
            EngineTx::Postgres(tx) => {
                let rows = postgres_query(sql, args).fetch_all(&mut **tx).await;
                let rows = rows.map_err(|e| failed(name, &e))?;
                rows.iter().map(|row| postgres_row(name, row)).collect()
            }
        }
    }

    /// Runs a statement and returns its first row.
    pub(crate) async fn row(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Runs a definition that is written for SQLite.
    pub(crate) async fn define(&mut self, sql: &str) -> Result<()> {
        match &mut self.engine {
            EngineTx::Sqlite(tx) => sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .execute(&mut **tx)
                .await
                .map(drop),
            EngineTx::Postgres(tx) => sqlx::raw_sql(AssertSqlSafe(for_postgres(sql)))
                .execute(&mut **tx)
                .await
                .map(drop),
        }
        .map_err(|e| failed(self.name, &e))
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.engine {
            EngineTx::Sqlite(tx) => tx.commit().await,
            EngineTx::Postgres(tx) => tx.commit().await,
        }
        .map_err(|e| failed(self.name, &e))
    }

    /// Whether this is PostgreSQL: for the few statements that only one engine has or needs.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, EngineTx::Postgres(_))
    }
}

/// Begins and takes the role on in one round trip.
fn begin<'a>(
    pool: &'a PgPool,
    name: &'static str,
    begin: &str,
    become_it: &str,
) -> Pin<Box<dyn Future<Output = Result<Transaction<'static, Postgres>>> + Send + 'a>> {
    let sql = AssertSqlSafe(format!("{begin}; {become_it}"));
    // The type is written out for whoever spawns a call of this crate: see `open::opening`.
    Box::pin(async move { pool.begin_with(sql).await.map_err(|e| failed(name, &e)) })
}

fn sqlite_query(
    sql: impl SqlSafeStr,
    args: impl IntoIterator<Item = Value>,
) -> sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments> {
    args.into_iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Blob(v) => query.bind(v),
        })
}

fn postgres_query(
    sql: impl SqlSafeStr,
    args: impl IntoIterator<Item = Value>,
) -> sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments> {
    args.into_iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Blob(v) => query.bind(v),
        })
}

fn sqlite_row(name: &'static str, row: &sqlx::sqlite::SqliteRow) -> Result<Row> {
    let mut cells = Vec::with_capacity(row.len());
    for i in 0..row.len() {
        let raw = row.try_get_raw(i).map_err(|e| failed(name, &e))?;
        let cell = if raw.is_null() {
            Value::Int(None)
        } else {
            match raw.type_info().name() {
                "TEXT" => Value::Text(Some(row.try_get(i).map_err(|e| failed(name, &e))?)),
                "BLOB" => Value::Blob(Some(row.try_get(i).map_err(|e| failed(name, &e))?)),
                _ => Value::Int(Some(row.try_get(i).map_err(|e| failed(name, &e))?)),
            }
        };
        cells.push(cell);
    }
    Ok(Row::new(name, cells))
}

fn postgres_row(name: &'static str, row: &sqlx::postgres::PgRow) -> Result<Row> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let i = column.ordinal();
        let cell = match column.type_info().name() {
            "TEXT" | "NAME" => row.try_get(i).map(Value::Text),
            "BYTEA" => row.try_get(i).map(Value::Blob),
            "INT4" => row
                .try_get(i)
                .map(|v: Option<i32>| Value::Int(v.map(i64::from))),
            _ => row.try_get(i).map(Value::Int),
        };
        cells.push(cell.map_err(|e| failed(name, &e))?);
    }
    Ok(Row::new(name, cells))
}

/// An engine's error without any row's values: of a database error only the primary message, which
/// names tables and columns; its detail ("key (name)=(…) already exists") is dropped.
pub(crate) fn failed(name: &'static str, error: &sqlx::Error) -> StoreError {
    if let sqlx::Error::Database(e) = error {
        if e.is_unique_violation() {
            return StoreError::Conflict(name);
        }
        if e.is_foreign_key_violation() {
            return StoreError::NotFound;
        }
        let code = e.code().unwrap_or_default();
        return StoreError::Engine {
            name,
            reason: format!("{} ({code})", e.message()),
        };
    }
    StoreError::Engine {
        name,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Db;
    use crate::StoreError;
    use crate::schema;
    use crate::sqlite::Folder;
    use crate::value::args;

    async fn control(folder: &tempfile::TempDir) -> Db {
        let folder = Folder::open(folder.path().to_str().unwrap()).await.unwrap();
        let db = folder.control();
        schema::CONTROL.apply(&db).await.unwrap();
        db
    }

    #[tokio::test]
    async fn sqlite_syncs_fully_writes_ahead_checks_references_and_overwrites_what_it_deletes() {
        let folder = tempfile::tempdir().unwrap();
        let db = control(&folder).await;
        for (pragma, expected) in [
            ("SELECT synchronous FROM pragma_synchronous", 2),
            ("SELECT foreign_keys FROM pragma_foreign_keys", 1),
            ("SELECT secure_delete FROM pragma_secure_delete", 1),
        ] {
            let mut tx = db.tx("test").await.unwrap();
            let mut row = tx.row(pragma, []).await.unwrap().unwrap();
            assert_eq!(row.take::<i64>().unwrap(), expected, "{pragma}");
        }
        let sql = "SELECT journal_mode FROM pragma_journal_mode";
        let mut row = db.row("test", sql, []).await.unwrap().unwrap();
        assert_eq!(row.take::<String>().unwrap(), "wal");
    }

    #[tokio::test]
    async fn a_transaction_that_is_dropped_leaves_nothing_and_the_next_one_works() {
        let folder = tempfile::tempdir().unwrap();
        let db = control(&folder).await;
        let insert = "INSERT INTO intake_keys (generation, statement) VALUES ($1, $2)";
        let mut tx = db.tx("test").await.unwrap();
        tx.run(insert, args![1_u32, "{}".to_owned()]).await.unwrap();
        drop(tx);
        let mut tx = db.tx("test").await.unwrap();
        tx.run(insert, args![2_u32, "{}".to_owned()]).await.unwrap();
        tx.commit().await.unwrap();
        let sql = "SELECT generation FROM intake_keys";
        let rows = db.rows("test", sql, []).await.unwrap();
        let found: Vec<u32> = rows.into_iter().map(|mut r| r.take().unwrap()).collect();
        assert_eq!(found, [2]);
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let db = control(&folder).await;
        let mut tx = db.tx("test").await.unwrap();
        let newer = "UPDATE schema_version SET version = 99";
        tx.run(newer, []).await.unwrap();
        tx.commit().await.unwrap();
        let refused = schema::CONTROL.apply(&db).await;
        assert!(matches!(refused, Err(StoreError::Newer("control plane"))));
    }

    #[tokio::test]
    async fn an_error_names_the_column_and_never_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let db = control(&folder).await;
        let mut tx = db.tx("test").await.unwrap();
        let insert = "INSERT INTO nodes (id, public_key, certificate) VALUES ($1, $2, NULL)";
        let error = tx
            .run(insert, args!["secret".to_owned(), b"secret".to_vec()])
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("certificate"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
