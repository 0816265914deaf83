//! A client's connection, with TLS or without. A client that takes nothing for too long is gone.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// A connection whose writes end in time.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    /// What is written is taken by then, or the connection fails.
    patience: Duration,
    /// Made when a write first has to wait, so that idle connections do not pay for it.
    overdue: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Kind {
    /// Behind a proxy, or in a demonstration.
    Plain(TcpStream),
    /// TLS by this process.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Without TLS.
    pub fn plain(stream: TcpStream, patience: Duration) -> Self {
        Self::new(Kind::Plain(stream), patience)
    }

    /// With TLS.
    pub fn tls(stream: TlsStream<TcpStream>, patience: Duration) -> Self {
        Self::new(Kind::Tls(Box::new(stream)), patience)
    }

    fn new(kind: Kind, patience: Duration) -> Self {
        Self {
            kind,
            patience,
            overdue: None,
        }
    }

    /// Lets `done` through; where it waits, it waits no longer than its time.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.overdue = None;
            return done;
        }
        let patience = self.patience;
        let overdue = self
            .overdue
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        overdue
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        this.in_time(cx, done)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        };
        this.in_time(cx, done)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        };
        this.in_time(cx, done)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_client_that_never_reads_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let patience = Duration::from_millis(200);
        let mut stream = Stream::plain(accepted.unwrap().0, patience);
        let writing = async {
            let page = vec![0; 1 << 20];
            loop {
                if let Err(error) = stream.write_all(&page).await {
                    return error.kind();
                }
            }
        };
        let ended = timeout(Duration::from_secs(20), writing).await;
        assert_eq!(ended.unwrap(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
