//! Refused sign-ins, for the clients' logs. Nobody can take back what a log holds, and anybody can
//! have a sign-in refused: a client's log gets one count an hour, and nothing where there was none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::{Millis, TenantId};

const HOUR_MS: i64 = 3_600_000;

/// Counts them.
#[derive(Debug, Default)]
pub struct RefusedSignIns {
    counts: Mutex<HashMap<TenantId, Count>>,
}

/// One client's hour, which begins with its first refusal.
#[derive(Debug)]
struct Count {
    until: Millis,
    refused: u32,
}

impl RefusedSignIns {
    /// One more at this client.
    pub fn add(&self, tenant: TenantId, now: Millis) {
        let mut counts = self.lock();
        let count = counts.entry(tenant).or_insert_with(|| Count {
            until: now.plus(HOUR_MS),
            refused: 0,
        });
        count.refused = count.refused.saturating_add(1);
    }

    /// Those whose hour is over, each once.
    pub fn over(&self, now: Millis) -> Vec<(TenantId, u32)> {
        self.lock()
            .extract_if(|_, count| now >= count.until)
            .map(|(tenant, count)| (tenant, count.refused))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_one_count_an_hour() {
        let refused = RefusedSignIns::default();
        let (one, other) = (TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        let now = Millis(5_000_000);
        for _ in 0..1_000 {
            refused.add(one, now);
        }
        refused.add(other, now.plus(1));
        assert_eq!(refused.over(now.plus(HOUR_MS - 1)), []);
        assert_eq!(refused.over(now.plus(HOUR_MS)), [(one, 1_000)]);
        assert_eq!(refused.over(now.plus(HOUR_MS + 1)), [(other, 1)]);
        assert_eq!(refused.over(Millis(i64::MAX)), []);
    }
}
