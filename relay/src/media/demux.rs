//! Whose a datagram is: by the user name in its STUN request, then by the address that such a
//! request proved. Pure: an address is a value here, and is shown to nobody.
//!
//! What comes from elsewhere costs one look into a table and leaves nothing behind.

use core::net::SocketAddr;
use std::collections::{HashMap, VecDeque};

/// A connection of a participant, within one worker. Never used twice.
pub type PeerKey = u64;

/// Addresses that are remembered of one peer: a device has a few at a time.
const ADDRESSES: usize = 8;

const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0, 1];
const USERNAME: u16 = 6;

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// From an address that this peer has proved.
    Known(PeerKey),
    /// It names this peer, and must prove it: see [`Demux::learn`].
    Claimed(PeerKey),
    /// To nobody.
    Nobody(Stray),
}

/// Why a datagram is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// Neither STUN nor DTLS nor RTP.
    Unreadable,
    /// A STUN request for a user name that is nobody's.
    UnknownName,
    /// From an address that nobody has proved.
    UnknownAddress,
}

/// What a datagram is, by its first byte (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of ICE.
    Stun,
    /// Of the handshake.
    Dtls,
    /// RTP or RTCP, encrypted.
    Media,
}

/// What `datagram` is; `None` if it is nothing of a call's.
pub fn kind(datagram: &[u8]) -> Option<Kind> {
    match datagram.first()? {
        0..=3 if datagram.len() >= STUN_HEADER => Some(Kind::Stun),
        20..=63 => Some(Kind::Dtls),
        128..=191 if datagram.len() >= 12 => Some(Kind::Media),
        _ => None,
    }
}

/// The user name that a STUN binding request is for: the receiver's half of `USERNAME`.
pub fn named(datagram: &[u8]) -> Option<&str> {
    let (header, mut attributes) = datagram.split_at_checked(STUN_HEADER)?;
    let length = usize::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?));
    let fits = length == attributes.len() && length.is_multiple_of(4);
    if !header.starts_with(&BINDING_REQUEST) || header.get(4..8)? != STUN_COOKIE || !fits {
        return None;
    }
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let (kind, length) = head.split_at_checked(2)?;
        let kind = u16::from_be_bytes(kind.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
        let value = rest.get(..length)?;
        if kind == USERNAME {
            let (name, _) = core::str::from_utf8(value).ok()?.split_once(':')?;
            return Some(name);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// How a peer is reached.
#[derive(Default)]
struct Reach {
    name: String,
    /// The one that was proved last stands last.
    addresses: VecDeque<SocketAddr>,
}

/// The tables of one worker. They grow with its peers, never with what arrives.
#[derive(Default)]
pub struct Demux {
    names: HashMap<String, PeerKey>,
    addresses: HashMap<SocketAddr, PeerKey>,
    peers: HashMap<PeerKey, Reach>,
}

impl Demux {
    /// `peer` is reached under `name` (its ICE user name) from now on, and under no earlier one.
    pub fn name(&mut self, peer: PeerKey, name: &str) {
        let reach = self.peers.entry(peer).or_default();
        self.names.remove(&reach.name);
        name.clone_into(&mut reach.name);
        self.names.insert(name.to_owned(), peer);
    }

    /// `peer` has proved that it is at `address`.
    pub fn learn(&mut self, peer: PeerKey, address: SocketAddr) {
        if let Some(before) = self.addresses.insert(address, peer)
            && let Some(reach) = self.peers.get_mut(&before)
        {
            reach.addresses.retain(|known| *known != address);
        }
        let reach = self.peers.entry(peer).or_default();
        reach.addresses.push_back(address);
        if reach.addresses.len() > ADDRESSES
            && let Some(oldest) = reach.addresses.pop_front()
        {
            self.addresses.remove(&oldest);
        }
    }

    /// `peer` is gone.
    pub fn forget(&mut self, peer: PeerKey) {
        if let Some(reach) = self.peers.remove(&peer) {
            self.names.remove(&reach.name);
            for address in reach.addresses {
                self.addresses.remove(&address);
            }
        }
    }

    /// Whose `datagram` from `source` is.
    pub fn route(&self, source: SocketAddr, datagram: &[u8]) -> Route {
        match kind(datagram) {
            None => Route::Nobody(Stray::Unreadable),
            Some(Kind::Stun) => {
                let peer = named(datagram).and_then(|name| self.names.get(name));
                match peer {
                    Some(peer) => Route::Claimed(*peer),
                    None => Route::Nobody(Stray::UnknownName),
                }
            }
            Some(Kind::Dtls | Kind::Media) => match self.addresses.get(&source) {
                Some(peer) => Route::Known(*peer),
                None => Route::Nobody(Stray::UnknownAddress),
            },
        }
    }

    /// Names and addresses that are remembered.
    pub fn size(&self) -> (usize, usize) {
        (self.names.len(), self.addresses.len())
    }
}

/// So many at once, and so many a second.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    most: u32,
    per_second: u32,
    left: u32,
    /// Microseconds, of the caller's clock.
    at: u64,
}

impl Allowance {
    /// Full at `now`.
    pub fn new(most: u32, per_second: u32, now: u64) -> Self {
        Self {
            most,
            per_second,
            left: most,
            at: now,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: u64) -> bool {
        self.take_many(1, now)
    }

    /// Takes so many, or as many as are left, if there are any.
    pub fn take_many(&mut self, count: u32, now: u64) -> bool {
        let passed = now.saturating_sub(self.at);
        let earned = passed.saturating_mul(u64::from(self.per_second)) / 1_000_000;
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(earned).min(self.most);
            self.at = now;
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(count);
        some
    }
}
