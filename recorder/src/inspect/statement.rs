//! What can be said of a manifest and a placement by themselves.

use proto::dsse::Envelope;
use proto::{Hash32, RecordingId, TenantId};
use seal::Recipient;
use seal::manifest::{Ending, Gap, Manifest, Policy, VERSION};

use super::{Finding, Trust};
use crate::vault::placement::{self, Placement};

/// Checks who signed the manifest, and that it agrees with itself.
pub fn manifest(
    envelope: &Envelope,
    manifest: &Manifest,
    tenant: TenantId,
    recording: RecordingId,
    trust: &Trust,
    countersigned: bool,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut say = |bad: bool, what: &str| {
        if bad {
            out.push(Finding::manifest(what));
        }
    };
    let unbelievable = unbelievable(envelope, manifest, tenant, recording, trust);
    say(unbelievable.is_some(), unbelievable.unwrap_or_default());
    say(
        countersigned && envelope.verify_signature(&trust.recorder).is_err(),
        "is not countersigned by the recorder",
    );
    say(manifest.ended < manifest.started, "ends before it starts");
    let kept = Policy::at(
        manifest.policy.notice,
        manifest.policy.recording,
        manifest.ended,
    );
    say(
        kept != manifest.policy,
        "promises other times than its own policy",
    );
    out.extend(recipients(manifest, trust));
    out.extend(tracks(manifest));
    out.extend(gaps(manifest));
    out
}

/// Gaps lie within the recording, and in tracks that it has.
fn gaps(manifest: &Manifest) -> Vec<Finding> {
    // A gap reaches to the next whole second, the end is rounded down.
    let end = manifest.ended.plus(1_000);
    let fits = |gap: &Gap| {
        manifest.started <= gap.from
            && gap.from <= gap.to
            && gap.to <= end
            && gap.is_in(&manifest.tracks)
    };
    let all = manifest.gaps.iter().all(fits);
    let what = "names a gap that is not within the recording";
    (!all)
        .then(|| Finding::manifest(what))
        .into_iter()
        .collect()
}

/// Why nothing that the manifest says can be believed, if so.
pub fn unbelievable(
    envelope: &Envelope,
    manifest: &Manifest,
    tenant: TenantId,
    recording: RecordingId,
    trust: &Trust,
) -> Option<&'static str> {
    if manifest.version != VERSION {
        return Some("is of a version that this program does not know");
    }
    if manifest.tenant != tenant || manifest.recording != recording {
        return Some("is of another recording");
    }
    if !signed_by_node(envelope, manifest, trust) {
        return Some("is not signed by a node that the recorder has certified");
    }
    None
}

/// A recording whose node is gone is closed by the recorder, as truncated; all others by a node.
fn signed_by_node(envelope: &Envelope, manifest: &Manifest, trust: &Trust) -> bool {
    let by_node = trust.node(manifest.node).iter().any(|certificate| {
        certificate.not_before <= manifest.ended
            && manifest.ended <= certificate.not_after
            && envelope.verify_signature(&certificate.public_key).is_ok()
    });
    let by_recorder = matches!(manifest.ending, Ending::Truncated { .. })
        && envelope.verify_signature(&trust.recorder).is_ok();
    by_node || by_recorder
}

/// Nobody but the tenant's own keys and the people who were there.
fn recipients(manifest: &Manifest, trust: &Trust) -> Vec<Finding> {
    let mut out = Vec::new();
    for track in &manifest.tracks {
        for epoch in &track.epochs {
            let mut say = |what: String| out.push(Finding::epoch(track.track, epoch.epoch, what));
            let mut to_tenant = false;
            for recipient in &epoch.recipients {
                match recipient {
                    Recipient::Tenant { key } => {
                        to_tenant |= *key == epoch.sealing_key;
                        if trust.sealing_key(manifest.tenant, *key).is_none() {
                            say(format!(
                                "is wrapped to the unknown recipient {key}: the tenant's root has signed no such key"
                            ));
                        }
                    }
                    Recipient::Receipt { participant } | Recipient::Participant { participant } => {
                        // Receipts are visitors' alone; live keys are of whoever was there.
                        let visitors_only = matches!(recipient, Recipient::Receipt { .. });
                        let there = manifest.participants.iter().any(|p| {
                            p.participant == *participant && (p.staff.is_none() || !visitors_only)
                        });
                        if !there {
                            say(format!("is wrapped to the unknown recipient {participant}"));
                        }
                    }
                }
            }
            if !to_tenant {
                say("is not wrapped to the tenant's sealing key".to_owned());
            }
        }
    }
    out
}

/// Numbers that count up, epochs without a gap, and an ending that fits the tracks.
fn tracks(manifest: &Manifest) -> Vec<Finding> {
    let mut out = Vec::new();
    // A number may be missing: it was an agent's who accepted and never came.
    let mut last = 0;
    for track in &manifest.tracks {
        let counted = track.track > last;
        last = track.track;
        let parts = track
            .epochs
            .iter()
            .try_fold(0_u64, |sum, epoch| sum.checked_add(epoch.parts));
        let numbered = track
            .epochs
            .iter()
            .zip(1..)
            .all(|(epoch, number)| epoch.epoch == number);
        if !counted || parts != Some(track.parts) || !numbered {
            out.push(Finding::manifest(format!(
                "track {} does not add up",
                track.track
            )));
        }
        if !manifest
            .participants
            .iter()
            .any(|p| p.participant == track.participant)
        {
            out.push(Finding::manifest(format!(
                "track {} is nobody's who was there",
                track.track
            )));
        }
        if matches!(manifest.ending, Ending::Clean { .. }) && !track.ended {
            out.push(Finding::manifest(format!(
                "says that it ended cleanly, and track {} does not end",
                track.track
            )));
        }
    }
    out
}

/// Checks who signed the placement, and that it places every part of the manifest once.
pub fn placement(
    envelope: &Envelope,
    placement: &Placement,
    manifest_envelope: &Envelope,
    manifest: &Manifest,
    trust: &Trust,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut say = |bad: bool, what: &str| {
        if bad {
            out.push(Finding::placement(what));
        }
    };
    say(
        placement.version != placement::VERSION,
        "is of a version that this program does not know",
    );
    say(
        placement.tenant != manifest.tenant || placement.recording != manifest.recording,
        "is of another recording",
    );
    say(
        envelope.verify_signature(&trust.recorder).is_err(),
        "is not signed by the recorder",
    );
    say(
        placement.manifest != Hash32::of(&manifest_envelope.payload),
        "is of another manifest",
    );
    for track in &manifest.tracks {
        let mut next = 1;
        for epoch in &track.epochs {
            let mut parts = 0_u64;
            for object in placement
                .objects
                .iter()
                .filter(|o| o.track == track.track && o.epoch == epoch.epoch)
            {
                if object.first != next {
                    out.push(Finding::file(&object.name, "stands in the wrong place"));
                }
                next = object.first.saturating_add(object.parts);
                parts = parts.saturating_add(object.parts);
            }
            if parts != epoch.parts {
                out.push(Finding::placement(format!(
                    "has {parts} of the {} parts of track {}, epoch {}",
                    epoch.parts, track.track, epoch.epoch
                )));
            }
        }
    }
    let known = |o: &placement::Object| {
        manifest
            .tracks
            .iter()
            .any(|t| t.track == o.track && t.epochs.iter().any(|e| e.epoch == o.epoch))
    };
    for object in placement.objects.iter().filter(|o| !known(o)) {
        out.push(Finding::file(&object.name, "is in no manifest"));
    }
    out
}

#[cfg(test)]
mod tests {
    use seal::manifest::Cause;

    use super::*;

    /// The published vector's manifest.
    fn published() -> Manifest {
        let text = include_str!("../../../fixtures/seal/manifest.json");
        let vector: serde_json::Value = serde_json::from_str(text).unwrap();
        let envelope: Envelope = serde_json::from_value(vector["envelope"].clone()).unwrap();
        envelope.payload_unverified().unwrap()
    }

    #[test]
    fn a_gap_outside_of_the_recording_is_a_fault() {
        let mut manifest = published();
        let (from, to) = (manifest.started, manifest.ended);
        manifest.gaps = vec![Gap::within(from, to, Cause::Restart)];
        assert_eq!(gaps(&manifest), []);
        for (from, to, track) in [
            (from.plus(-1_000), to, None),
            (from, to.plus(2_000), None),
            (to, from, None),
            (from, to, Some(99)),
        ] {
            manifest.gaps[0] = Gap {
                track,
                from,
                to,
                cause: Cause::Restart,
            };
            assert_eq!(gaps(&manifest).len(), 1, "{:?}", manifest.gaps);
        }
    }

    #[test]
    fn a_number_that_nobody_came_to_use_is_no_fault_and_one_twice_is() {
        let mut manifest = published();
        assert_eq!(tracks(&manifest), []);
        let count = manifest.tracks.len();
        manifest.tracks[count - 1].track += 3;
        assert_eq!(tracks(&manifest), []);
        let again = manifest.tracks[count - 1].clone();
        manifest.tracks.push(again);
        assert_eq!(tracks(&manifest).len(), 1);
    }
}
