//! A passphrase on its way from a person to the one place that uses it.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Fewer characters than this are refused for a new key.
pub const PASSPHRASE_MIN: usize = 12;

/// A passphrase or password. It has no `Display`, its `Debug` shows nothing, and it is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passphrase(String);

impl Passphrase {
    /// Wraps what was typed; a line's end is not part of it.
    pub fn new(mut typed: String) -> Self {
        while typed.ends_with(['\n', '\r']) {
            typed.pop();
        }
        Self(typed)
    }

    /// The characters, for the one use.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it may protect a new key.
    pub fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= PASSPHRASE_MIN
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}
