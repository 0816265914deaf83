//! How times, spans, sizes and long numbers are shown on a page.

use core::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;
use proto::{Hash32, Millis};

pub(super) use crate::clock::span;
pub(super) use crate::terminal::count;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An instant: exact to the minute on the page, to the second in the title, and how far away.
/// All times are in UTC: what is read aloud must mean the same to everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    at: Millis,
    now: Millis,
}

impl When {
    pub(super) fn new(at: Millis, now: Millis) -> Self {
        Self { at, now }
    }

    /// Inside a sentence: "22 Nov 2026, 14:02:09 UTC".
    pub(super) fn in_words(&self) -> String {
        formatted(self.at, "%-d %b %Y, %H:%M:%S UTC")
    }

    /// In a table in which seconds count: "22 Nov 2026, 14:02:09".
    pub(super) fn exactly(&self) -> String {
        formatted(self.at, "%-d %b %Y, %H:%M:%S")
    }

    /// The day alone: "22 Nov 2026".
    pub(super) fn day(&self) -> String {
        formatted(self.at, "%-d %b %Y")
    }

    fn distance(&self) -> String {
        let ms = self.at.0 - self.now.0;
        let size = ms.abs();
        let nearest = |unit| (size + unit / 2) / unit;
        let (value, unit) = match size {
            s if s < MINUTE => return "just now".to_owned(),
            s if s < HOUR => (nearest(MINUTE), "min"),
            s if s < 36 * HOUR => (nearest(HOUR), "h"),
            _ => (nearest(DAY), "days"),
        };
        if ms < 0 {
            format!("{value} {unit} ago")
        } else {
            format!("in {value} {unit}")
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<time datetime=\"{}\" title=\"{}\">{} <span class=\"soft\">{}</span></time>",
            formatted(self.at, "%Y-%m-%dT%H:%M:%SZ"),
            formatted(self.at, "%A, %-d %B %Y, %H:%M:%S UTC"),
            formatted(self.at, "%-d %b %Y, %H:%M"),
            self.distance(),
        )
    }
}

/// Digits, English names of months and days, and markup of our own.
impl HtmlSafe for When {}

fn formatted(at: Millis, format: &str) -> String {
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "?".to_owned(), |t| t.strftime(format).to_string())
}

/// "812 B", "12.3 kB", "4.0 MB".
pub(super) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        b if b < 1000 => return format!("{b} B"),
        b if b < 1_000_000 => (1000, "kB"),
        b if b < 1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = bytes.saturating_mul(10) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// The first eight characters of a random id: enough to tell two apart on a page; the whole
/// stands in the title and in the link.
pub(super) fn short(id: impl fmt::Display) -> String {
    id.to_string().chars().take(8).collect()
}

/// A hash in groups of eight, to be compared by eye.
pub(super) fn grouped(hash: &Hash32) -> String {
    let text = hash.to_string();
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % 8 == 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 November 2026, 14:02:09 UTC.
    const AT: Millis = Millis(1_795_356_129_000);

    #[test]
    fn a_time_is_exact_on_the_page_and_more_exact_in_its_title() {
        let shown = When::new(AT, AT.plus(3 * HOUR)).to_string();
        assert!(shown.contains(">22 Nov 2026, 14:02 <"), "{shown}");
        assert!(
            shown.contains("title=\"Sunday, 22 November 2026, 14:02:09 UTC\""),
            "{shown}"
        );
        assert!(shown.contains("3 h ago"), "{shown}");
        let ahead = When::new(AT, AT.plus(SECOND - 40 * DAY)).to_string();
        assert!(ahead.contains("in 40 days"), "{ahead}");
        assert!(
            When::new(AT, AT.plus(59 * SECOND))
                .to_string()
                .contains("just now")
        );
    }

    #[test]
    fn spans_and_sizes_are_read_with_their_units() {
        assert_eq!(span(252_000), "4 min 12 s");
        assert_eq!(span(2 * HOUR + 5 * MINUTE), "2 h 5 min");
        assert_eq!(span(-5), "0 s");
        assert_eq!(size(812), "812 B");
        assert_eq!(size(12_345), "12.3 kB");
        assert_eq!(size(4_000_000), "4.0 MB");
    }

    #[test]
    fn a_hash_is_shown_whole_in_groups() {
        let shown = grouped(&Hash32([0xab; 32]));
        assert_eq!(shown.len(), 71);
        assert!(shown.starts_with("abababab abababab "));
    }
}
