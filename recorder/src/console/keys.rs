//! Who can open: sealing keys and their shares, officers, and whose signatures count.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use proto::keys::{IntakeKey, SealingKey};
use proto::{KeyId, Millis, StaffId};
use store::Tenant;

use super::names::Names;
use super::page::{Frame, Here, render};
use super::shown::{When, grouped};
use super::signed::Signed;
use super::trouble::Trouble;
use crate::custody::Wanting;
use crate::{Recorder, custody};

#[derive(Template)]
#[template(path = "console/keys.html")]
struct Page {
    frame: Frame,
    root: String,
    recorder: String,
    warning: Option<String>,
    keys: Vec<Key>,
    officers: Vec<Officer>,
    generations: Vec<Generation>,
    nodes: Vec<Node>,
}

struct Key {
    id: KeyId,
    quarter: String,
    fingerprint: String,
    from: When,
    until: When,
    threshold: u8,
    shares: u8,
    holders: String,
    by_root: bool,
    used: bool,
}

struct Officer {
    name: String,
    sign_in: String,
    fingerprint: Option<String>,
    shares: usize,
    you: bool,
}

struct Generation {
    number: u32,
    since: When,
    newest: bool,
}

struct Node {
    id: String,
    fingerprint: String,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
) -> Result<Response, Trouble> {
    let tenant = &signed.tenant;
    let now = recorder.now();
    let (keys, held) = sealing_keys(tenant, now).await?;
    let officers = tenant
        .officers()
        .await?
        .into_iter()
        .map(|officer| Officer {
            you: officer.id == signed.officer.id,
            shares: held.iter().filter(|holder| **holder == officer.id).count(),
            name: officer.name,
            sign_in: officer.sign_in,
            fingerprint: officer.public_key.map(|key| grouped(&key.fingerprint())),
        })
        .collect();
    let nodes = recorder.store.control().nodes().await?;
    render(&Page {
        frame: Frame::new(&signed, Here::Keys),
        root: grouped(&tenant.info().root_key.fingerprint()),
        recorder: grouped(&recorder.public().fingerprint()),
        warning: warning(&custody::verified_keys(tenant).await?, now),
        keys,
        officers,
        generations: generations(&recorder).await?,
        nodes: nodes
            .iter()
            .map(|node| Node {
                id: node.id.to_string(),
                fingerprint: grouped(&node.public_key.fingerprint()),
            })
            .collect(),
    })
}

/// The sealing keys, the newest first, and the holders of all their shares.
async fn sealing_keys(tenant: &Tenant, now: Millis) -> Result<(Vec<Key>, Vec<StaffId>), Trouble> {
    let names = Names::of(tenant).await?;
    let root = tenant.info().root_key;
    let mut keys: Vec<Key> = Vec::new();
    let mut held = Vec::new();
    for row in tenant.sealing_keys().await? {
        let shares = tenant.shares_of(row.key.key).await?;
        let holders: Vec<StaffId> = shares.iter().map(|share| share.officer).collect();
        let by_root = row.statement.verify::<SealingKey>(&root).is_ok();
        let used = by_root && row.key.not_before <= now && !keys.iter().any(|key| key.used);
        keys.push(Key {
            id: row.key.key,
            quarter: row.key.quarter.clone(),
            fingerprint: grouped(&row.key.public_key.fingerprint()),
            from: When::new(row.key.not_before, now),
            until: When::new(row.key.not_after, now),
            threshold: row.key.threshold,
            shares: row.key.shares,
            holders: names.all(&holders),
            by_root,
            used,
        });
        held.extend(holders);
    }
    Ok((keys, held))
}

/// What is to be done about the sealing keys, if anything.
fn warning(keys: &[SealingKey], now: Millis) -> Option<String> {
    let todo = "Prepare the next one and have the client’s root sign it (recorder key prepare).";
    Some(match custody::wanting(keys, now)? {
        Wanting::First => format!(
            "There is no sealing key that the client’s root has signed. What must be recorded is refused until there is one. {todo}"
        ),
        Wanting::Overdue(_) => {
            format!("The newest sealing key is past its quarter; it is still used. {todo}")
        }
        Wanting::Next(due) => format!(
            "The newest sealing key is due on {}, and the next one is not there yet. {todo}",
            When::new(due, now).day()
        ),
    })
}

/// The intake keys that this recorder signed, the newest first.
async fn generations(recorder: &Recorder) -> Result<Vec<Generation>, Trouble> {
    let mut keys: Vec<IntakeKey> = recorder
        .store
        .control()
        .intake_keys()
        .await?
        .iter()
        .filter_map(|key| key.statement.verify(&recorder.public()).ok())
        .collect();
    keys.sort_by_key(|key| core::cmp::Reverse(key.generation));
    let newest = keys.first().map(|key| key.generation);
    Ok(keys
        .iter()
        .map(|key| Generation {
            number: key.generation,
            since: When::new(key.not_before, recorder.now()),
            newest: Some(key.generation) == newest,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use proto::{KeyId, PublicKey, TenantId};

    use super::*;

    const DAY: i64 = 86_400_000;

    fn due(not_after: Millis) -> SealingKey {
        SealingKey {
            tenant: TenantId::from_bytes([1; 16]),
            key: KeyId::from_bytes([2; 16]),
            quarter: "2026Q4".to_owned(),
            public_key: PublicKey([3; 32]),
            not_before: Millis(0),
            not_after,
            threshold: 2,
            shares: 3,
        }
    }

    #[test]
    fn the_next_key_is_asked_for_thirty_days_ahead() {
        let now = Millis(1_795_000_000_000);
        assert!(warning(&[], now).unwrap().contains("refused"));
        assert!(
            warning(&[due(now)], now)
                .unwrap()
                .contains("past its quarter")
        );
        assert!(
            warning(&[due(now.plus(30 * DAY))], now)
                .unwrap()
                .contains("is due on 18 Dec 2026")
        );
        assert_eq!(warning(&[due(now.plus(30 * DAY + 1))], now), None);
        assert_eq!(
            warning(&[due(now.plus(29 * DAY)), due(now.plus(119 * DAY))], now),
            None
        );
    }
}
