//! A bad network: at 5 % loss pictures go on, after the worst they come back within a second, and
//! the record says what never arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, ensure};
use proto::dsse::Envelope;
use proto::notice::Modality;
use recorder::bundle::{names, unpack, words};
use recorder::inspect::Source;
use recorder::media::take::Track;
use recorder::retrieval::tracks;
use recorder::vault::placement::Placement;
use recorder::vault::{MANIFEST, PLACEMENT};
use seal::manifest::{Cause, Manifest};
use seal::media::Lost;
use testkit::driver::Driver;
use testkit::lossy::Weather;
use testkit::performer::{self, Stats};
use tokio::time::sleep;

use super::{Pair, behind_a_proxy, films};
use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_on_at_five_percent_loss_and_come_back_after_three_seconds_of_nothing()
-> Result<()> {
    let (mut house, proxy) = behind_a_proxy(5).await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let pair = Pair::meet(&house, &driver, "loss").await?;
    pair.call().await?;
    pair.cameras().await?;
    let [widget, desk] = pair.both();
    sleep(Duration::from_secs(2)).await;
    let before = rates(&pair, Duration::from_secs(4)).await?;

    proxy.weather(Weather::losing(5.0));
    for second in 0..6 {
        let now = rates(&pair, Duration::from_secs(1)).await?;
        for rate in now {
            ensure!(rate > 0.0, "no picture in second {second} at 5 %");
        }
    }
    proxy.weather(Weather::losing(20.0));
    sleep(Duration::from_secs(5)).await;
    proxy.weather(Weather::NIGHT);
    sleep(Duration::from_secs(3)).await;
    proxy.weather(Weather::FINE);
    // A second for it to come back.
    sleep(Duration::from_secs(1)).await;
    let after = rates(&pair, Duration::from_secs(3)).await?;
    for (before, after) in before.into_iter().zip(after) {
        ensure!(
            after >= before * 0.8,
            "of the pictures made {before:.2} were seen before, {after:.2} after"
        );
    }
    ensure!(proxy.counters().inward.lost() > 100, "nothing was lost");
    desk.press_named("Hang up").await?;
    widget.read("The call has ended").await?;
    pair.visitor.end().await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let folder = tempfile::tempdir()?;
    films(&opened.bundle, folder.path()).await?;
    let (manifest, sources) = sources(&opened.bundle).await?;
    ensure!(sources.len() == 4, "{} sources", sources.len());
    for source in &sources {
        let never = never_came(source);
        let number = source.number;
        for (stream, missing) in &never {
            for seq in missing {
                ensure!(
                    named(source, *stream, *seq),
                    "{seq} of stream {stream} of track {number} never came and is not named"
                );
            }
        }
        let gaps = manifest.gaps.iter();
        let gaps = gaps.filter(|g| g.cause == Cause::Lost && g.track == Some(number));
        let gaps: Vec<_> = gaps.collect();
        for lost in &source.lost {
            let (from, to) = (lost.from / 1_000, lost.to / 1_000);
            ensure!(
                gaps.iter().any(|g| g.from.0 <= from && g.to.0 >= to),
                "{lost:?} of track {number} is in no gap of {gaps:?}"
            );
        }
        // Pictures are sent again, and may all come at last. Sound is not.
        if source.modality == Modality::Audio {
            let count: usize = never.values().map(BTreeSet::len).sum();
            ensure!(count > 100, "{count} packets of track {number} never came");
            let longest = gaps.iter().map(|gap| gap.to.0 - gap.from.0).max();
            ensure!(longest >= Some(2000), "{gaps:?} of track {number}");
        }
    }
    house.stop().await
}

/// Every source as its sealed parts have it, and what the manifest says.
async fn sources(bundle: &Path) -> Result<(Manifest, Vec<Track>)> {
    let bag = unpack::read(std::fs::File::open(bundle)?).map_err(Error::msg)?;
    let file = |name: &str| bag.payload.get(name).context("not in the bundle");
    let manifest: Envelope = serde_json::from_slice(file(MANIFEST)?)?;
    let manifest: Manifest = manifest.payload_unverified()?;
    let placement: Envelope = serde_json::from_slice(file(PLACEMENT)?)?;
    let placement: Placement = placement.payload_unverified()?;
    let keys = serde_json::from_slice(file(names::DATA_KEYS)?)?;
    let (wrong, mut keys_of) = words::keys(keys, &manifest);
    ensure!(wrong.is_empty(), "{wrong:?}");
    let keys = manifest.tracks.iter();
    let keys = keys.map(|track| keys_of.remove(&track.track).unwrap_or_default());
    let sealed = bag.payload.iter().filter_map(|(name, bytes)| {
        let name = name.strip_prefix(names::SEALED)?;
        Some((name.to_owned(), bytes.clone()))
    });
    let sealed = Source::Files(Arc::new(sealed.collect()));
    let opened = tracks::open(&sealed, &manifest, &placement, keys.collect()).await?;
    let sources = opened.into_iter().filter_map(|track| track.source);
    Ok((manifest, sources.collect()))
}

/// Numbers that lie between two that are there, by stream.
fn never_came(source: &Track) -> BTreeMap<u16, BTreeSet<u32>> {
    let streams = (1..).zip(&source.streams);
    let missing = streams.map(|(number, stream)| {
        let there: BTreeSet<u32> = stream.packets.iter().map(|packet| packet.seq).collect();
        let ends = there.first().copied().zip(there.last().copied());
        let all = ends.map_or(0..0, |(first, last)| first..last);
        (number, all.filter(|seq| !there.contains(seq)).collect())
    });
    missing.collect()
}

/// Whether the record itself says that this one is lost.
fn named(source: &Track, stream: u16, seq: u32) -> bool {
    let holds = |lost: &Lost| {
        let within = seq
            .checked_sub(lost.first)
            .is_some_and(|at| at < lost.count);
        lost.stream == stream && within
    };
    source.lost.iter().any(holds)
}

/// Of the pictures that each page's camera makes meanwhile, the part that the other page decodes.
async fn rates(pair: &Pair, over: Duration) -> Result<[f64; 2]> {
    let before = counts(pair).await?;
    sleep(over).await;
    let after = counts(pair).await?;
    Ok([0, 1].map(|at: usize| {
        let of = |counts: [[f64; 2]; 2]| counts.get(at).copied().unwrap_or_default();
        let ([made, seen], [made_before, seen_before]) = (of(after), of(before));
        (seen - seen_before) / (made - made_before)
    }))
}

/// How many pictures each page's camera has made, and how many of them the other page has decoded.
async fn counts(pair: &Pair) -> Result<[[f64; 2]; 2]> {
    let [widget, desk] = pair.both();
    let (widget, desk) = tokio::try_join!(performer::stats(widget), performer::stats(desk))?;
    let made = |stats: &Stats| stats.sum("media-source", "video", "frames");
    Ok([
        [made(&widget), desk.decoded()],
        [made(&desk), widget.decoded()],
    ])
}
