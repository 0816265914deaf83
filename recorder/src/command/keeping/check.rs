//! `recorder check`: what is not as it should be, and what to do about it.

use proto::keys::NodeCertificate;
use store::Tenant;
use tokio::sync::Mutex;

use super::super::{Answer, Reply};
use crate::Recorder;
use crate::clock::shown;
use crate::custody;
use crate::error::Result;
use crate::intake::{Intake, rotate};
use crate::log::{self, What};
use crate::terminal::escape;

/// Collects what is said.
struct Findings<'a> {
    answer: &'a Answer,
    wrong: bool,
}

impl Findings<'_> {
    async fn say(&mut self, good: bool, line: String) -> Result<()> {
        self.wrong |= !good;
        let word = if good { "ok   " } else { "WRONG" };
        self.answer.line(format!("{word}  {line}")).await
    }
}

pub(crate) async fn check(
    recorder: &Recorder,
    intake: &Mutex<Intake>,
    answer: &Answer,
) -> Result<()> {
    let mut out = Findings {
        answer,
        wrong: false,
    };
    let line = format!(
        "recorder key {}, fingerprint {}",
        recorder.public(),
        recorder.public().fingerprint()
    );
    out.say(true, line).await?;
    intake_key(recorder, &mut out).await?;
    nodes(recorder, &mut out).await?;
    for tenant in recorder.store.tenants().await? {
        client(recorder, &tenant, &mut out).await?;
    }
    let pass = intake.lock().await.pass(recorder).await?;
    for (id, why) in pass.refused {
        out.say(false, format!("recording {id} stays in the spool: {why}"))
            .await?;
    }
    for what in pass.damage {
        out.say(false, format!("spool {what}")).await?;
    }
    out.say(true, format!("spool: {} recordings run", pass.live))
        .await?;
    if out.wrong {
        answer.send(Reply::Wrong).await?;
    }
    Ok(())
}

async fn intake_key(recorder: &Recorder, out: &mut Findings<'_>) -> Result<()> {
    match rotate::newest(recorder).await? {
        None => {
            out.say(
                false,
                "there is no intake key: run `recorder init`".to_owned(),
            )
            .await
        }
        Some(key) => {
            let there = recorder.keys.intake(key.generation)?.is_some();
            let due = rotate::is_due(recorder).await?;
            let line = format!(
                "intake key {} since {}{}",
                key.generation,
                shown(key.not_before),
                match (there, due) {
                    (false, _) => ": its private half is not there",
                    (true, true) => ": a newer one is due (`recorder serve` makes it)",
                    (true, false) => "",
                }
            );
            out.say(there, line).await
        }
    }
}

async fn nodes(recorder: &Recorder, out: &mut Findings<'_>) -> Result<()> {
    let nodes = recorder.store.control().nodes().await?;
    if nodes.is_empty() {
        let line = "no relay is certified: run `relay node-key`, then `recorder node certify KEY`";
        out.say(false, line.to_owned()).await?;
    }
    for node in nodes {
        let certificate = node
            .certificate
            .verify::<NodeCertificate>(&recorder.public());
        let (good, line) = match certificate {
            Ok(c) if c.not_after <= recorder.now() => (
                false,
                format!(
                    "node {}: its certificate ended {}: certify it again",
                    node.id,
                    shown(c.not_after)
                ),
            ),
            Ok(c) => (
                true,
                format!("node {}: certified until {}", node.id, shown(c.not_after)),
            ),
            Err(e) => (false, format!("node {}: {e}", node.id)),
        };
        out.say(good, line).await?;
    }
    Ok(())
}

async fn client(recorder: &Recorder, tenant: &Tenant, out: &mut Findings<'_>) -> Result<()> {
    let name = escape(&tenant.info().slug);
    let stored = tenant.sealing_keys().await?.len();
    let keys = custody::verified_keys(tenant).await?;
    if stored > keys.len() {
        let line = format!(
            "client {name}: {} sealing keys are not signed by its root",
            stored - keys.len()
        );
        out.say(false, line).await?;
    }
    match keys.first() {
        None => {
            let line = format!(
                "client {name}: there is no sealing key: add officers, then `recorder key rotate {name}`"
            );
            out.say(false, line).await?;
        }
        Some(newest) => {
            let good = custody::wanting(&keys, recorder.now()).is_none();
            let advice = if good {
                String::new()
            } else {
                format!(": make the next one, `recorder key rotate {name}`")
            };
            let line = format!(
                "client {name}: newest sealing key {} is due to be replaced {}{advice}",
                newest.quarter,
                shown(newest.not_after)
            );
            out.say(good, line).await?;
        }
    }
    for key in &keys {
        let shares = tenant.shares_of(key.key).await?.len();
        if shares < usize::from(key.threshold) {
            let line = format!(
                "client {name}: key {} has {shares} shares and needs {} to be opened",
                key.quarter, key.threshold
            );
            out.say(false, line).await?;
        }
    }
    for officer in tenant.officers().await? {
        if officer.public_key.is_some() && !custody::is_signed(recorder, tenant, &officer) {
            let line = format!(
                "client {name}: the key of officer {} is not one that this recorder made: nothing is sealed to it; restore the row, or remove it",
                escape(&officer.sign_in)
            );
            out.say(false, line).await?;
        }
    }
    let began = log::beginning(tenant).await?;
    let root = began.as_ref().and_then(log::read).map(|event| event.what);
    let pinned = tenant.info().root_key.fingerprint();
    if root.is_some_and(|what| what != What::TenantMade { root: pinned }) {
        let line =
            format!("client {name}: its root in the database is not the one that it was made with");
        out.say(false, line).await?;
    }
    let checked = recorder.log.verify(tenant).await?;
    let good = checked.wrong.is_empty();
    let line = format!(
        "client {name}: log of {} entries{}",
        checked.entries,
        checked
            .wrong
            .first()
            .map(|what| format!(": {what}"))
            .unwrap_or_default()
    );
    out.say(good, line).await
}
