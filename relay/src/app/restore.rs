//! After a restart: sessions that had not ended are taken up again, from rows and spool.

use std::sync::Arc;

use anyhow::Result;
use proto::event::Role;
use proto::{Millis, RecordingId};
use seal::spool::{Recovered, RecoveredRecording, Spool, SpoolError};
use seal::{Part, manifest};
use store::{Participant as Row, Store, Tenant, UnfinishedSession};

use crate::room::driver::{self, Means};
use crate::room::facts::{Facts, House};
use crate::room::keyring::Keyring;
use crate::room::person::{Participant, Stage};
use crate::room::recover::Unfinished;
use crate::room::state::Room;

/// Takes up what can be taken up, and ends in the rows what ended, or cannot go on.
pub(super) async fn restore(
    store: &Store,
    keyring: &Keyring,
    house: &Arc<House>,
    means: &Means,
    mut recovered: Recovered,
) -> Result<()> {
    for damage in &recovered.damage {
        if damage.tail {
            tracing::info!(place = %damage, "the spool ended in the middle of an append: it was never acknowledged");
        } else {
            tracing::error!(place = %damage, "the spool is damaged");
        }
    }
    let mut taken_up = 0_u32;
    for tenant in store.tenants().await? {
        let names: Vec<_> = tenant.staff().await?;
        for session in tenant.unfinished_sessions().await? {
            let recording = session
                .session
                .recording
                .and_then(|id: RecordingId| recovered.recordings.remove(&id));
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
            if one.take_up(session, recording, &name_of).await? {
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
        session: UnfinishedSession,
        recording: Option<RecoveredRecording>,
        name_of: &(dyn Fn(&Row) -> String + Sync),
    ) -> Result<bool> {
        let id = session.session.id;
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
        Ok(Facts {
            tenant: self.tenant.id(),
            session: session.id,
            site: session.site,
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
                if let seal::spool::Record::Part(part) = record {
                    parts.push(part);
                }
            }
        }
        Ok::<_, SpoolError>(parts)
    });
    Ok(read.await??)
}
