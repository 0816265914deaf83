//! kill -9 in the middle of a call: at most a second before it is missing, and at most a second after
//! they hear each other again, by the senders' own logs; the record says where it was broken.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use loadtest::call::caller::{Caller, Log, played};
use loadtest::call::recorded::{Recorded, described};
use loadtest::participant::{Participant, sign_in};
use proto::notice::Modality;
use proto::wire::Hello;
use seal::manifest::Cause;
use sha2::{Digest as _, Sha256};
use testkit::house::House;
use tokio::time::{Instant, sleep};

use super::{BOTH, callers, film, films, gaps};
use crate::session::client;

/// How often the relay dies.
const KILLS: u64 = 20;
/// How much of a track may be missing before a kill, and once they hear each other again.
const MOST: Duration = Duration::from_secs(1);

/// For so long they heard each other, until the relay died.
struct Run {
    from: Instant,
    to: Instant,
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_in_a_call_lose_at_most_a_second_each() -> Result<()> {
    // What a killed program has written is there without any disk.
    let mut house = House::start_in_memory(|plan| {
        plan.limits = "sockets_per_minute = 100000\n".to_owned();
    })
    .await?;
    let bank = client(&house, "alpine")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let cookie = sign_in(&house.desk(), &bank.slug, &mia.sign_in, &mia.password).await?;
    let (mut visitor, mut agent) = callers(&house, &bank, &BOTH).await?;
    let mut runs = Vec::new();
    for kill in 0..KILLS {
        for caller in [&mut visitor, &mut agent] {
            caller
                .until("media of the other", |seen| seen.all_received() > 20)
                .await
                .with_context(|| format!("before kill {kill}"))?;
        }
        let from = Instant::now();
        // Somewhere else between two batches each time.
        sleep(Duration::from_millis(1100 + kill * 137 % 500)).await;
        let to = Instant::now();
        runs.push(Run { from, to });
        house.relay.kill().await?;
        house.start_relay().await?;
        visitor = again(&house, visitor, None).await.context("the visitor")?;
        agent = again(&house, agent, Some(&cookie))
            .await
            .context("the agent")?;
    }
    for caller in [&mut visitor, &mut agent] {
        caller
            .until("media of the other", |seen| seen.all_received() > 20)
            .await
            .context("after the last kill")?;
    }
    visitor.say(proto::wire::ClientMessage::HangUp {}).await?;
    agent
        .until("the end of the call", |seen| seen.call.is_none())
        .await?;
    visitor.say(proto::wire::ClientMessage::End {}).await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    let films = films(&opened.bundle, folder.path()).await?;
    for (name, caller) in [("visitor", &visitor), ("agent", &agent)] {
        let film = film(&films, name)?;
        for (kind, stream) in [(Modality::Audio, "audio"), (Modality::Video, "video")] {
            let kept = film.frames(film.only(stream)?).await?;
            let kept: Vec<String> = kept.into_iter().map(|(_, hash)| hash).collect();
            kept_but_a_second(&caller.log, kind, &kept, &runs)
                .with_context(|| format!("{name}, {stream}"))?;
        }
    }
    let gaps = gaps(&opened.bundle)?;
    let restarts = gaps
        .iter()
        .filter(|gap| gap.cause == Cause::Restart)
        .count();
    ensure!(
        restarts == usize::try_from(KILLS)?,
        "{restarts} restarts: {gaps:?}"
    );
    house.stop().await
}

/// The same person again after the relay was killed: resumed, in the call, and sending.
async fn again(house: &House, mut caller: Caller, cookie: Option<&str>) -> Result<Caller> {
    caller.ended().await?;
    let hello = Hello::Resume {
        site: caller.site,
        token: caller.welcome.resume.clone(),
        name: caller.welcome.name.clone(),
        have: 0,
    };
    let participant = match cookie {
        Some(cookie) => {
            let headers = [("cookie", cookie)];
            Participant::enter(&house.desk(), caller.site, &hello, &headers).await?
        }
        None => Participant::enter(&house.widget(), caller.site, &hello, &[]).await?,
    };
    let mut back = Caller::new(participant, &BOTH, Arc::clone(&caller.log))?;
    back.call(true).await?;
    back.until("a connection", |seen| !seen.connected.is_empty())
        .await?;
    back.play(true).await?;
    Ok(back)
}

/// Of what was sent while they heard each other, nothing is missing but the end and, of pictures that
/// wait for a key picture, the beginning: at most a second of each.
fn kept_but_a_second(log: &Log, kind: Modality, kept: &[String], runs: &[Run]) -> Result<()> {
    let sent = sent(log, kind)?;
    let mut found = vec![false; sent.len()];
    let mut from = 0;
    for hash in kept {
        let rest = sent.iter().skip(from);
        let at = rest.map(|(_, sent)| sent).position(|sent| sent == hash);
        from += at.context("something is kept that was not sent then")?;
        if let Some(found) = found.get_mut(from) {
            *found = true;
        }
        from += 1;
    }
    let mut before = None;
    for (number, Run { from, to }) in runs.iter().enumerate() {
        let of_this_run = |at: &Instant| *at <= *to && before.is_none_or(|b| *at > b);
        let run: Vec<(Instant, bool)> = sent
            .iter()
            .zip(&found)
            .map(|((at, _), found)| (*at, *found))
            .filter(|(at, _)| of_this_run(at))
            .collect();
        let first = run.iter().position(|(_, kept)| *kept);
        let last = run.iter().rposition(|(_, kept)| *kept);
        let (first, last) = first.zip(last).with_context(|| {
            format!("nothing of {} sent before kill {number} is kept", run.len())
        })?;
        let whole = run.get(first..=last).unwrap_or_default();
        let missing = whole.iter().filter(|(_, kept)| !kept).count();
        ensure!(
            missing == 0,
            "{missing} of {} missing before kill {number}",
            whole.len()
        );
        let (kept_from, _) = whole.first().context("nothing")?;
        let late = kept_from.saturating_duration_since(*from);
        ensure!(
            late <= MOST,
            "{late:?} are missing long before kill {number}"
        );
        let (kept_to, _) = whole.last().context("nothing")?;
        let cut = to.duration_since(*kept_to);
        ensure!(cut <= MOST, "{cut:?} are missing before kill {number}");
        before = Some(*to);
    }
    Ok(())
}

/// What was sent whole, in order: when, and the hash of what a film holds of it.
fn sent(log: &Log, kind: Modality) -> Result<Vec<(Instant, String)>> {
    let recorded = match kind {
        Modality::Audio => Recorded::sound()?,
        _ => Recorded::pictures()?,
    };
    let mut whole = Vec::new();
    let mut frame = Sha256::new();
    let mut next = None;
    for sent in played(log).sent.iter().filter(|sent| sent.kind == kind) {
        let packet = recorded.packet(sent.number).context("no such packet")?;
        // After a leap, whatever was begun is not whole.
        if next != Some(sent.number) {
            frame = Sha256::new();
        }
        next = Some(sent.number + 1);
        frame.update(match kind {
            Modality::Audio => &packet.payload,
            _ => described(&packet.payload).context("no descriptor")?,
        });
        if packet.marker || kind == Modality::Audio {
            let hash = std::mem::take(&mut frame).finalize();
            whole.push((sent.at, HEXLOWER.encode(&hash)));
        }
    }
    Ok(whole)
}
