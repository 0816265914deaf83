//! Whether a verb can be carried out at all, asked before anyone types a passphrase for it. Whatever
//! follows checks all of it again.

use std::collections::BTreeSet;

use proto::{CaseId, RecordingId, StaffId};
use serde::{Deserialize, Serialize};
use store::Tenant;

use super::{officer_by_name, scoped};
use crate::error::{Error, Result};
use crate::terminal::escape;
use crate::{Recorder, cases, custody};

/// What passphrases are about to be asked for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// To add an agent.
    Agent {
        /// Whose.
        client: String,
        /// For signing in.
        sign_in: String,
    },
    /// To make all shares anew.
    Shares {
        /// Whose.
        client: String,
        /// For an officer who is added under this sign-in name.
        sign_in: Option<String>,
        /// Who is to unlock for it, by sign-in name.
        by: Vec<String>,
    },
    /// To approve a case.
    Approval {
        /// Whose.
        client: String,
        /// Which.
        case: CaseId,
        /// Who, by sign-in name.
        officer: String,
    },
    /// To open a recording.
    Opening {
        /// Whose.
        client: String,
        /// Under which case.
        case: CaseId,
        /// Which; `None`: the one that the case covers.
        recording: Option<RecordingId>,
        /// Who approves for it now, by sign-in name.
        officers: Vec<String>,
    },
}

/// Refuses what will not do.
pub(super) async fn ready(recorder: &Recorder, what: &Ready) -> Result<()> {
    match what {
        Ready::Agent { client, sign_in } => {
            let tenant = recorder.tenant(client).await?;
            is_free(&tenant, sign_in).await
        }
        Ready::Shares {
            client,
            sign_in,
            by,
        } => {
            let tenant = recorder.tenant(client).await?;
            if let Some(sign_in) = sign_in {
                is_free(&tenant, sign_in).await?;
            }
            let named = officers(&tenant, by).await?;
            let keys = custody::verified_keys(&tenant).await?;
            let need = keys.iter().map(|key| key.threshold).max();
            let need = usize::from(need.unwrap_or_default());
            if named.len() >= need {
                return Ok(());
            }
            Err(Error::refused(format!(
                "there are sealing keys already, so {need} officers must unlock theirs ({} so far): {}",
                named.len(),
                example(&tenant, "--by", &named, need).await?
            )))
        }
        Ready::Approval {
            client,
            case,
            officer,
        } => {
            let tenant = recorder.tenant(client).await?;
            cases::valid(recorder, &tenant, *case).await?;
            officer_by_name(&tenant, officer).await.map(drop)
        }
        Ready::Opening {
            client,
            case,
            recording,
            officers: names,
        } => {
            let tenant = recorder.tenant(client).await?;
            let valid = cases::valid(recorder, &tenant, *case).await?;
            scoped(&tenant, &valid, *recording).await?;
            let progress = cases::progress(recorder, &tenant, &valid).await?;
            let mut present = officers(&tenant, names).await?;
            present.extend(progress.unlocked.iter().map(|(officer, _)| *officer));
            if present.len() >= progress.needed {
                return Ok(());
            }
            Err(Error::refused(format!(
                "{} officers must unlock their shares together ({} so far): {}; or let them approve one after the other while the recorder runs: recorder case approve {} {case} OFFICER",
                progress.needed,
                present.len(),
                example(&tenant, "--officer", &present, progress.needed).await?,
                escape(client),
            )))
        }
    }
}

async fn is_free(tenant: &Tenant, sign_in: &str) -> Result<()> {
    if tenant.staff_credentials(sign_in).await?.is_some() {
        return Err(Error::refused(format!(
            "there is an officer or agent {} already",
            escape(sign_in)
        )));
    }
    Ok(())
}

async fn officers(tenant: &Tenant, names: &[String]) -> Result<BTreeSet<StaffId>> {
    let mut found = BTreeSet::new();
    for name in names {
        found.insert(officer_by_name(tenant, name).await?);
    }
    Ok(found)
}

/// What to write so that `need` officers are there: those of `there`, and as many others.
async fn example(
    tenant: &Tenant,
    option: &str,
    there: &BTreeSet<StaffId>,
    need: usize,
) -> Result<String> {
    let mut all = tenant.officers().await?;
    all.sort_by_key(|officer| !there.contains(&officer.id));
    let written: Vec<String> = all
        .iter()
        .take(need)
        .map(|officer| format!("{option} {}", escape(&officer.sign_in)))
        .collect();
    Ok(format!("name them, such as {}", written.join(" ")))
}
