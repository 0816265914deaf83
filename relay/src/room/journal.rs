//! What this node saw and the tenant's log must hold: through the spool, from which the recorder
//! takes it. Ids and whole seconds only.

use getrandom::SysRng;
use proto::{EventId, KeyId, Millis, ParticipantId, SessionId, StaffId, TenantId};
use rand_core::UnwrapErr;
use seal::spool::{Event, EventKind, Record, Spool};

/// Writes events; nobody waits for them.
#[derive(Debug, Clone)]
pub struct Journal {
    spool: Spool,
}

/// Who and what an event is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About {
    /// In which session.
    pub session: Option<SessionId>,
    /// By, or about, which agent.
    pub staff: Option<StaffId>,
    /// By, or about, which participant.
    pub participant: Option<ParticipantId>,
    /// With which sealing key.
    pub key: Option<KeyId>,
    /// How many of it.
    pub count: Option<u32>,
}

impl Journal {
    /// A journal that ends up in this spool.
    pub fn new(spool: Spool) -> Self {
        Self { spool }
    }

    /// Takes note of something that happened at `at`.
    pub fn note(&self, tenant: TenantId, at: Millis, kind: EventKind, about: About) {
        let event = event(tenant, at, kind, about);
        self.spool.submit(&[event], move |done| {
            if let Err(error) = done {
                tracing::error!(%tenant, ?kind, %error, "an event is missing from the log");
            }
        });
    }
}

/// What is noted, as it stands in the spool.
pub(super) fn event(tenant: TenantId, at: Millis, kind: EventKind, about: About) -> Record {
    Record::Event(Event {
        id: EventId::random(&mut UnwrapErr(SysRng)),
        tenant,
        at: at.whole_seconds(),
        kind,
        session: about.session,
        staff: about.staff,
        participant: about.participant,
        key: about.key,
        count: about.count,
    })
}
