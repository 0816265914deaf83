//! Calendar quarters, by which sealing keys follow each other.

use jiff::civil;
use jiff::tz::TimeZone;
use proto::Millis;

/// A calendar quarter, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quarter {
    year: i16,
    quarter: i8,
}

impl Quarter {
    pub(super) fn at(at: Millis) -> Self {
        let date = jiff::Timestamp::from_millisecond(at.0)
            .unwrap_or_default()
            .to_zoned(TimeZone::UTC)
            .date();
        Self {
            year: date.year(),
            quarter: (date.month() - 1) / 3 + 1,
        }
    }

    pub(super) fn next(self) -> Self {
        if self.quarter == 4 {
            Self {
                year: self.year.saturating_add(1),
                quarter: 1,
            }
        } else {
            Self {
                quarter: self.quarter + 1,
                ..self
            }
        }
    }

    pub(super) fn name(self) -> String {
        format!("{}Q{}", self.year, self.quarter)
    }

    pub(super) fn begins(self) -> Millis {
        let first = civil::Date::new(self.year, (self.quarter - 1) * 3 + 1, 1).unwrap_or_default();
        let at = first
            .to_zoned(TimeZone::UTC)
            .map(|zoned| zoned.timestamp().as_millisecond());
        Millis(at.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_begins_and_ends_where_the_calendar_says() {
        let at = Millis(1_795_000_000_000); // 2026-11-18
        let quarter = Quarter::at(at);
        assert_eq!(quarter.name(), "2026Q4");
        assert_eq!(
            crate::clock::shown(quarter.begins()),
            "2026-10-01T00:00:00Z"
        );
        assert_eq!(quarter.next().name(), "2027Q1");
        assert_eq!(
            crate::clock::shown(quarter.next().begins()),
            "2027-01-01T00:00:00Z"
        );
    }
}
