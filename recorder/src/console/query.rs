//! What stands after the question mark: pairs, some of them repeated, empty ones left out.

use std::fmt::Write as _;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query as Pairs};
use http::request::Parts;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proto::Millis;

use super::trouble::Trouble;

/// The pairs, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Trouble> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Trouble::NotFound)?;
        Ok(Self::new(pairs))
    }
}

impl Query {
    pub(super) fn new(mut pairs: Vec<(String, String)>) -> Self {
        for (_, value) in &mut pairs {
            *value = value.trim().to_owned();
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Self(pairs)
    }

    /// The first value of this name, as it was written; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of this name, read; `what` is what it should have been.
    pub(super) fn read<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, String> {
        match self.text(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| format!("“{text}” is not {what}.")),
        }
    }

    /// The beginning of a day, UTC.
    pub(super) fn day(&self, name: &str) -> Result<Option<Millis>, String> {
        let date: Option<Date> = self.read(name, "a day such as 2026-11-22")?;
        Ok(date.and_then(beginning))
    }

    /// The same pairs as an address, without those of one name.
    pub(super) fn address_without(&self, path: &str, name: &str) -> String {
        let mut out = format!("{path}?");
        for (n, value) in self.0.iter().filter(|(n, _)| n != name) {
            let _ = write!(out, "{}={}&", escaped(n), escaped(value));
        }
        out
    }

    /// Whether anything but `names` is asked for.
    pub(super) fn has_more_than(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(n, _)| !names.contains(&n.as_str()))
    }
}

fn beginning(date: Date) -> Option<Millis> {
    let at = date.to_zoned(TimeZone::UTC).ok()?;
    Some(Millis(at.timestamp().as_millisecond()))
}

/// Percent-encoded, but for what stands in ids and words.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn an_address_keeps_what_was_asked_and_drops_what_is_named() {
        let asked = query(&[
            ("site", "a b&c"),
            ("from", ""),
            ("after", "1.x"),
            ("agent", " é "),
        ]);
        assert_eq!(
            asked.address_without("/", "after"),
            "/?site=a%20b%26c&agent=%C3%A9&"
        );
        assert!(asked.has_more_than(&["after"]));
        assert!(!query(&[("after", "1")]).has_more_than(&["after"]));
    }

    #[test]
    fn a_day_begins_at_midnight_utc_and_nonsense_is_named() {
        let asked = query(&[("from", "2026-11-22"), ("until", "soon")]);
        assert_eq!(asked.day("from"), Ok(Some(Millis(1_795_305_600_000))));
        assert_eq!(asked.day("none"), Ok(None));
        assert!(
            asked
                .day("until")
                .unwrap_err()
                .contains("“soon” is not a day")
        );
    }
}
