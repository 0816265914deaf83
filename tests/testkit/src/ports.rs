//! Loopback ports that nobody uses just now.
//!
//! They are taken from below the range that the system gives to outgoing connections: a port of
//! that range may be gone again before its server listens. Each is locked for as long as this
//! process lives, so that no test beside it is given the same one before it is bound.

use std::fs::{self, OpenOptions, Permissions};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, bail};

/// Linux gives outgoing connections ports from 32768 on.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A free port of the loopback.
pub fn free() -> Result<u16> {
    let [port] = free_many()?;
    Ok(port)
}

/// Free ports of the loopback, each another, for TCP and for UDP.
pub fn free_many<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = one()?;
    }
    Ok(ports)
}

fn one() -> Result<u16> {
    for _ in 0..1000 {
        let port = FIRST + u16::from_be_bytes(loadtest::participant::random()?) % COUNT;
        let address = (Ipv4Addr::LOCALHOST, port);
        if mine(port)? && TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of the loopback is free")
}

/// Whether no other process was given this port, nor this one before.
fn mine(port: u16) -> Result<bool> {
    let folder = std::env::temp_dir().join("vestibule-test-ports");
    if fs::create_dir(&folder).is_ok() {
        // Whoever else runs tests on this machine.
        fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(port.to_string()));
    let Ok(file) = file else { return Ok(false) };
    if file.try_lock().is_err() {
        return Ok(false);
    }
    // Held until the process ends.
    std::mem::forget(file);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_to_nobody_else() -> Result<()> {
        let port = free()?;
        let path = std::env::temp_dir().join(format!("vestibule-test-ports/{port}"));
        let other = OpenOptions::new().write(true).open(path)?;
        assert!(other.try_lock().is_err(), "{port} can be had twice");
        Ok(())
    }
}
