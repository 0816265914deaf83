//! Checks a client's acknowledgement against a kept recording: what a visitor was told at the time
//! is either in the record at that place, or it is not.

use proto::wire::SealedAt;
use seal::manifest::{Manifest, Place};

use super::{Finding, Source, walk};
use crate::vault::VaultError;
use crate::vault::placement::Placement;

/// `Ok(None)`: the acknowledged part is in the record, unaltered, at its place.
pub async fn acknowledgement(
    source: &Source,
    manifest: &Manifest,
    placement: &Placement,
    ack: &SealedAt,
) -> Result<Option<Finding>, VaultError> {
    let place = Place {
        track: ack.track,
        epoch: ack.epoch,
        seq: ack.seq,
    };
    let Some(track) = manifest.tracks.iter().find(|t| t.track == ack.track) else {
        return Ok(Some(Finding::part(place, "there is no such track")));
    };
    let mut found = None;
    let walked = walk::track(source, manifest, placement, track, |header, _, hash| {
        if header.seq == ack.seq {
            found = Some((header.epoch, hash));
        }
        Ok(())
    })
    .await?;
    Ok(match found {
        Some((epoch, hash)) if epoch == ack.epoch && hash == ack.head => None,
        Some(_) => Some(Finding::part(
            place,
            "another part stands at the acknowledged place",
        )),
        None => walked.damage.into_iter().next().or_else(|| {
            Some(Finding::part(
                place,
                "the record ends before the acknowledged part",
            ))
        }),
    })
}
