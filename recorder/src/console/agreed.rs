//! What each person agreed to and withdrew, when: by the relay's rows, so that nothing is opened for it.

use std::collections::BTreeMap;

use proto::Millis;
use proto::notice::Modality;
use store::{ConsentChange, Participant, Recording, Tenant};

use super::names::Names;
use super::recordings::spoken;
use super::shown::{When, span};
use super::trouble::Trouble;

/// One thing that somebody agreed to, for as long as they did.
pub(super) struct Agreed {
    pub(super) who: String,
    pub(super) what: String,
    pub(super) modality: Modality,
    pub(super) from: Moment,
    pub(super) to: Option<Moment>,
    /// Whole seconds.
    pub(super) withdrawn: Option<Millis>,
}

/// A time, and how far into the conversation it was.
pub(super) struct Moment {
    pub(super) at: String,
    pub(super) into: String,
}

/// Person by person, in the order in which it was agreed to.
pub(super) async fn of(
    tenant: &Tenant,
    recording: &Recording,
    people: &[Participant],
    names: &Names,
    now: Millis,
) -> Result<Vec<Agreed>, Trouble> {
    let moment = |at: Millis| Moment {
        at: When::new(at, now).exactly(),
        into: match at.0.saturating_sub(recording.started.0) {
            ..=0 => "at the start".to_owned(),
            ms => format!("{} in", span(ms)),
        },
    };
    let mut agreed = Vec::new();
    for person in people {
        let changes = tenant.consent_changes(person.id).await?;
        for (modality, from, to) in agreements(person, &changes) {
            agreed.push(Agreed {
                who: names.person(person.role, person.staff),
                what: spoken(&[modality]),
                modality,
                from: moment(from),
                to: to.map(moment),
                withdrawn: to,
            });
        }
    }
    Ok(agreed)
}

/// What was agreed to, from when, and until when.
fn agreements(
    person: &Participant,
    changes: &[ConsentChange],
) -> Vec<(Modality, Millis, Option<Millis>)> {
    // The row holds what is agreed to now: what was at first is that without the changes.
    let mut first = person.consent.modalities.clone();
    for change in changes.iter().rev() {
        first.retain(|modality| !change.modalities.contains(modality));
        if !change.given {
            first.extend(&change.modalities);
        }
    }
    first.sort_unstable();
    let first = first.into_iter();
    let mut all: Vec<_> = first.map(|m| (m, person.consent.at, None)).collect();
    // Where in it each that holds stands.
    let held = all.iter().enumerate();
    let mut holds: BTreeMap<Modality, usize> = held.map(|(at, (m, ..))| (*m, at)).collect();
    for change in changes {
        for modality in &change.modalities {
            if change.given {
                holds.insert(*modality, all.len());
                all.push((*modality, change.at, None));
            } else if let Some((.., to)) = holds.remove(modality).and_then(|at| all.get_mut(at)) {
                *to = Some(change.at);
            }
        }
    }
    all
}
