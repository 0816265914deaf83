//! What stands in the databases, read from their files while both programs run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use proto::{ParticipantId, RecordingId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use testkit::house::House;

/// Every row of every table as text, by `file table`.
pub(crate) type Snapshot = BTreeMap<String, Vec<String>>;

/// How many sessions there are, over all clients.
pub(crate) async fn sessions(house: &House) -> Result<usize> {
    let rows = snapshot(house).await?;
    anyhow::ensure!(
        rows.keys().any(|table| table.ends_with(" sessions")),
        "there is no table of sessions: {:?}",
        rows.keys()
    );
    Ok(rows
        .iter()
        .filter(|(table, _)| table.ends_with(" sessions"))
        .map(|(_, rows)| rows.len())
        .sum())
}

/// When a participant left for good, by their row.
pub(crate) async fn left_at(house: &House, participant: ParticipantId) -> Result<Option<i64>> {
    for mut client in clients(house).await? {
        let row: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT left_at FROM participants WHERE id = $1")
                .bind(participant.to_string())
                .fetch_optional(&mut client)
                .await?;
        if let Some((left_at,)) = row {
            return Ok(left_at);
        }
    }
    anyhow::bail!("there is no row of this participant")
}

/// Each client's own database.
async fn clients(house: &House) -> Result<Vec<SqliteConnection>> {
    let mut found = Vec::new();
    for file in databases(&house.plan().data())? {
        let options = SqliteConnectOptions::new().filename(&file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let own = "SELECT 1 FROM sqlite_schema WHERE name = 'sessions'";
        let own: Option<(i64,)> = sqlx::query_as(own).fetch_optional(&mut connection).await?;
        if own.is_some() {
            found.push(connection);
        }
    }
    Ok(found)
}

/// Waits until the recorder has seen this recording begin.
pub(crate) async fn listed(house: &House, recording: Option<RecordingId>) -> Result<()> {
    let recording = recording.context("it is recorded")?.to_string();
    for _ in 0..240 {
        for mut client in clients(house).await? {
            let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM recordings WHERE id = $1")
                .bind(&recording)
                .fetch_optional(&mut client)
                .await?;
            if row.is_some() {
                return Ok(());
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("the recorder never saw the recording")
}

/// Everything that stands in any database of the house.
pub(crate) async fn snapshot(house: &House) -> Result<Snapshot> {
    let mut found = Snapshot::new();
    for file in databases(&house.plan().data())? {
        let name = file
            .strip_prefix(house.plan().data())?
            .to_string_lossy()
            .into_owned();
        let mut connection = SqliteConnection::connect_with(
            &SqliteConnectOptions::new().filename(&file).read_only(true),
        )
        .await?;
        let tables: Vec<(String,)> =
            sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
                .fetch_all(&mut connection)
                .await?;
        for (table,) in tables {
            let columns: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info($1)")
                .bind(&table)
                .fetch_all(&mut connection)
                .await?;
            let quoted: Vec<String> = columns
                .iter()
                .map(|(column,)| format!("quote(\"{column}\")"))
                .collect();
            let query = format!(
                "SELECT {} FROM \"{table}\" ORDER BY 1",
                quoted.join(" || ',' || ")
            );
            let rows: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(query))
                .fetch_all(&mut connection)
                .await?;
            found.insert(
                format!("{name} {table}"),
                rows.into_iter().map(|(row,)| row).collect(),
            );
        }
        connection.close().await?;
    }
    Ok(found)
}

/// How often it is looked, and how often in a row all must be as it was: for several of the intake's
/// rounds (half a second each), which bring what the relay has told the logs.
const LOOK: Duration = Duration::from_millis(250);
const STILL: u32 = 8;

/// The same, once nothing is on its way into it any more.
pub(crate) async fn settled(house: &House) -> Result<Snapshot> {
    let mut before = snapshot(house).await?;
    let mut still = 0;
    for _ in 0..240 {
        tokio::time::sleep(LOOK).await;
        let now = snapshot(house).await?;
        still = if now == before { still + 1 } else { 0 };
        if still == STILL {
            return Ok(now);
        }
        before = now;
    }
    anyhow::bail!("the databases never come to rest")
}

/// Fails if anything is not as it was, and says where.
pub(crate) async fn unchanged(house: &House, before: &Snapshot) -> Result<()> {
    let now = snapshot(house).await?;
    let tables: Vec<&String> = now
        .iter()
        .filter(|(table, rows)| before.get(*table) != Some(rows))
        .map(|(table, _)| table)
        .chain(before.keys().filter(|table| !now.contains_key(*table)))
        .collect();
    anyhow::ensure!(tables.is_empty(), "the databases changed: {tables:?}");
    Ok(())
}

/// Every `*.db` below `folder`.
fn databases(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(databases(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "db") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
