//! Loopback ports that nobody uses just now.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A free port of the loopback.
pub fn free() -> io::Result<u16> {
    let [port] = free_many()?;
    Ok(port)
}

/// Free ports of the loopback, each another.
pub fn free_many<const N: usize>() -> io::Result<[u16; N]> {
    // All are held until all are chosen, so that none is handed out twice.
    let held: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
