//! `[listen]`: where the node listens and under which names.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::Origin;

/// `[listen]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// The origin of the widget, as browsers see it.
    pub widget_origin: Origin,
    /// The origin of the desk, as browsers see it; another host than the widget's.
    pub desk_origin: Origin,
    /// A listener of its own for Prometheus; none if left out.
    pub metrics: Option<SocketAddr>,
    /// TLS; none if left out (a proxy on the same machine does it, or it is a demonstration).
    pub tls: Option<TlsConfig>,
    /// Where a client's address is taken from behind a proxy; from the socket if left out.
    pub forwarded: Option<Forwarded>,
    /// Sockets that are open at the same time.
    #[serde(default = "connections")]
    pub connections: usize,
    /// Of these, from one address (an IPv6 one by its /64).
    #[serde(default = "per_address")]
    pub per_address: usize,
}

/// `[listen.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// `[listen.forwarded]`: used for limits alone, and never stored.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarded {
    /// The header's name; its last entry counts.
    pub header: String,
    /// Believed from these peers only.
    pub from: Vec<IpAddr>,
}

fn connections() -> usize {
    20_000
}

fn per_address() -> usize {
    200
}

impl ListenConfig {
    /// Whether `peer` speaks for others.
    pub(crate) fn is_proxy(&self, peer: IpAddr) -> bool {
        let forwarded = self.forwarded.as_ref();
        forwarded.is_some_and(|forwarded| forwarded.from.contains(&peer.to_canonical()))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.widget_origin.authority() == self.desk_origin.authority() {
            return Err("[listen] widget_origin and desk_origin must be different hosts: cookies ignore ports and paths".to_owned());
        }
        if self.connections == 0 || self.per_address == 0 {
            return Err("[listen] connections and per_address must be at least 1".to_owned());
        }
        if let Some(forwarded) = &self.forwarded
            && (http::HeaderName::try_from(&forwarded.header).is_err() || forwarded.from.is_empty())
        {
            return Err(
                "[listen.forwarded] needs a header's name and at least one address in `from`"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
