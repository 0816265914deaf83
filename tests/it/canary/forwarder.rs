//! Gives a browser an address of its own: what arrives here goes on to the relay from there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Forwards until it is dropped.
pub(super) struct Forwarder(JoinHandle<()>);

impl Forwarder {
    /// From port `here` to port `there`. Whoever comes from 127.83.x.y keeps that address;
    /// everyone else gets `address`.
    pub(super) async fn start(here: u16, there: u16, address: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, here)).await?;
        Ok(Self(tokio::spawn(async move {
            while let Ok((near, peer)) = listener.accept().await {
                let from = match peer.ip() {
                    IpAddr::V4(own) if matches!(own.octets(), [127, 83, ..]) => own,
                    _ => address,
                };
                tokio::spawn(async move {
                    // Either end may be gone at any time.
                    let _ = carry(near, from, there).await;
                });
            }
        })))
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn carry(mut near: TcpStream, from: Ipv4Addr, to: u16) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let mut far = socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, to)))
        .await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
