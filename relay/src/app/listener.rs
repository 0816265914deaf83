//! The listening socket: TLS if wanted, HTTP/1.1, and so many connections and no more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::config::{ListenConfig, TlsConfig};
use crate::http::front::Front;
use crate::http::service::Hosts;
use crate::http::stream::Stream;
use crate::http::{Peer, Place};
use crate::shutdown::Shutdown;
use crate::telemetry::counted;

/// A request's head must be here by then; a TLS handshake must be done.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head, and of what is buffered of it.
const HEAD_BYTES: usize = 16 * 1024;

/// Takes the port.
pub(super) async fn bind(config: &ListenConfig) -> Result<TcpListener> {
    TcpListener::bind(config.address).await.with_context(|| {
        format!(
            "[listen] address: {} cannot be used; is another process there?",
            config.address
        )
    })
}

/// Reads certificate and key, if TLS is wanted.
pub(super) fn tls(config: &ListenConfig) -> Result<Option<TlsAcceptor>> {
    let Some(files) = &config.tls else {
        return Ok(None);
    };
    let (chain, key) = read(files)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("[listen.tls] key: it is not the certificate's")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Small: most sockets are idle.
    config.max_early_data_size = 0;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn read(files: &TlsConfig) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let shown = files.certificate.display();
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("[listen.tls] certificate: {shown} cannot be read"))?;
    if chain.is_empty() {
        bail!("[listen.tls] certificate: {shown} holds no certificate");
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("[listen.tls] key: {} cannot be read", files.key.display()))?;
    Ok((chain, key))
}

/// Accepts until the node stops.
pub(super) fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    hosts: Hosts,
    front: &Arc<Front>,
) {
    let shutdown = front.shutdown.clone();
    let places = Arc::new(Semaphore::new(front.config.listen.connections));
    let hosts = Arc::new(hosts);
    let crowd = Arc::clone(&front.crowd);
    let listen = front.config.listen.clone();
    let patience = Duration::from_secs(front.config.limits.pong_seconds);
    front.shutdown.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = shutdown.begun() => return,
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
            let counted = crowd.enter(peer.ip());
            // Whoever a proxy speaks for is counted when they open a socket.
            if counted.is_none() && !listen.is_proxy(peer.ip()) {
                metrics::counter!(counted::REFUSED, "code" => "per_address").increment(1);
                continue;
            }
            let one = Connection {
                peer: Peer(peer.ip()),
                place: Place::new(place, counted),
                tls: tls.clone(),
                hosts: Arc::clone(&hosts),
                shutdown: shutdown.clone(),
                patience,
            };
            shutdown.spawn(one.serve(stream));
        }
    });
}

struct Connection {
    peer: Peer,
    place: Place,
    tls: Option<TlsAcceptor>,
    hosts: Arc<Hosts>,
    shutdown: Shutdown,
    /// For how long a write may wait for the client.
    patience: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let stream = match self.tls {
            None => Stream::plain(stream, self.patience),
            Some(tls) => match tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await {
                Ok(Ok(stream)) => Stream::tls(stream, self.patience),
                _ => return,
            },
        };
        let (peer, place, hosts) = (self.peer, self.place, self.hosts);
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let hosts = Arc::clone(&hosts);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(place.clone());
            async move {
                let request = request.map(axum::body::Body::new);
                Ok::<_, std::convert::Infallible>(hosts.answer(request).await)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let mut stopping = false;
        loop {
            tokio::select! {
                // The client's own affair, whatever went wrong.
                _ = connection.as_mut() => return,
                () = self.shutdown.begun(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.shutdown.forced(), if stopping => return,
            }
        }
    }
}
