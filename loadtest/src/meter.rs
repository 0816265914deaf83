//! What the servers used, read from `/proc`, and how times are spread.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::unistd::{SysconfVar, sysconf};

/// User and system time that these processes have used so far.
pub fn cpu(pids: &[u32]) -> Result<Duration> {
    let per_second = sysconf(SysconfVar::CLK_TCK)?
        .and_then(|ticks| u64::try_from(ticks).ok())
        .context("the system does not say how long a tick is")?;
    let mut ticks = 0;
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("no process {pid}"))?;
        ticks += cpu_ticks(&stat).with_context(|| format!("/proc/{pid}/stat cannot be read"))?;
    }
    Ok(Duration::from_millis(ticks * 1000 / per_second))
}

/// utime + stime: the 14th and 15th fields, counted after the name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Memory that these processes hold, shared pages counted by share (Pss), in KiB.
pub fn memory_kib(pids: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .with_context(|| format!("no process {pid}, or it is another user's"))?;
        sum += text
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .and_then(|rest| rest.split_ascii_whitespace().next())
            .and_then(|kib| kib.parse::<u64>().ok())
            .context("smaps_rollup has no Pss")?;
    }
    Ok(sum)
}

/// Measured times, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0
            .push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that `percent` of them do not exceed, in milliseconds.
    pub fn percentile_ms(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0
            .get(rank)
            .map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

/// The sum of all samples of a counter in Prometheus' text form; `None` where it is not there.
pub fn counter(metrics: &str, name: &str) -> Option<f64> {
    let mut sum = None;
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix(name) else {
            continue;
        };
        if !rest.starts_with([' ', '{']) {
            continue;
        }
        if let Some(value) = rest.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok()) {
            *sum.get_or_insert(0.0) += value;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 1 1 0 -1 4194304 1 2 3 4 50 60 70 80 20 0 9";
        assert_eq!(cpu_ticks(stat), Some(110));
    }

    #[test]
    fn percentiles_are_taken_by_nearest_rank() {
        let mut times = Times::default();
        for micros in 1..=200 {
            times.add(Duration::from_micros(micros * 1000));
        }
        assert!((times.percentile_ms(50) - 100.0).abs() < 1e-9);
        assert!((times.percentile_ms(99) - 198.0).abs() < 1e-9);
    }

    #[test]
    fn a_counter_is_summed_over_its_labels_and_not_confused_with_a_longer_name() {
        let text = "# HELP a b\nsyncs_total{node=\"x\"} 3\nsyncs_total 4\nsyncs_total_more 9\n";
        assert_eq!(counter(text, "syncs_total"), Some(7.0));
        assert_eq!(counter(text, "absent"), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = [std::process::id()];
        assert!(cpu(&pid).is_ok());
        assert!(memory_kib(&pid).unwrap() > 0);
    }
}
