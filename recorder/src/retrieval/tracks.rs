//! The tracks of a recording, opened side by side on threads of their own: as many at a time as there
//! are cores, each with one sealed object in memory. What comes of them is in the manifest's order.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proto::EpochNo;
use proto::notice::Modality;
use seal::manifest::{Manifest, Track};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::inspect::Source;
use crate::inspect::walk::{self, Walked};
use crate::media;
use crate::open::part::{self, EpochKeys};
use crate::transcript::Line;
use crate::vault::placement::Placement;

/// What one track holds. No `Debug`.
pub struct Opened {
    /// How far it is good.
    pub walked: Walked,
    /// What was written.
    pub lines: Vec<Line>,
    /// What was heard or seen; of chat `None`.
    pub source: Option<media::Track>,
    /// Of which epochs something was opened.
    pub epochs: BTreeSet<EpochNo>,
}

/// Opens every track with its keys, of which there are as many. Whoever waits no longer ends it, at
/// the next object of each.
pub async fn open(
    source: &Source,
    manifest: &Manifest,
    placement: &Placement,
    keys: Vec<EpochKeys>,
) -> Result<Vec<Opened>> {
    let sealed = Arc::new((source.clone(), manifest.clone(), placement.clone()));
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let tracks = manifest.tracks.clone().into_iter().zip(keys).enumerate();
    let threads = tracks.map(|(place, (about, keys))| {
        let (sealed, stop, runtime) = (Arc::clone(&sealed), stop.clone(), Handle::current());
        off_the_runtime(move || {
            let (source, manifest, placement) = &*sealed;
            let opened = one(source, manifest, placement, &about, keys);
            let opened = runtime.block_on(stop.run_until_cancelled(opened));
            opened.map(|opened| opened.map(|opened| (place, opened)))
        })
    });
    let cores = available_parallelism().map_or(1, NonZero::get);
    let threads = stream::iter(threads).buffer_unordered(cores);
    let opened = threads.map(|opened| opened?.ok_or_else(cut_short)?);
    let mut opened: Vec<_> = opened.try_collect().await?;
    opened.sort_by_key(|(place, _)| *place);
    Ok(opened.into_iter().map(|(_, opened)| opened).collect())
}

/// Works where nobody waits for their turn meanwhile.
pub async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|_| cut_short())
}

fn cut_short() -> Error {
    Error::refused("opening was cut short: try again")
}

async fn one(
    source: &Source,
    manifest: &Manifest,
    placement: &Placement,
    about: &Track,
    mut keys: EpochKeys,
) -> Result<Opened> {
    let (mut lines, mut epochs) = (Vec::new(), BTreeSet::new());
    let mut taken = media::Track::new(about.track, about.participant, about.modality);
    let walked = walk::track(source, manifest, placement, about, |header, bytes, hash| {
        if about.modality == Modality::Chat {
            let event = part::open(&mut keys, header, bytes)?;
            lines.extend(event.map(|event| Line::new(header, hash, about.participant, event)));
        } else {
            part::media(&mut keys, header, bytes, &mut taken)?;
        }
        epochs.insert(header.epoch);
        Ok(())
    });
    let walked = walked.await?;
    taken.finish();
    Ok(Opened {
        walked,
        lines,
        source: (about.modality != Modality::Chat).then_some(taken),
        epochs,
    })
}
