//! What every endpoint has at hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use getrandom::SysRng;
use proto::{ErrorCode, Millis, SiteId};
use rand_core::UnwrapErr;
use store::{Store, StoreError, Tenant};

use super::allowance::Allowance;
use super::crowd::Crowd;
use super::passwords::Passwords;
use super::refused::RefusedSignIns;
use crate::clock::Clock;
use crate::config::Config;
use crate::room::driver::Means;
use crate::room::facts::House;
use crate::room::keyring::Keyring;
use crate::room::lobby::Lobby;
use crate::room::tickets::Tickets;
use crate::shutdown::Shutdown;

/// Shared by all requests of a node.
#[derive(Debug)]
pub struct Front {
    /// What the file says.
    pub config: Config,
    /// Where rows live.
    pub store: Store,
    /// Finds rooms.
    pub lobby: Arc<Lobby>,
    /// Finds and checks keys.
    pub keyring: Arc<Keyring>,
    /// What rooms share.
    pub house: Arc<House>,
    /// What drivers need.
    pub means: Means,
    /// The time.
    pub clock: Clock,
    /// Told to everyone at the end.
    pub shutdown: Shutdown,
    /// How much one address may ask for.
    pub allowance: Allowance,
    /// How many connections each address has open.
    pub crowd: Arc<Crowd>,
    /// Checks passwords, a few at a time.
    pub passwords: Passwords,
    /// Those that were refused, for the clients' logs.
    pub refused_sign_ins: RefusedSignIns,
    tickets: Mutex<Tickets>,
}

/// Join tokens that may be out at once.
const TICKETS: usize = 50_000;
/// Of these, one client's.
const TICKETS_SHARE: usize = TICKETS / 4;

impl Front {
    /// Puts it together.
    pub fn new(
        config: Config,
        store: Store,
        keyring: Arc<Keyring>,
        house: Arc<House>,
        means: Means,
    ) -> Self {
        Self {
            crowd: Arc::new(Crowd::new(
                config.listen.per_address,
                &mut UnwrapErr(SysRng),
            )),
            allowance: Allowance::new(config.limits),
            lobby: Arc::clone(&means.lobby),
            clock: means.clock.clone(),
            shutdown: means.shutdown.clone(),
            passwords: Passwords::new(),
            refused_sign_ins: RefusedSignIns::default(),
            tickets: Mutex::new(Tickets::new(TICKETS, TICKETS_SHARE)),
            config,
            store,
            keyring,
            house,
            means,
        }
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The system's randomness.
    pub fn rng(&self) -> UnwrapErr<SysRng> {
        UnwrapErr(SysRng)
    }

    /// Join tokens.
    pub fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant that a site belongs to.
    pub async fn tenant_of_site(&self, site: SiteId) -> Result<Tenant, ErrorCode> {
        self.store
            .tenant_of_site(site)
            .await
            .map_err(|e| code_of(&e))
    }
}

/// What a client is told of a failure of the store; what cannot be its fault is logged.
pub fn code_of(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::NotFound | StoreError::NoSuchTenant => ErrorCode::NotFound,
        StoreError::NoticeOutdated => ErrorCode::NoticeOutdated,
        other => {
            tracing::error!(error = %other, "the store refused or failed");
            ErrorCode::Internal
        }
    }
}
