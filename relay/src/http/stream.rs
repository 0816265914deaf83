//! A client's connection, with TLS or without. A client that takes nothing for too long is gone, and
//! one that sends without end is read only so fast.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_rustls::server::TlsStream;

/// A connection whose writes end in time.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    /// What is written is taken by then, or the connection fails.
    patience: Duration,
    /// Made when a write first has to wait, so that idle connections do not pay for it.
    overdue: Option<Pin<Box<Sleep>>>,
    meter: Option<Box<Meter>>,
}

/// How fast is read. Whatever frames are made of, no more of them can be worked on.
#[derive(Debug)]
struct Meter {
    per_second: u64,
    /// Bytes that may be read at once.
    most: u64,
    left: u64,
    since: Instant,
    /// Made when a read first has to wait.
    waiting: Option<Pin<Box<Sleep>>>,
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
            meter: None,
        }
    }

    /// From here on so much is read in a minute, all of which may come at once.
    #[must_use]
    pub fn metered(mut self, per_minute: u64) -> Self {
        self.meter = Some(Box::new(Meter {
            per_second: (per_minute / 60).max(1),
            most: per_minute,
            left: per_minute,
            since: Instant::now(),
            waiting: None,
        }));
        self
    }

    /// From here on what is read is thrown away.
    pub fn unmetered(&mut self) {
        self.meter = None;
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
        let this = self.get_mut();
        if let Some(meter) = &mut this.meter
            && meter.poll_more(cx).is_pending()
        {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let done = match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if let Some(meter) = &mut this.meter {
            let read = buf.filled().len().saturating_sub(before);
            meter.left = meter.left.saturating_sub(read as u64);
        }
        done
    }
}

impl Meter {
    /// Until more may be read.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left == 0 {
            let passed = self.since.elapsed().as_secs();
            if passed > 0 {
                self.left = passed.saturating_mul(self.per_second).min(self.most);
                self.since = Instant::now();
                self.waiting = None;
                break;
            }
            let again = self.since + Duration::from_secs(1);
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(sleep_until(again)));
            if waiting.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.waiting = None;
        }
        Poll::Ready(())
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_sends_without_end_is_read_only_so_far() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut client = client.unwrap();
        client.write_all(&[7; 4_096]).await.unwrap();
        let stream = Stream::plain(accepted.unwrap().0, Duration::from_secs(20));
        let mut stream = stream.metered(1_000);
        let mut read = [0; 1_000];
        stream.read_exact(&mut read).await.unwrap();
        // The rest has come long ago, and waits.
        let more = std::pin::pin!(stream.read(&mut read));
        assert!(futures_util::poll!(more).is_pending());
        // It is read by and by.
        stream.read_exact(&mut read[..16]).await.unwrap();
    }

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
