//! Certificate and ICE credentials of an offer. Pure.

use proto::ErrorCode;

use super::Attributes;

/// Certificate and ICE credentials, wherever they stand.
#[derive(Default)]
pub(super) struct Transport {
    pub(super) fingerprint: String,
    pub(super) ice: (String, String),
    setup: bool,
}

impl Transport {
    pub(super) fn take(&mut self, from: &Attributes<'_>) -> Result<(), ErrorCode> {
        for fingerprint in from.all("fingerprint") {
            let (hash, value) = fingerprint.split_once(' ').ok_or(ErrorCode::SdpRefused)?;
            let value = value.to_ascii_uppercase();
            // The same certificate by another hash (RFC 8122).
            if !hash.eq_ignore_ascii_case("sha-256") {
                continue;
            }
            let other = !self.fingerprint.is_empty() && self.fingerprint != value;
            if !is_sha256(&value) || other {
                return Err(ErrorCode::SdpRefused);
            }
            self.fingerprint = value;
        }
        for setup in from.all("setup") {
            // The relay is always the DTLS server.
            if !["actpass", "active"].contains(&setup) {
                return Err(ErrorCode::SdpRefused);
            }
            self.setup = true;
        }
        // Sections of one BUNDLE share those of the first.
        if let (Some(name), Some(password), true) = (
            from.first("ice-ufrag"),
            from.first("ice-pwd"),
            self.ice.0.is_empty(),
        ) {
            if !is_ice(name, 4) || !is_ice(password, 22) {
                return Err(ErrorCode::SdpRefused);
            }
            self.ice = (name.to_owned(), password.to_owned());
        }
        Ok(())
    }

    pub(super) fn complete(self) -> Result<Self, ErrorCode> {
        let missing = self.fingerprint.is_empty() || self.ice.0.is_empty() || !self.setup;
        if missing {
            Err(ErrorCode::SdpRefused)
        } else {
            Ok(self)
        }
    }
}

fn is_sha256(value: &str) -> bool {
    let mut pairs = value.split(':');
    let hex = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    value.len() == 32 * 3 - 1 && pairs.all(hex)
}

fn is_ice(value: &str, least: usize) -> bool {
    let ice = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    (least..=256).contains(&value.len()) && value.bytes().all(ice)
}
