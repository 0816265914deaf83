//! SQLite: a file per tenant, one writer and two readers on each, opened when first used.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::TenantId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::db::{Db, failed};
use crate::{Result, StoreError};

/// Another process holds the write lock for a transaction's length at most.
const BUSY: Duration = Duration::from_secs(10);

/// The folder of an installation on SQLite.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is missing, and refuses a SQLite that can corrupt it.
    pub(crate) async fn open(directory: &str) -> Result<Self> {
        check_version().await?;
        let folder = Self(PathBuf::from(directory));
        make(&folder.0.join("tenants"))?;
        folder.make_file(&folder.0.join("control.db")).await?;
        Ok(folder)
    }

    /// The control plane.
    pub(crate) fn control(&self) -> Db {
        database(&self.0.join("control.db"))
    }

    /// A tenant's rows.
    pub(crate) fn tenant(&self, id: TenantId) -> Db {
        database(&self.of(id).join("tenant.db"))
    }

    /// A tenant's wraps.
    pub(crate) fn wraps(&self, id: TenantId) -> Db {
        database(&self.of(id).join("wraps.db"))
    }

    /// Makes a tenant's files, empty. Doing it again changes nothing.
    pub(crate) async fn make_tenant(&self, id: TenantId) -> Result<()> {
        let folder = self.of(id);
        make(&folder)?;
        for name in ["tenant.db", "wraps.db"] {
            self.make_file(&folder.join(name)).await?;
        }
        Ok(())
    }

    /// Makes a database file in write-ahead mode, which it keeps. Entering that mode cannot wait
    /// for another process that does the same, so a lock beside the files lets one in at a time.
    async fn make_file(&self, file: &Path) -> Result<()> {
        let (path, empty) = (self.0.join("store.lock"), file.to_owned());
        let lock = tokio::task::spawn_blocking(move || {
            let mut options = File::options();
            options.create(true).append(true).mode(0o660);
            let lock = options.open(path)?;
            lock.lock()?;
            // SQLite gives the files beside it the permissions of this one.
            options.open(empty)?;
            Ok::<_, std::io::Error>(lock)
        });
        let lock = lock.await.map_err(std::io::Error::other);
        let lock = lock.flatten().map_err(|e| StoreError::File {
            what: "locking the store's folder",
            reason: e.to_string(),
        })?;
        let made = async {
            let options = options(file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            options.connect().await?.close().await
        };
        let made = made.await.map_err(|e| failed("sqlite.make", &e));
        drop(lock);
        made
    }

    /// Removes a tenant's files. Doing it again changes nothing.
    pub(crate) fn drop_tenant(&self, id: TenantId) -> Result<()> {
        match std::fs::remove_dir_all(self.of(id)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::File {
                what: "removing a tenant's folder",
                reason: e.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn of(&self, id: TenantId) -> PathBuf {
        self.0.join("tenants").join(id.to_string())
    }
}

/// What is made is never for everyone; whether it is for the group, where relay and recorder may
/// run as two users, the umask says.
fn make(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o770)
        .create(folder)
        .map_err(|e| StoreError::File {
            what: "making the store's folder",
            reason: e.to_string(),
        })
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("secure_delete", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// Nothing is opened here: a connection (and its thread) comes to be when it is first needed.
fn database(file: &Path) -> Db {
    let options = options(file);
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(30))
            .connect_lazy_with(options.clone())
    };
    Db::sqlite(pool(1), pool(2))
}

/// Before 3.51.3, resetting the write-ahead log can corrupt a database.
async fn check_version() -> Result<()> {
    let name = "sqlite.version";
    let mut connection = SqliteConnectOptions::new()
        .in_memory(true)
        .connect()
        .await
        .map_err(|e| failed(name, &e))?;
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut connection)
        .await
        .map_err(|e| failed(name, &e))?;
    if new_enough(&found) {
        Ok(())
    } else {
        Err(StoreError::SqliteTooOld(found))
    }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    (part(), part(), part()) >= (3, 51, 3)
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn a_sqlite_with_the_wal_reset_bug_is_refused() {
        for (version, ok) in [
            ("3.51.2", false),
            ("3.51.3", true),
            ("3.52.0", true),
            ("3.9.9", false),
            ("4.0", true),
            ("", false),
        ] {
            assert_eq!(new_enough(version), ok, "{version}");
        }
    }
}
