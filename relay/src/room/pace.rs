//! How fast one participant, and one connection, may speak: a pure allowance that fills with time.

use proto::{ErrorCode, Millis};

/// An allowance of `per_minute`, all of which may be used at once, and patience for those who
/// overstep it.
#[derive(Debug)]
pub struct Pace {
    interval_us: i64,
    burst_us: i64,
    /// When, in microseconds, the allowance is full again.
    full_at_us: i64,
    strikes: u32,
    strikes_until: Millis,
}

/// So many refusals within a minute end the connection.
const STRIKES: u32 = 30;

impl Pace {
    /// A full allowance.
    pub fn new(per_minute: u32) -> Self {
        Self {
            interval_us: 60_000_000 / i64::from(per_minute.max(1)),
            burst_us: 60_000_000,
            full_at_us: i64::MIN,
            strikes: 0,
            strikes_until: Millis(i64::MIN),
        }
    }

    /// Takes one; refused, it says after how many milliseconds to try again.
    pub fn take(&mut self, now: Millis) -> Result<(), TooFast> {
        let now_us = now.0.saturating_mul(1_000);
        let full_at = self.full_at_us.max(now_us) + self.interval_us;
        let over_us = full_at - now_us - self.burst_us;
        if over_us <= 0 {
            self.full_at_us = full_at;
            return Ok(());
        }
        if now > self.strikes_until {
            self.strikes = 0;
            self.strikes_until = now.plus(60_000);
        }
        self.strikes += 1;
        let code = if self.strikes > STRIKES {
            ErrorCode::Flooding
        } else {
            ErrorCode::RateLimited
        };
        Err(TooFast {
            code,
            retry_ms: u64::try_from(over_us / 1_000 + 1).unwrap_or(0),
        })
    }
}

/// Why, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast {
    /// `rate_limited`, or `flooding` for who does not stop.
    pub code: ErrorCode,
    /// Milliseconds.
    pub retry_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_used_up_and_fills_with_time() {
        let mut pace = Pace::new(60);
        let now = Millis(1_000_000);
        for _ in 0..60 {
            assert!(pace.take(now).is_ok());
        }
        let refused = pace.take(now).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(refused.retry_ms <= 1_001, "{refused:?}");
        assert!(pace.take(now.plus(999)).is_err());
        assert!(pace.take(now.plus(1_000)).is_ok());
        assert!(pace.take(now.plus(1_000)).is_err());
    }

    #[test]
    fn who_does_not_stop_is_told_so_and_a_minute_of_quiet_is_forgiven() {
        let mut pace = Pace::new(1);
        let now = Millis(1_000_000);
        pace.take(now).unwrap();
        let codes: Vec<_> = (0..=STRIKES)
            .map(|_| pace.take(now).unwrap_err().code)
            .collect();
        assert_eq!(codes.first(), Some(&ErrorCode::RateLimited));
        assert_eq!(codes.last(), Some(&ErrorCode::Flooding));
        assert!(pace.take(now.plus(60_001)).is_ok());
        assert_eq!(
            pace.take(now.plus(60_001)).unwrap_err().code,
            ErrorCode::RateLimited
        );
    }
}
