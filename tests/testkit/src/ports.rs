//! Loopback ports that nobody uses just now.
//!
//! They are taken from below the range that the system gives to outgoing connections: a port of
//! that range may be gone again before its server listens.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Linux gives outgoing connections ports from 32768 on.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A free port of the loopback.
pub fn free() -> Result<u16> {
    let [port] = free_many()?;
    Ok(port)
}

/// Free ports of the loopback, each another.
pub fn free_many<const N: usize>() -> Result<[u16; N]> {
    // All are held until all are chosen, so that none is handed out twice.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = one()?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn one() -> Result<TcpListener> {
    for _ in 0..1000 {
        let number = u16::from_be_bytes(loadtest::participant::random()?);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + number % COUNT)) {
            return Ok(listener);
        }
    }
    bail!("no port of the loopback is free")
}
