//! What an officer can do from the console: the pages' whole view of the recorder.
//!
//! ```text
//! Office ── sign_in(client, name, password) ──> session token
//!        └─ officer(token) ──> Officer: sessions, cases, approvals, log, bundles of one client
//! ```
//! An [`Officer`] reaches their own client and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use proto::{CaseId, Hash32, KeyId, Millis, RecordingId, StaffId, Token};
use store::{
    Case, Cursor, Recording, RecordingFilter, RecordingPage, Site, Staff, StaffRole, StoreError,
    Tenant,
};
use tokio::sync::mpsc;

use crate::Recorder;
use crate::bundle::compose;
use crate::cases::{self, Progress, Request};
use crate::command::keeping::{Checked, in_vault};
use crate::custody;
use crate::error::{Error, Result};
use crate::inspect::Finding;
use crate::keys::Passphrase;
use crate::log::{self, LogEvent};
use crate::password;

/// How long a sign-in lasts.
pub const SESSION_MS: i64 = 8 * 60 * 60 * 1000;

/// Argon2id of a password that nobody has: so that an unknown name takes as long as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The front door; clones share the recorder.
#[derive(Debug, Clone)]
pub struct Office {
    recorder: Arc<Recorder>,
}

/// A fresh sign-in.
pub struct SignedIn {
    /// For the cookie: the client's short name, a dot, and the token.
    pub session: String,
    /// Good until.
    pub expires: Millis,
}

/// A signed-in officer of one client.
#[derive(Clone)]
pub struct Officer {
    recorder: Arc<Recorder>,
    tenant: Tenant,
    staff: Staff,
}

/// A case with how far it is.
pub struct CaseView {
    /// The case.
    pub case: Case,
    /// Whose shares are unlocked, and how many must be.
    pub progress: Progress,
    /// Whether anything can still be done under it.
    pub over: bool,
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Place in the tree.
    pub index: u64,
    /// When.
    pub at: Millis,
    /// What happened, in a word.
    pub kind: String,
    /// The leaf hash.
    pub leaf: Hash32,
    /// What it says; `None` once erased, or if this version does not know it.
    pub event: Option<LogEvent>,
}

/// What a check of a recording found: one line for each thing.
#[derive(Debug, Clone, Default)]
pub struct RecordingCheck {
    /// As it should be.
    pub good: Vec<String>,
    /// Not as it should be, with its place.
    pub wrong: Vec<Finding>,
}

impl Office {
    /// The front door of this recorder.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder }
    }

    /// The origin that browsers see.
    pub fn origin(&self) -> &str {
        &self.recorder.config.console.origin
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.recorder.now()
    }

    /// Signs an officer in.
    pub async fn sign_in(
        &self,
        client: &str,
        name: &str,
        password: Passphrase,
    ) -> Result<SignedIn> {
        let found = match self.recorder.store.tenant_by_slug(client).await {
            Ok(tenant) => {
                let credentials = tenant.staff_credentials(name).await?;
                credentials
                    .filter(|c| c.staff.role == StaffRole::Officer)
                    .map(|c| (tenant, c))
            }
            Err(StoreError::NoSuchTenant) => None,
            Err(other) => return Err(other.into()),
        };
        let phc = found
            .as_ref()
            .map_or_else(|| NOBODY.to_owned(), |(_, c)| c.password.clone());
        let right = self
            .recorder
            .one_at_a_time
            .run(move || password::verify(&password, &phc))
            .await?;
        let (tenant, credentials) = found.filter(|_| right).ok_or(Error::SignIn)?;
        let token = Token::random(&mut self.recorder.rng());
        let expires = self.recorder.now().plus(SESSION_MS);
        tenant
            .begin_staff_session(&token.hash(), credentials.staff.id, expires)
            .await?;
        Ok(SignedIn {
            session: format!("{}.{}", tenant.info().slug, token.expose()),
            expires,
        })
    }

    /// Who a cookie belongs to; [`Error::SignIn`] if to nobody, or no longer.
    pub async fn officer(&self, session: &str) -> Result<Officer> {
        let (tenant, token) = self.session(session).await?;
        let staff = tenant
            .staff_session(&token.hash(), self.recorder.now())
            .await?
            .filter(|staff| staff.role == StaffRole::Officer)
            .ok_or(Error::SignIn)?;
        Ok(Officer {
            recorder: Arc::clone(&self.recorder),
            tenant,
            staff,
        })
    }

    /// Ends a sign-in.
    pub async fn sign_out(&self, session: &str) -> Result<()> {
        let (tenant, token) = self.session(session).await?;
        Ok(tenant.end_staff_session(&token.hash()).await?)
    }

    async fn session(&self, session: &str) -> Result<(Tenant, Token)> {
        let (client, token) = session.rsplit_once('.').ok_or(Error::SignIn)?;
        let token: Token = token.parse().map_err(|_| Error::SignIn)?;
        match self.recorder.store.tenant_by_slug(client).await {
            Ok(tenant) => Ok((tenant, token)),
            Err(StoreError::NoSuchTenant) => Err(Error::SignIn),
            Err(other) => Err(other.into()),
        }
    }
}

impl Officer {
    /// Who.
    pub fn id(&self) -> StaffId {
        self.staff.id
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.staff.name
    }

    /// The client's name.
    pub fn client(&self) -> &str {
        &self.tenant.info().name
    }

    /// Names of agents and officers, by id: for showing who is meant.
    pub async fn staff(&self) -> Result<Vec<Staff>> {
        Ok(self.tenant.staff().await?)
    }

    /// Sites: for showing and for filtering.
    pub async fn sites(&self) -> Result<Vec<Site>> {
        Ok(self.tenant.sites().await?)
    }

    /// Recordings by metadata, newest first.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<RecordingPage> {
        Ok(self.tenant.recordings(filter, after, limit).await?)
    }

    /// One recording's metadata.
    pub async fn recording(&self, id: RecordingId) -> Result<Recording> {
        let found = self.tenant.recording(id).await?;
        found.ok_or(Error::NotFound("recording"))
    }

    /// Checks a recording in the vault. Opens nothing.
    pub async fn check_recording(&self, id: RecordingId) -> Result<RecordingCheck> {
        self.recording(id).await?;
        let Checked { good, wrong } = in_vault(&self.recorder, &self.tenant, id, None).await?;
        Ok(RecordingCheck { good, wrong })
    }

    /// Opens a case in this officer's name.
    pub async fn open_case(&self, mut request: Request) -> Result<CaseId> {
        request.by = Some(self.staff.id);
        cases::open(&self.recorder, &self.tenant, request).await
    }

    /// Unlocks this officer's own share for a case, for a quarter of an hour.
    pub async fn approve(&self, case: CaseId, passphrase: &Passphrase) -> Result<Progress> {
        cases::approve(&self.recorder, &self.tenant, case, self.staff.id, passphrase).await
    }

    /// Closes a case.
    pub async fn close_case(&self, case: CaseId) -> Result<()> {
        cases::close(&self.recorder, &self.tenant, case).await
    }

    /// All cases, newest first.
    pub async fn cases(&self) -> Result<Vec<Case>> {
        Ok(self.tenant.cases().await?)
    }

    /// One case with how far it is.
    pub async fn case(&self, id: CaseId) -> Result<CaseView> {
        let case = self.tenant.case(id).await?;
        let case = case.ok_or(Error::NotFound("case"))?;
        let progress = cases::progress(&self.recorder, &self.tenant, &case).await?;
        let over = case.closed.is_some() || case.expires <= self.recorder.now();
        Ok(CaseView {
            case,
            progress,
            over,
        })
    }

    /// A page of the log, from entry `from` on.
    pub async fn log(&self, from: u64, limit: u32) -> Result<Vec<LogLine>> {
        let entries = self.tenant.log_entries(from, limit).await?;
        Ok(entries
            .into_iter()
            .map(|entry| LogLine {
                event: log::read(&entry),
                index: entry.index,
                at: entry.at,
                kind: entry.kind,
                leaf: entry.leaf,
            })
            .collect())
    }

    /// How many entries the log has.
    pub async fn log_size(&self) -> Result<u64> {
        Ok(self.tenant.log_size().await?)
    }

    /// Recomputes the whole log against its newest signed checkpoint.
    pub async fn verify_log(&self) -> Result<log::Checked> {
        log::verify(&self.tenant, &self.recorder.public()).await
    }

    /// The newest signed checkpoint, as text.
    pub async fn checkpoint(&self) -> Result<Option<String>> {
        let newest = self.tenant.newest_checkpoint().await?;
        Ok(newest.map(|checkpoint| checkpoint.note))
    }

    /// The sealing keys with their thresholds, the newest first: id, quarter, k.
    pub async fn sealing_keys(&self) -> Result<Vec<(KeyId, String, u8)>> {
        let keys = custody::verified_keys(&self.tenant).await?;
        Ok(keys
            .into_iter()
            .map(|key| (key.key, key.quarter, key.threshold))
            .collect())
    }

    /// The name under which a bundle is handed out.
    pub fn bundle_name(&self, recording: RecordingId) -> String {
        compose::file_name(recording)
    }

    /// Opens a recording under a case and streams its bundle. What can be refused is refused before
    /// the first piece: an error comes back from here, or the stream ends early.
    pub async fn bundle(
        &self,
        case: CaseId,
        recording: RecordingId,
    ) -> Result<mpsc::Receiver<Result<Bytes>>> {
        let (to, mut from) = mpsc::channel::<Bytes>(4);
        let (out, stream) = mpsc::channel(4);
        let (recorder, tenant) = (Arc::clone(&self.recorder), self.tenant.clone());
        let mut writing = tokio::spawn(async move {
            compose::export(&recorder, &tenant, case, recording, to).await
        });
        // Either there is a first piece, or the export has ended: with an error, then.
        let first = tokio::select! {
            biased;
            first = from.recv() => first,
            done = &mut writing => return Err(ended_early(done)),
        };
        let Some(first) = first else {
            return Err(ended_early(writing.await));
        };
        tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(chunk) = next {
                if out.send(Ok(chunk)).await.is_err() {
                    return;
                }
                next = from.recv().await;
            }
            if let Ok(Err(error)) = writing.await {
                let _ = out.send(Err(error)).await;
            }
        });
        Ok(stream)
    }
}

fn ended_early(
    done: core::result::Result<Result<compose::Exported>, tokio::task::JoinError>,
) -> Error {
    match done {
        Ok(Err(error)) => error,
        Ok(Ok(_)) | Err(_) => Error::refused("the bundle was cut short: try again"),
    }
}
