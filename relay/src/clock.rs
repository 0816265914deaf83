//! The one home of the system clock: everything else is handed a [`Clock`], or a time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use proto::Millis;

/// Tells the time; in tests it stands still until it is moved.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Millis) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(at) => Millis(at.load(Ordering::Relaxed)),
        }
    }

    /// The time now, in microseconds since 1970.
    pub fn micros(&self) -> i64 {
        match &self.0 {
            Source::System => system_micros(),
            Source::Manual(at) => at.load(Ordering::Relaxed).saturating_mul(1_000),
        }
    }

    /// Microseconds since some moment, which never go back whatever is done to the machine's clock.
    pub fn steady(&self) -> i64 {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Clock::instant);
        match &self.0 {
            Source::System => i64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(i64::MAX),
            Source::Manual(_) => self.micros(),
        }
    }

    /// A point of the clock that never goes back, for deadlines. No manual clock moves it.
    pub fn instant() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
        Instant::now()
    }

    /// Moves a manual clock on; the machine's clock does not heed it.
    pub fn advance(&self, ms: i64) {
        if let Source::Manual(at) = &self.0 {
            at.fetch_add(ms, Ordering::Relaxed);
        }
    }
}

fn system_now() -> Millis {
    Millis(system_micros() / 1_000)
}

fn system_micros() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    i64::try_from(micros).unwrap_or(i64::MAX)
}
