//! `[node]`: who this node is and whom it trusts.

use std::path::PathBuf;

use proto::PublicKey;
use serde::{Deserialize, Deserializer, de::Error as _};

/// `[node]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The file with this node's signing key; `relay node-key` makes it.
    pub key: PathBuf,
    /// The recorder's Ed25519 public key, pinned: certificates and intake keys must be signed by it.
    #[serde(deserialize_with = "recorder_key")]
    pub recorder_key: PublicKey,
    /// Threads that run sockets and rooms; 0: one for each core.
    #[serde(default)]
    pub threads: usize,
    /// Whether memory is locked, so that nothing live reaches the swap.
    #[serde(default = "yes")]
    pub lock_memory: bool,
}

fn yes() -> bool {
    true
}

fn recorder_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(
            "recorder_key is not a public key of 43 base64url characters; `recorder key show` prints it",
        )
    })
}
