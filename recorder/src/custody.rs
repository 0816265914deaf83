//! Who can open: officers, the tenant's sealing keys, and the shares that join the two.
//!
//! A private sealing key is whole in memory only twice: when it is made and split, and when k
//! officers together let shares be made anew. It is never written.

mod holders;
mod quarter;

use std::collections::HashMap;

use proto::dsse::{Document as _, Envelope};
use proto::keys::{self, SealingKey};
use proto::{Hash32, KeyId, Millis, StaffId};
use serde::{Deserialize, Serialize};
use store::{KeyShare, NewStaff, OfficerKey, SealingKeyRow, StaffRole, Tenant};

use crate::Recorder;
use crate::error::{Error, Result};
use crate::keys::officer::{self, LockedKey, OfficerKeyError};
use crate::keys::shares::{self, Holder, Share};
use crate::keys::{Passphrase, PrivateKey};
use crate::log::What;
use crate::password;
use crate::terminal::escape;
use holders::holders;
pub use holders::is_signed;
use quarter::Quarter;

/// A sealing key that waits for the signature of the tenant's root. Nothing in it is secret: the
/// shares are sealed to the officers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedKey {
    /// What the root is asked to sign.
    pub statement: SealingKey,
    /// One sealed share per officer.
    pub shares: Vec<PreparedShare>,
}

/// One share of a [`PreparedKey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedShare {
    /// Whose.
    pub officer: StaffId,
    /// The officer's name for signing in.
    pub sign_in: String,
    /// SHA-256 of the officer's public key, to be compared by whoever signs.
    pub key: Hash32,
    /// HPKE to the officer's key.
    #[serde(with = "proto::bytes::base64")]
    pub sealed: Vec<u8>,
}

/// An officer to be added.
pub struct NewOfficer {
    /// For signing in.
    pub sign_in: String,
    /// Name.
    pub name: String,
    /// For signing in to the console.
    pub password: Passphrase,
    /// Locks the officer's key.
    pub passphrase: Passphrase,
}

/// An officer and the passphrase of their key.
pub type Unlocking = (StaffId, Passphrase);

/// Adds an officer. Where sealing keys exist already, k officers must unlock theirs, so that shares
/// can be made anew for everyone.
pub async fn add_officer(
    recorder: &Recorder,
    tenant: &Tenant,
    new: NewOfficer,
    unlocking: &[Unlocking],
) -> Result<StaffId> {
    if !new.passphrase.is_long_enough() || !new.password.is_long_enough() {
        return Err(Error::refused(format!(
            "a passphrase or password needs at least {} characters",
            crate::keys::passphrase::PASSPHRASE_MIN
        )));
    }
    // Before anything is written: can the keys be opened at all, and shared again?
    let opened = open_all(recorder, tenant, unlocking).await?;
    holders(recorder, tenant).await?;
    let id = StaffId::random(&mut recorder.rng());
    let (passphrase, password) = (new.passphrase.clone(), new.password.clone());
    let secret = recorder.keys.password_secret(tenant.id(), id);
    let (locked, phc) = recorder
        .one_at_a_time
        .run(move || {
            let rng = &mut crate::entropy::system();
            Ok::<_, Error>((
                officer::generate(&passphrase, rng)?,
                password::hash_bound(&password, &secret, rng)?,
            ))
        })
        .await??;
    let now = recorder.now();
    tenant
        .add_staff(&NewStaff {
            id,
            sign_in: new.sign_in,
            name: new.name,
            role: StaffRole::Officer,
            password: phc,
            created: now.whole_seconds(),
        })
        .await?;
    let statement = keys::OfficerKey {
        tenant: tenant.id(),
        officer: id,
        public_key: locked.public,
    };
    tenant
        .put_officer_key(&OfficerKey {
            officer: id,
            public_key: locked.public,
            statement: Some(statement.sign(recorder.keys.signing())?),
            sealed_private: locked.locked,
            created: now.whole_seconds(),
        })
        .await?;
    let what = What::OfficerAdded {
        officer: id,
        key: locked.public.fingerprint(),
    };
    recorder.log(tenant, what).await?;
    split_all(recorder, tenant, opened, unlocking).await?;
    Ok(id)
}

/// Makes the shares of every sealing key anew, for all officers.
pub async fn reshare(
    recorder: &Recorder,
    tenant: &Tenant,
    unlocking: &[Unlocking],
) -> Result<usize> {
    let opened = open_all(recorder, tenant, unlocking).await?;
    let count = opened.len();
    split_all(recorder, tenant, opened, unlocking).await?;
    Ok(count)
}

/// Makes a sealing key, splits it, and gives back what the root has to sign.
pub async fn prepare(
    recorder: &Recorder,
    tenant: &Tenant,
    threshold: Option<u8>,
) -> Result<PreparedKey> {
    let keys = verified_keys(tenant).await?;
    let newest = keys.first();
    let threshold = threshold
        .or(newest.map(|key| key.threshold))
        .unwrap_or(shares::THRESHOLD_MIN);
    let officers = holders(recorder, tenant).await?;
    let holders: Vec<Holder> = officers.iter().map(|(_, holder)| *holder).collect();
    if holders.len() < usize::from(threshold) {
        return Err(Error::refused(format!(
            "{threshold} officers are to open together and there are {}: add officers first (`recorder officer add`)",
            holders.len()
        )));
    }
    let now = recorder.now();
    let this = Quarter::at(now);
    let taken = |quarter: &Quarter| keys.iter().any(|key| key.quarter == quarter.name());
    let (quarter, not_before) = if taken(&this) {
        let next = this.next();
        if taken(&next) {
            return Err(Error::refused(format!(
                "there are keys for {} and {} already",
                this.name(),
                next.name()
            )));
        }
        let begins = next.begins();
        (next, begins)
    } else {
        (this, now.whole_seconds())
    };
    let rng = &mut recorder.rng();
    let key = PrivateKey::random(rng);
    let statement = SealingKey {
        tenant: tenant.id(),
        key: KeyId::random(rng),
        not_after: quarter.next().begins(),
        quarter: quarter.name(),
        public_key: key.public()?,
        not_before,
        threshold,
        shares: u8::try_from(holders.len())
            .map_err(|_| Error::refused("a key cannot be shared among so many officers"))?,
    };
    let sealed = shares::split(&key, threshold, &holders, tenant.id(), statement.key, rng)?;
    Ok(PreparedKey {
        statement,
        shares: officers
            .into_iter()
            .zip(sealed)
            .map(|((officer, holder), (_, sealed))| PreparedShare {
                officer: holder.officer,
                sign_in: officer.sign_in,
                key: holder.public.fingerprint(),
                sealed,
            })
            .collect(),
    })
}

/// Says in the log with which root the client was made: once, however often it is asked.
pub async fn tenant_made(recorder: &Recorder, tenant: &Tenant) -> Result<()> {
    let what = What::TenantMade {
        root: tenant.info().root_key.fingerprint(),
    };
    let id = format!("tenant-{}", tenant.id());
    recorder.log_as(tenant, id, what).await.map(drop)
}

/// Installs a sealing key, if the pinned root has signed it.
pub async fn install(
    recorder: &Recorder,
    tenant: &Tenant,
    envelope: &Envelope,
    prepared: &[PreparedShare],
) -> Result<SealingKey> {
    let root = tenant.info().root_key;
    let key: SealingKey = envelope.verify(&root).map_err(|e| {
        Error::refused(format!(
            "{e}: the client's pinned root has the fingerprint {}",
            root.fingerprint()
        ))
    })?;
    if key.tenant != tenant.id() {
        return Err(Error::refused("this sealing key is another client's"));
    }
    if key.threshold < shares::THRESHOLD_MIN || usize::from(key.shares) != prepared.len() {
        return Err(Error::refused("the shares do not fit the signed statement"));
    }
    let officers = holders(recorder, tenant).await?;
    let theirs = |share: &PreparedShare| {
        let known = |(_, h): &(_, Holder)| {
            h.officer == share.officer && h.public.fingerprint() == share.key
        };
        officers.iter().any(known)
    };
    if !prepared.iter().all(theirs) {
        return Err(Error::refused(
            "a share is sealed to a key that is no officer's: prepare the sealing key again",
        ));
    }
    // Says with which root the client began, if a stop right after that kept it from being said.
    tenant_made(recorder, tenant).await?;
    tenant
        .put_sealing_key(
            envelope,
            &rows(
                key.key,
                prepared.iter().map(|s| (s.officer, s.sealed.clone())),
            ),
        )
        .await?;
    let what = What::SealingKeyInstalled {
        key: key.key,
        quarter: key.quarter.clone(),
        public_key: key.public_key.fingerprint(),
        threshold: key.threshold,
        officers: prepared.iter().map(|s| s.officer).collect(),
        holders: prepared.iter().map(|s| s.key).collect(),
    };
    recorder
        .log_as(tenant, format!("key-{}", key.key), what)
        .await?;
    Ok(key)
}

/// The officer's private key, if the passphrase is right. A wrong one stands in the log, and few are
/// tried.
pub async fn unlock(
    recorder: &Recorder,
    tenant: &Tenant,
    officer: StaffId,
    passphrase: &Passphrase,
) -> Result<PrivateKey> {
    let row = tenant
        .officer_key(officer)
        .await?
        .ok_or(Error::NotFound("officer"))?;
    let locked = LockedKey {
        public: row.public_key,
        locked: row.sealed_private,
    };
    let passphrase = passphrase.clone();
    let now = recorder.now();
    recorder.passphrases.take(tenant.id(), officer, now)?;
    let opened = recorder
        .one_at_a_time
        .run(move || locked.unlock(&passphrase))
        .await?;
    match opened {
        Ok(key) => {
            recorder.passphrases.right(tenant.id(), officer);
            Ok(key)
        }
        Err(error) => {
            let what = What::PassphraseRefused { officer };
            recorder.log(tenant, what).await?;
            match (error, tenant.staff_member(officer).await?) {
                (OfficerKeyError::WrongPassphrase, Some(staff)) => Err(Error::WrongPassphrase {
                    whose: escape(&staff.sign_in),
                }),
                (error, _) => Err(error.into()),
            }
        }
    }
}

/// The officer's shares of these keys. A key that they hold no share of is left out.
pub async fn shares_of(
    tenant: &Tenant,
    officer: StaffId,
    unlocked: &PrivateKey,
    keys: &[KeyId],
) -> Result<HashMap<KeyId, Share>> {
    let mut out = HashMap::new();
    for key in keys {
        for row in tenant.shares_of(*key).await? {
            if row.officer == officer {
                let share = shares::unseal(&row.sealed, tenant.id(), *key, officer, unlocked)?;
                out.insert(*key, share);
            }
        }
    }
    Ok(out)
}

/// So long before the newest sealing key is due, its successor is asked for.
const AHEAD: i64 = 30 * 86_400_000;

/// Which sealing key a client is without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanting {
    /// Any at all.
    First,
    /// The one of this quarter: the last one was due then, and is still used.
    Overdue(Millis),
    /// The next one: the last one is due then, and soon.
    Next(Millis),
}

/// What is to be done about a client's sealing keys, if anything.
pub fn wanting(keys: &[SealingKey], now: Millis) -> Option<Wanting> {
    match keys.iter().map(|key| key.not_after).max() {
        None => Some(Wanting::First),
        Some(last) if last <= now => Some(Wanting::Overdue(last)),
        Some(last) if last.plus(-AHEAD) <= now => Some(Wanting::Next(last)),
        Some(_) => None,
    }
}

/// The tenant's sealing keys that its root has signed, the newest first.
pub async fn verified_keys(tenant: &Tenant) -> Result<Vec<SealingKey>> {
    let root = tenant.info().root_key;
    let rows = tenant.sealing_keys().await?;
    Ok(rows
        .iter()
        .filter_map(|row: &SealingKeyRow| row.statement.verify(&root).ok())
        .collect())
}

/// Every sealing key whole, by k officers' unlocking.
async fn open_all(
    recorder: &Recorder,
    tenant: &Tenant,
    unlocking: &[Unlocking],
) -> Result<Vec<(SealingKey, PrivateKey)>> {
    let keys = verified_keys(tenant).await?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let need = keys
        .iter()
        .map(|k| usize::from(k.threshold))
        .max()
        .unwrap_or(0);
    if unlocking.len() < need {
        return Err(too_few(unlocking.len(), need));
    }
    let ids: Vec<KeyId> = keys.iter().map(|k| k.key).collect();
    let mut held = Vec::new();
    for (officer, passphrase) in unlocking {
        let key = unlock(recorder, tenant, *officer, passphrase).await?;
        held.push(shares_of(tenant, *officer, &key, &ids).await?);
    }
    keys.into_iter()
        .map(|key| {
            let shares: Vec<Share> = held
                .iter()
                .filter_map(|h| h.get(&key.key).cloned())
                .collect();
            let whole = shares::combine(&shares, key.threshold, &key.public_key)?;
            Ok((key, whole))
        })
        .collect()
}

async fn split_all(
    recorder: &Recorder,
    tenant: &Tenant,
    opened: Vec<(SealingKey, PrivateKey)>,
    unlocking: &[Unlocking],
) -> Result<()> {
    let holders: Vec<Holder> = holders(recorder, tenant)
        .await?
        .into_iter()
        .map(|(_, holder)| holder)
        .collect();
    for (key, whole) in opened {
        let rng = &mut recorder.rng();
        let sealed = shares::split(&whole, key.threshold, &holders, tenant.id(), key.key, rng)?;
        tenant
            .replace_shares(key.key, &rows(key.key, sealed))
            .await?;
        let what = What::SharesReplaced {
            key: key.key,
            by: unlocking.iter().map(|(officer, _)| *officer).collect(),
            officers: holders.iter().map(|h| h.officer).collect(),
            holders: holders.iter().map(|h| h.public.fingerprint()).collect(),
        };
        recorder.log(tenant, what).await?;
    }
    Ok(())
}

fn rows(key: KeyId, shares: impl IntoIterator<Item = (StaffId, Vec<u8>)>) -> Vec<KeyShare> {
    (1..)
        .zip(shares)
        .map(|(index, (officer, sealed))| KeyShare {
            key,
            officer,
            index,
            sealed,
        })
        .collect()
}

/// The error that says how many officers are missing.
pub fn too_few(have: usize, need: usize) -> Error {
    Error::TooFewOfficers {
        have,
        need,
        missing: need.saturating_sub(have),
    }
}
