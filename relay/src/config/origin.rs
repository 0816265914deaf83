//! A web origin: scheme and authority, as browsers send it.

use core::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

/// `scheme://host[:port]`, lower case, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    authority_at: usize,
}

impl Origin {
    /// Reads an origin; `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let authority_at = ["http://", "https://"]
            .iter()
            .find(|scheme| text.starts_with(**scheme))?
            .len();
        let authority = text.get(authority_at..)?;
        let uri: http::uri::Authority = authority.parse().ok()?;
        let plain = !uri.host().is_empty() && !authority.contains('@');
        plain.then_some(Self { text, authority_at })
    }

    /// As a browser sends it in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As a browser sends it in `Host`.
    pub fn authority(&self) -> &str {
        self.text.get(self.authority_at..).unwrap_or_default()
    }

    /// The WebSocket origin for `connect-src`.
    pub fn websocket(&self) -> String {
        self.text.replacen("http", "ws", 1)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "not an origin; write it like \"https://desk.example.org\", without a path",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn an_origin_is_a_scheme_and_an_authority_and_nothing_else() {
        let origin = Origin::parse("HTTP://Widget.localhost:8080").unwrap();
        assert_eq!(origin.as_str(), "http://widget.localhost:8080");
        assert_eq!(origin.authority(), "widget.localhost:8080");
        assert_eq!(origin.websocket(), "ws://widget.localhost:8080");
        for bad in [
            "",
            "widget.localhost",
            "http://",
            "http://a/b",
            "ftp://a",
            "http://u@a",
            "null",
        ] {
            assert!(Origin::parse(bad).is_none(), "{bad}");
        }
    }
}
