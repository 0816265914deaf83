//! The one home of time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proto::Millis;

/// Tells the time: the system's, or a test's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(system_now))
    }

    /// A clock that a test moves.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Millis {
        (self.0)()
    }
}

impl core::fmt::Debug for Clock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Clock")
    }
}

#[expect(clippy::disallowed_methods, reason = "the one home of time")]
fn system_now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// RFC 3339, in whole seconds, UTC: what people read.
pub fn shown(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.whole_seconds().0)
        .map_or_else(|_| "?".to_owned(), |t| t.to_string())
}

/// RFC 3339 with milliseconds, UTC: what a transcript holds.
pub fn shown_exactly(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| "?".to_owned(), |t| format!("{t:.3}"))
}

/// How long something took: "4 min 12 s".
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
