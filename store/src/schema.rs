//! The tables, and how an older database becomes a newer one.
//!
//! Each plane is a list of versions, each version a list of statements; a version that was
//! released is never changed, only followed by another. They are written for SQLite; for
//! PostgreSQL three words are replaced ([`for_postgres`]) and nothing else.
//!
//! Times are integer milliseconds (whole seconds wherever a visitor is concerned), ids are text,
//! hashes and keys are blobs, sets of modalities are bits, enums are words.

use crate::db::Db;
use crate::value::args;
use crate::{Result, StoreError};

/// One version's statements.
type Version = &'static [&'static str];

/// A plane's name and versions, the oldest first.
pub(crate) struct Schema {
    name: &'static str,
    versions: &'static [Version],
}

/// The operator's own rows.
pub(crate) const CONTROL: Schema = Schema {
    name: "control plane",
    versions: &[&[
        "CREATE TABLE tenants (
            id TEXT NOT NULL PRIMARY KEY,
            slug TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            root_key BLOB NOT NULL,
            created INTEGER NOT NULL) STRICT",
        "CREATE TABLE site_index (
            site TEXT NOT NULL PRIMARY KEY,
            tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE) STRICT",
        "CREATE INDEX site_index_tenant ON site_index (tenant)",
        "CREATE TABLE nodes (
            id TEXT NOT NULL PRIMARY KEY,
            public_key BLOB NOT NULL UNIQUE,
            certificate TEXT NOT NULL) STRICT",
        "CREATE TABLE intake_keys (
            generation INTEGER NOT NULL PRIMARY KEY,
            statement TEXT NOT NULL) STRICT",
        "CREATE TABLE recorder (
            one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
            public_key BLOB NOT NULL) STRICT",
    ]],
};

/// One client's rows.
pub(crate) const TENANT: Schema = Schema {
    name: "tenant plane",
    versions: &[
        &[
            "CREATE TABLE staff (
            id TEXT NOT NULL PRIMARY KEY,
            sign_in TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            role TEXT NOT NULL,
            password TEXT NOT NULL,
            created INTEGER NOT NULL) STRICT",
            "CREATE TABLE staff_sessions (
            token BLOB NOT NULL PRIMARY KEY,
            staff TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
            expires INTEGER NOT NULL) STRICT",
            "CREATE INDEX staff_sessions_staff ON staff_sessions (staff)",
            "CREATE TABLE officer_keys (
            officer TEXT NOT NULL PRIMARY KEY REFERENCES staff (id),
            public_key BLOB NOT NULL,
            sealed_private BLOB NOT NULL,
            created INTEGER NOT NULL) STRICT",
            "CREATE TABLE sealing_keys (
            id TEXT NOT NULL PRIMARY KEY,
            not_before INTEGER NOT NULL,
            statement TEXT NOT NULL) STRICT",
            "CREATE TABLE key_shares (
            sealing_key TEXT NOT NULL REFERENCES sealing_keys (id),
            number INTEGER NOT NULL,
            officer TEXT NOT NULL REFERENCES staff (id),
            sealed BLOB NOT NULL,
            PRIMARY KEY (sealing_key, number),
            UNIQUE (sealing_key, officer)) STRICT",
            "CREATE TABLE sites (
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            accent TEXT,
            origins TEXT NOT NULL,
            modalities INTEGER NOT NULL) STRICT",
            "CREATE TABLE notices (
            hash BLOB NOT NULL PRIMARY KEY,
            language TEXT NOT NULL,
            version TEXT NOT NULL,
            bytes BLOB NOT NULL,
            published INTEGER NOT NULL) STRICT",
            "CREATE TABLE site_notices (
            site TEXT NOT NULL REFERENCES sites (id),
            language TEXT NOT NULL,
            notice BLOB NOT NULL REFERENCES notices (hash),
            since INTEGER NOT NULL,
            PRIMARY KEY (site, language)) STRICT",
            "CREATE TABLE sessions (
            id TEXT NOT NULL PRIMARY KEY,
            site TEXT NOT NULL REFERENCES sites (id),
            recording TEXT UNIQUE,
            notice BLOB NOT NULL REFERENCES notices (hash),
            modalities INTEGER NOT NULL,
            started INTEGER NOT NULL,
            answered INTEGER,
            ended INTEGER) STRICT",
            "CREATE INDEX sessions_unfinished ON sessions (started) WHERE ended IS NULL",
            "CREATE TABLE participants (
            id TEXT NOT NULL PRIMARY KEY,
            session TEXT NOT NULL REFERENCES sessions (id),
            role TEXT NOT NULL,
            staff TEXT REFERENCES staff (id),
            track INTEGER NOT NULL,
            public_key BLOB NOT NULL,
            joined INTEGER NOT NULL,
            left_at INTEGER,
            UNIQUE (session, track)) STRICT",
            "CREATE INDEX participants_staff ON participants (staff, session) WHERE staff IS NOT NULL",
            "CREATE TABLE consents (
            participant TEXT NOT NULL PRIMARY KEY REFERENCES participants (id),
            notice BLOB NOT NULL REFERENCES notices (hash),
            modalities INTEGER NOT NULL,
            choice TEXT NOT NULL,
            given INTEGER NOT NULL,
            lookup BLOB UNIQUE,
            proof_hash BLOB,
            receipt_key BLOB) STRICT",
            "CREATE TABLE access (
            participant TEXT NOT NULL PRIMARY KEY REFERENCES participants (id),
            session TEXT NOT NULL,
            join_hash BLOB UNIQUE,
            join_expires INTEGER,
            newest BLOB UNIQUE,
            previous BLOB UNIQUE,
            expires INTEGER,
            last_use INTEGER) STRICT",
            "CREATE INDEX access_session ON access (session)",
            "CREATE TABLE recordings (
            id TEXT NOT NULL PRIMARY KEY,
            session TEXT NOT NULL,
            site TEXT NOT NULL,
            node TEXT NOT NULL,
            notice BLOB NOT NULL,
            sealing_key TEXT NOT NULL,
            modalities INTEGER NOT NULL,
            started INTEGER NOT NULL,
            ended INTEGER,
            ending TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            parts INTEGER NOT NULL,
            keep_min INTEGER,
            keep_max INTEGER,
            manifest BLOB) STRICT",
            "CREATE INDEX recordings_started ON recordings (started, id)",
            "CREATE INDEX recordings_session ON recordings (session)",
            "CREATE TABLE cases (
            id TEXT NOT NULL PRIMARY KEY,
            authority TEXT NOT NULL,
            reference TEXT NOT NULL,
            basis TEXT NOT NULL,
            opened_by TEXT REFERENCES staff (id),
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            closed INTEGER) STRICT",
            "CREATE TABLE case_scope (
            case_id TEXT NOT NULL REFERENCES cases (id),
            recording TEXT NOT NULL REFERENCES recordings (id),
            PRIMARY KEY (case_id, recording)) STRICT",
            "CREATE TABLE approvals (
            case_id TEXT NOT NULL REFERENCES cases (id),
            officer TEXT NOT NULL REFERENCES staff (id),
            approved INTEGER NOT NULL,
            PRIMARY KEY (case_id, officer)) STRICT",
            "CREATE TABLE log_entries (
            place INTEGER NOT NULL PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            happened INTEGER NOT NULL,
            salt BLOB,
            event BLOB,
            leaf BLOB NOT NULL) STRICT",
            "CREATE TABLE checkpoints (
            size INTEGER NOT NULL PRIMARY KEY,
            note TEXT NOT NULL,
            made INTEGER NOT NULL) STRICT",
        ],
        &[
            "CREATE TABLE log_subjects (
            place INTEGER NOT NULL,
            subject TEXT NOT NULL,
            PRIMARY KEY (place, subject)) STRICT",
            "CREATE INDEX log_subjects_subject ON log_subjects (subject, place)",
        ],
        &["ALTER TABLE officer_keys ADD COLUMN statement TEXT"],
        &["CREATE TABLE consent_changes (
            participant TEXT NOT NULL REFERENCES participants (id),
            place INTEGER NOT NULL,
            modality INTEGER NOT NULL,
            given INTEGER NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (participant, place)) STRICT"],
    ],
};

/// One client's wrapped data keys.
pub(crate) const WRAPS: Schema = Schema {
    name: "wraps",
    versions: &[&[
        "CREATE TABLE wraps (
            recording TEXT NOT NULL,
            track INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            recipient TEXT NOT NULL,
            generation INTEGER NOT NULL,
            wrap BLOB NOT NULL,
            PRIMARY KEY (recording, track, epoch, recipient)) STRICT",
        "CREATE INDEX wraps_generation ON wraps (generation)",
    ]],
};

impl Schema {
    /// Brings `db` to the newest version: one transaction, and only one process at a time.
    pub(crate) async fn apply(&self, db: &Db) -> Result<()> {
        let mut tx = db.tx("schema.apply").await?;
        if tx.is_postgres() {
            // SQLite's write lock does this by itself. The number is this table's and no other's.
            tx.rows(
                "SELECT 1 FROM (SELECT pg_advisory_xact_lock(7201)) AS held",
                [],
            )
            .await?;
        }
        tx.define(
            "CREATE TABLE IF NOT EXISTS schema_version (
                one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
                version INTEGER NOT NULL) STRICT",
        )
        .await?;
        let row = tx.row("SELECT version FROM schema_version", []).await?;
        let found: u64 = row.map_or(Ok(0), |mut row| row.take())?;
        let newest = self.versions.len() as u64;
        if found > newest {
            return Err(StoreError::Newer(self.name));
        }
        if found == newest {
            return Ok(());
        }
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        for version in self.versions.get(done..).unwrap_or_default() {
            for sql in *version {
                tx.define(sql).await?;
            }
        }
        tx.run(
            "INSERT INTO schema_version (one, version) VALUES (1, $1)
             ON CONFLICT (one) DO UPDATE SET version = excluded.version",
            args![newest],
        )
        .await?;
        tx.commit().await
    }
}

/// The same definition in PostgreSQL's words.
pub(crate) fn for_postgres(sql: &str) -> String {
    sql.replace("INTEGER", "BIGINT")
        .replace("BLOB", "BYTEA")
        .replace(") STRICT", ")")
}
