//! One log line for each refusal, up to so many a minute for each code: whoever sends nonsense by the
//! thousand fills no disk with it. Of the rest it is told how many there were.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::{ErrorCode, Millis, SessionId};

/// Lines of one code in one minute.
const LINES: u32 = 60;
const MINUTE_MS: i64 = 60_000;

/// Counts what is refused, and tells it.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: Mutex<HashMap<ErrorCode, Count>>,
}

/// One code's minute, which begins with its first refusal.
#[derive(Debug)]
struct Count {
    until: Millis,
    lines: u32,
    more: u64,
}

impl Refusals {
    /// Tells that something was refused: `what`, and in which session.
    pub fn tell(&self, now: Millis, code: ErrorCode, session: Option<SessionId>, what: &str) {
        if self.has_a_line(now, code) {
            let session = session.map(tracing::field::display);
            tracing::info!(session, %code, "{what}");
        }
    }

    /// Tells how many had no line in the minutes that are over. Called now and then.
    pub fn sum_up(&self, now: Millis) {
        for (code, more) in self.over(now) {
            tracing::info!(%code, more, "so many more were refused in a minute");
        }
    }

    fn has_a_line(&self, now: Millis, code: ErrorCode) -> bool {
        let mut counts = self.lock();
        let count = counts.entry(code).or_insert_with(|| Count {
            until: now.plus(MINUTE_MS),
            lines: 0,
            more: 0,
        });
        if count.lines < LINES {
            count.lines += 1;
            return true;
        }
        count.more += 1;
        false
    }

    fn over(&self, now: Millis) -> Vec<(ErrorCode, u64)> {
        self.lock()
            .extract_if(|_, count| now >= count.until)
            .filter(|(_, count)| count.more > 0)
            .map(|(code, count)| (code, count.more))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ErrorCode, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_so_many_lines_a_minute_and_the_rest_is_counted() {
        let refusals = Refusals::default();
        let now = Millis(1_000_000);
        let lines = |code, at| {
            let told = (0..1_000).filter(|_| refusals.has_a_line(at, code));
            told.count()
        };
        assert_eq!(lines(ErrorCode::Malformed, now), 60);
        // Another code has lines of its own.
        assert!(refusals.has_a_line(now, ErrorCode::TokenUsed));
        assert_eq!(refusals.over(now.plus(59_999)), []);
        let later = now.plus(60_000);
        assert_eq!(refusals.over(later), [(ErrorCode::Malformed, 940)]);
        assert_eq!(refusals.over(later), [], "told twice");
        assert_eq!(lines(ErrorCode::Malformed, later), 60);
    }
}
