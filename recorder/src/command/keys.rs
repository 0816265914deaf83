//! Sealing keys and node certificates.

use proto::dsse::{Document as _, Envelope};
use proto::keys::NodeCertificate;
use proto::{NodeId, PublicKey};
use store::Node;

use super::{Answer, Reply, Unlocking, unlocking};
use crate::Recorder;
use crate::clock::shown;
use crate::custody::{self, PreparedShare};
use crate::error::{Error, Result};
use crate::terminal::count as counted;

pub(super) async fn list(recorder: &Recorder, client: &str, answer: &Answer) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    for key in custody::verified_keys(&tenant).await? {
        answer
            .line(format!(
                "{}  {}  from {}  until {}  {} of {} officers  {}",
                key.key,
                key.quarter,
                shown(key.not_before),
                shown(key.not_after),
                key.threshold,
                tenant.shares_of(key.key).await?.len(),
                key.public_key.fingerprint()
            ))
            .await?;
    }
    Ok(())
}

pub(super) async fn prepare(
    recorder: &Recorder,
    client: &str,
    threshold: Option<u8>,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let prepared = custody::prepare(recorder, &tenant, threshold).await?;
    answer
        .send(Reply::Value(serde_json::to_value(&prepared)?))
        .await
}

pub(super) async fn install(
    recorder: &Recorder,
    client: &str,
    statement: &Envelope,
    shares: &[PreparedShare],
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let key = custody::install(recorder, &tenant, statement, shares).await?;
    answer
        .line(format!(
            "The key for {} is installed: {} of {} officers open together. It is used from {} on.",
            key.quarter,
            key.threshold,
            key.shares,
            shown(key.not_before)
        ))
        .await?;
    answer.line(key.key.to_string()).await
}

pub(super) async fn reshare(
    recorder: &Recorder,
    client: &str,
    by: &[Unlocking],
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let by = unlocking(&tenant, by).await?;
    let count = custody::reshare(recorder, &tenant, &by).await?;
    answer
        .line(format!(
            "Shares of {} are made anew, one for every officer.",
            counted(count, "sealing key")
        ))
        .await
}

pub(super) async fn certify(
    recorder: &Recorder,
    key: PublicKey,
    days: u32,
    answer: &Answer,
) -> Result<()> {
    let control = recorder.store.control();
    let known = control.node_by_key(&key).await?;
    let now = recorder.now().whole_seconds();
    // Certified again, a node keeps its first day: what it signed since stays believable.
    let since = known
        .as_ref()
        .and_then(|node| node.certificate.verify(&recorder.public()).ok())
        .map_or(now, |before: NodeCertificate| before.not_before);
    let certificate = NodeCertificate {
        node: known.map_or_else(|| NodeId::random(&mut recorder.rng()), |node| node.id),
        public_key: key,
        not_before: since,
        not_after: now.plus(i64::from(days) * 86_400_000),
    };
    let envelope = certificate
        .sign(recorder.keys.signing())
        .map_err(Error::from)?;
    control
        .put_node(&Node {
            id: certificate.node,
            public_key: key,
            certificate: envelope,
        })
        .await?;
    answer
        .line(format!(
            "The node is certified until {}. Start the relay.",
            shown(certificate.not_after)
        ))
        .await?;
    answer.line(certificate.node.to_string()).await
}

pub(super) async fn nodes(recorder: &Recorder, answer: &Answer) -> Result<()> {
    for node in recorder.store.control().nodes().await? {
        let until = match node
            .certificate
            .verify::<NodeCertificate>(&recorder.public())
        {
            Ok(certificate) => format!("until {}", shown(certificate.not_after)),
            Err(e) => format!("NOT VALID: {e}"),
        };
        answer
            .line(format!("{}  {}  {until}", node.id, node.public_key))
            .await?;
    }
    Ok(())
}
