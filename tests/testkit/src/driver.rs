//! `chromedriver`: one process a test, and the HTTP client with which it is spoken to.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::ports;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `chromedriver`. When it is dropped, its browsers end with it.
pub struct Driver {
    port: u16,
    child: Child,
    profiles: TempDir,
}

impl Driver {
    /// Starts one and waits until it answers.
    pub async fn start() -> Result<Self> {
        let port = ports::free()?;
        let mut child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .arg("--log-level=WARNING")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver cannot be started: run scripts/setup")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait()? {
                bail!("chromedriver stopped: {status}");
            }
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                let profiles = TempDir::with_prefix("vestibule-browsers-")?;
                return Ok(Self {
                    port,
                    child,
                    profiles,
                });
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("chromedriver does not answer");
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where the browsers write.
    pub fn folder(&self) -> &Path {
        self.profiles.path()
    }

    /// A new, empty folder for a browser's profile.
    pub fn profile(&self) -> Result<std::path::PathBuf> {
        Ok(tempfile::Builder::new()
            .prefix("profile-")
            .tempdir_in(&self.profiles)?
            .keep())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A test that fails leaves its browsers open, and they outlive a killed chromedriver.
        for pid in using(self.profiles.path()) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.start_kill();
    }
}

/// Processes that were started with a path under `folder` on their command line.
fn using(folder: &Path) -> Vec<Pid> {
    let Some(folder) = folder.to_str() else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&line)
                .contains(folder)
                .then(|| Pid::from_raw(pid))
        })
        .collect()
}

/// Plain HTTP on the loopback, one connection a command: no TLS stack comes with it.
pub(crate) struct Plain;

#[async_trait::async_trait]
impl HttpClient for Plain {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => Bytes::new(),
            Body::Json(value) => serde_json::to_vec(value)
                .map_err(|error| WebDriverError::RequestFailed(error.to_string()))?
                .into(),
        };
        exchange(parts, body)
            .await
            .map_err(|error| WebDriverError::RequestFailed(format!("{error:#}")))
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self)
    }
}

async fn exchange(parts: http::request::Parts, body: Bytes) -> Result<Response<Bytes>> {
    let authority = parts.uri.authority().context("no address")?.clone();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder()
        .method(parts.method)
        .uri(path)
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in &parts.headers {
        if ![header::HOST, header::CONTENT_TYPE, header::CONNECTION].contains(name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(Full::new(body))?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        anyhow::Ok(Response::from_parts(parts, body))
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
