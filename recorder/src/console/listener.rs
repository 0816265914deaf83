//! The console's socket: so many connections and no more, and a request's head within seconds.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// So many connections at once.
const CONNECTIONS: usize = 256;
/// A request's head must be here by then.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head, and of what is buffered of it.
const HEAD_BYTES: usize = 16 * 1024;

/// The other end of the socket, in memory alone.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Accepts until `stop`; open requests end among `tasks`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // No file handle left, most likely: others must close first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Beyond the limit a connection is closed unread.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            one(stream, Peer(peer.ip()), router, stop).await;
            drop(place);
        });
    }
}

async fn one(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // Whatever went wrong is the browser's own affair.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn listening() -> (std::net::SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(serve(listener, router, stop.clone(), TaskTracker::new()));
        (address, stop)
    }

    async fn answer(stream: &mut TcpStream) -> String {
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut said = String::new();
        // Closed unread may also show as a reset.
        let _ = stream.write_all(ask).await;
        let _ = stream.read_to_string(&mut said).await;
        said
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_is_closed_and_a_free_place_is_used_again() {
        let (address, _stop) = listening().await;
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut late = TcpStream::connect(address).await.unwrap();
        assert_eq!(answer(&mut late).await, "");
        assert!(answer(&mut held[0]).await.ends_with("here"));
        held.clear();
        let again = async {
            let mut again = TcpStream::connect(address).await.unwrap();
            while !answer(&mut again).await.ends_with("here") {
                tokio::time::sleep(Duration::from_millis(20)).await;
                again = TcpStream::connect(address).await.unwrap();
            }
        };
        let patience = Duration::from_mins(1);
        tokio::time::timeout(patience, again).await.unwrap();
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let (address, _stop) = listening().await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let mut said = Vec::new();
        let closed = tokio::time::timeout(HEAD_TIME * 2, slow.read_to_end(&mut said)).await;
        assert!(closed.is_ok(), "it is still open");
    }
}
