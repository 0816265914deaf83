//! Whose keys shares are sealed to, by the recorder's own word.

use proto::keys;
use store::{Officer, Tenant};

use crate::Recorder;
use crate::error::{Error, Result};
use crate::keys::shares::Holder;
use crate::terminal::escape;

/// The officers that shares are sealed to. A row alone introduces no key: the recorder signed each
/// when it was made, and one that it did not sign stops everything.
pub(super) async fn holders(
    recorder: &Recorder,
    tenant: &Tenant,
) -> Result<Vec<(Officer, Holder)>> {
    let mut out = Vec::new();
    for officer in tenant.officers().await? {
        let Some(public) = officer.public_key else {
            continue;
        };
        if !is_signed(recorder, tenant, &officer) {
            return Err(Error::refused(format!(
                "the key {} of officer {} ({}) is not one that this recorder made: somebody wrote it into the database. Nothing was sealed to it. Restore the officer's row from a backup, or remove it if there is no such officer",
                public.fingerprint(),
                escape(&officer.sign_in),
                officer.id
            )));
        }
        let holder = Holder {
            officer: officer.id,
            public,
        };
        out.push((officer, holder));
    }
    Ok(out)
}

/// Whether the recorder's word stands with an officer's key.
pub fn is_signed(recorder: &Recorder, tenant: &Tenant, officer: &Officer) -> bool {
    let stated = officer.statement.as_ref().and_then(|statement| {
        let key: keys::OfficerKey = statement.verify(&recorder.public()).ok()?;
        Some((key.tenant, key.officer, key.public_key))
    });
    let row = officer.public_key.map(|key| (tenant.id(), officer.id, key));
    stated.is_some() && stated == row
}
