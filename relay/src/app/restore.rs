//! After a restart: sessions that had not ended are taken up again, from rows and spool.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use proto::event::Role;
use proto::{Millis, RecordingId};
use seal::manifest::{Cause, Gap};
use seal::spool::{Record, RecordedGap, Recovered, RecoveredRecording, Spool, SpoolError};
use seal::{Part, manifest};
use store::{Participant as Row, Store, StoreError, Tenant, UnfinishedSession};

use crate::room::alive::Stopped;
use crate::room::driver::{self, Means};
use crate::room::facts::{Facts, House};
use crate::room::keyring::Keyring;
use crate::room::person::{Participant, Stage};
use crate::room::recover::Unfinished;
use crate::room::state::Room;

/// What the relay before this one left.
pub(super) struct Before {
    /// In the spool.
    pub(super) recovered: Recovered,
    /// When it last recorded; `None` if it did not say.
    pub(super) stopped: Option<Stopped>,
}

/// Takes up what can be taken up, and ends in the rows what ended, or cannot go on.
pub(super) async fn restore(
    store: &Store,
    keyring: &Keyring,
    house: &Arc<House>,
    means: &Means,
    before: Before,
) -> Result<()> {
    let Before {
        mut recovered,
        stopped,
    } = before;
    for damage in &recovered.damage {
        if damage.tail {
            tracing::info!(place = %damage, "the spool ended in the middle of an append: it was never acknowledged");
        } else {
            tracing::error!(place = %damage, "the spool is damaged: what stood there may have been acknowledged");
        }
    }
    let mut owed = gaps(means, &mut recovered, stopped).await;
    let mut taken_up = 0_u32;
    for tenant in store.tenants().await? {
        withdrawn(&tenant, &recovered).await?;
        let names: Vec<_> = tenant.staff().await?;
        for session in tenant.unfinished_sessions().await? {
            let recording = session
                .session
                .recording
                .and_then(|id: RecordingId| recovered.recordings.remove(&id));
            let owed = session
                .session
                .recording
                .and_then(|id| owed.remove(&id))
                .into_iter()
                .collect();
            let one = One {
                tenant: &tenant,
                keyring,
                house,
                means,
                now: means.clock.now(),
            };
            let name_of = |row: &Row| {
                let staff = names.iter().find(|staff| Some(staff.id) == row.staff);
                staff.map(|staff| staff.name.clone()).unwrap_or_default()
            };
            if one.take_up(session, recording, owed, &name_of).await? {
                taken_up += 1;
            }
        }
    }
    tracing::info!(
        sessions = taken_up,
        "sessions of before were taken up again"
    );
    Ok(())
}

/// Nothing was recorded from when the relay before this one stopped until now. The spool hears of it
/// before anybody comes back; where it has no space, with what it has space for first: that is
/// returned.
async fn gaps(
    means: &Means,
    recovered: &mut Recovered,
    stopped: Option<Stopped>,
) -> HashMap<RecordingId, Record> {
    let now = means.clock.now();
    let mut records = HashMap::new();
    for (id, recording) in &mut recovered.recordings {
        if recording.end.is_some() {
            continue;
        }
        let started = recording.begin.started;
        let Stopped { at, cause } = stopped.unwrap_or(Stopped {
            at: started,
            cause: Cause::Restart,
        });
        // What an earlier restart has told already is not told again.
        let of_all = recording.gaps.iter().filter(|gap| gap.track.is_none());
        let told = of_all.map(|gap| gap.to).fold(started, Millis::max);
        let gap = Gap::within(at.max(started).max(told), now, cause);
        recording.gaps.push(gap.clone());
        let gap = RecordedGap {
            tenant: recording.begin.tenant,
            recording: *id,
            gap,
        };
        records.insert(*id, Record::Gap(gap));
    }
    if records.is_empty() {
        return records;
    }
    let all: Vec<Record> = records.values().cloned().collect();
    match means.spool.append(&all).await {
        Ok(_) => HashMap::new(),
        Err(error) => {
            tracing::warn!(%error, "the gap of the restart is not in the spool yet");
            records
        }
    }
}

/// Puts the rows right of those who the spool says have withdrawn, also where the end of their session is
/// written already: nobody is recorded again before they agree again.
async fn withdrawn(tenant: &Tenant, recovered: &Recovered) -> Result<()> {
    let recordings = recovered.recordings.values();
    let own = recordings.filter(|recording| recording.begin.tenant == tenant.id());
    for ((who, modality), at) in own.flat_map(|recording| &recording.withdrawn) {
        let changed = tenant.change_consent(*who, *modality, false, *at);
        match changed.await {
            // Erased since.
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

struct One<'a> {
    tenant: &'a Tenant,
    keyring: &'a Keyring,
    house: &'a Arc<House>,
    means: &'a Means,
    now: Millis,
}

impl One<'_> {
    async fn take_up(
        &self,
        mut session: UnfinishedSession,
        recording: Option<RecoveredRecording>,
        owed: Vec<Record>,
        name_of: &(dyn Fn(&Row) -> String + Sync),
    ) -> Result<bool> {
        let id = session.session.id;
        if let Some(recording) = &recording {
            self.left(&mut session, recording).await?;
        }
        // Nothing recorded, nobody ever joined, or ended already: there is nothing to go on with.
        let Some(recording) = recording.filter(|recording| recording.end.is_none()) else {
            self.end(&session).await?;
            return Ok(false);
        };
        let facts = self.facts(&session, &recording).await?;
        let people = session
            .participants
            .iter()
            .map(|row| participant(row, name_of(row)))
            .collect();
        let target = match self.keyring.target(self.tenant, self.now).await {
            Ok(target) => Some(target),
            Err(error) => {
                tracing::error!(tenant = %self.tenant.id(), %error, "no keys for a session of before");
                None
            }
        };
        let parts = read(self.means.spool.clone(), &recording).await?;
        let damaged = recording.damaged;
        let room = Room::recover(
            Arc::clone(self.house),
            self.now,
            Unfinished {
                facts,
                people,
                recording,
                parts,
                target,
                owed,
            },
        );
        match room {
            Ok(mut room) => {
                if damaged {
                    tracing::error!(session = %id, "a session's record is damaged: it ends here");
                    room.end_damaged(self.now, &mut rand_core::UnwrapErr(getrandom::SysRng));
                }
                driver::start(self.means, self.tenant.clone(), room);
                Ok(true)
            }
            Err(code) => {
                tracing::error!(session = %id, %code, "a session cannot be taken up again");
                self.end(&session).await?;
                Ok(false)
            }
        }
    }

    /// Puts the rows right of those who the spool says have left.
    async fn left(
        &self,
        session: &mut UnfinishedSession,
        recording: &RecoveredRecording,
    ) -> Result<()> {
        for row in &mut session.participants {
            if let (None, Some(at)) = (row.left, recording.left.get(&row.id)) {
                self.tenant.participant_left(row.id, *at).await?;
                row.left = Some(*at);
            }
        }
        Ok(())
    }

    async fn end(&self, session: &UnfinishedSession) -> Result<()> {
        let at = self.now.whole_seconds();
        let until = at.plus(self.means.after_end_ms);
        self.tenant
            .end_session(session.session.id, at, until)
            .await?;
        Ok(())
    }

    async fn facts(
        &self,
        session: &UnfinishedSession,
        recording: &RecoveredRecording,
    ) -> Result<Facts> {
        let session = &session.session;
        let site = self.tenant.site(session.site).await?;
        let listed = site.as_ref().map(|site| site.modalities.clone());
        let mut offered = listed.unwrap_or_default();
        self.means.media.carries(&mut offered);
        Ok(Facts {
            tenant: self.tenant.id(),
            session: session.id,
            site: session.site,
            offered,
            site_name: site.map(|site| site.name).unwrap_or_default(),
            recording: session.recording,
            notice: session.notice,
            policy: recording.begin.policy,
            modalities: session.modalities.clone(),
            since: recording.begin.started,
        })
    }
}

fn participant(row: &Row, name: String) -> Participant {
    let consent = manifest::Consent {
        notice: row.consent.notice,
        modalities: row.consent.modalities.clone(),
        recording: row.consent.choice,
        at: row.consent.at,
    };
    let name = match row.role {
        Role::Agent => name,
        Role::Visitor => String::new(),
    };
    let mut person = Participant::admitted(
        row.id,
        row.role,
        row.staff,
        row.track,
        row.public_key,
        consent,
        name,
    );
    if row.left.is_some() {
        person.stage = Stage::Left;
    }
    person
}

/// A recording's parts with their bytes.
async fn read(spool: Spool, recording: &RecoveredRecording) -> Result<Vec<Part>> {
    let places: Vec<_> = recording.parts.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut parts = Vec::with_capacity(places.len());
        for place in places {
            for record in spool.read(place.at)? {
                if let Record::Part(part) = record {
                    parts.push(part);
                }
            }
        }
        Ok::<_, SpoolError>(parts)
    });
    Ok(read.await??)
}
