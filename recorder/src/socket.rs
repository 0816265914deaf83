//! The local socket: how the command line reaches a running recorder. Only the recorder's own user
//! can connect.
//!
//! ```text
//! request  length u32 ‖ Command (JSON)
//! answer   kind u8 ‖ length u32 ‖ body, until kind D (done) or E (failed: one line)
//!          T line to a person   B bytes of a file   V value (JSON)   W something is wrong
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::Recorder;
use crate::command::{Answer, Command, Reply, carry_out};
use crate::error::{Error, Result};
use crate::intake::Intake;

const REQUEST_MAX: u32 = 4 << 20;
const FRAME_MAX: u32 = 64 << 20;

/// Listens until `stop`. A socket file that a killed recorder left behind is replaced: the lock
/// says that nobody else is there.
pub async fn serve(
    path: &Path,
    recorder: Arc<Recorder>,
    intake: Arc<Mutex<Intake>>,
    stop: CancellationToken,
) -> Result<()> {
    let failed = |e| Error::file("cannot listen on", path, e);
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else { continue };
        let (recorder, intake) = (Arc::clone(&recorder), Arc::clone(&intake));
        tokio::spawn(async move {
            // Whoever asked is gone: nobody is left to be told.
            let _ = answer(stream, &recorder, &intake).await;
        });
    }
    let _ = fs::remove_file(path);
    Ok(())
}

async fn answer(
    mut stream: UnixStream,
    recorder: &Recorder,
    intake: &Mutex<Intake>,
) -> std::io::Result<()> {
    let length = stream.read_u32().await?;
    if length > REQUEST_MAX {
        return write(&mut stream, b'E', b"the request is too large").await;
    }
    let mut request = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or(0)]);
    stream.read_exact(&mut request).await?;
    let Ok(command) = serde_json::from_slice::<Command>(&request) else {
        let what = b"the running recorder does not know this request: is it of another version?";
        return write(&mut stream, b'E', what).await;
    };
    drop(request);
    let (to, mut from) = mpsc::channel(16);
    let answer = Answer(to);
    let work = async move {
        let done = carry_out(recorder, intake, command, &answer).await;
        drop(answer);
        done
    };
    let forward = async {
        while let Some(reply) = from.recv().await {
            let sent = match reply {
                Reply::Line(line) => write(&mut stream, b'T', line.as_bytes()).await,
                Reply::Bytes(bytes) => write(&mut stream, b'B', &bytes).await,
                Reply::Value(value) => write(&mut stream, b'V', value.to_string().as_bytes()).await,
                Reply::Wrong => write(&mut stream, b'W', b"").await,
            };
            if sent.is_err() {
                // Closing the channel tells the work that nobody listens.
                from.close();
            }
        }
    };
    let (done, ()) = tokio::join!(work, forward);
    match done {
        Ok(()) => write(&mut stream, b'D', b"").await,
        Err(e) => write(&mut stream, b'E', e.to_string().as_bytes()).await,
    }
}

async fn write(stream: &mut UnixStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    stream.write_u8(kind).await?;
    stream.write_u32(length).await?;
    stream.write_all(body).await
}

/// Sends a command to a running recorder; its answer goes to `to`. `None`: no recorder runs.
pub async fn ask(path: &Path, command: &Command, to: &mpsc::Sender<Reply>) -> Result<Option<()>> {
    let Ok(mut stream) = UnixStream::connect(path).await else {
        return Ok(None);
    };
    let lost = |e: std::io::Error| Error::file("lost the running recorder at", path, e);
    let request = Zeroizing::new(serde_json::to_vec(command)?);
    let length = u32::try_from(request.len())
        .ok()
        .filter(|length| *length <= REQUEST_MAX)
        .ok_or_else(|| Error::refused("the request is too large"))?;
    stream.write_u32(length).await.map_err(lost)?;
    stream.write_all(&request).await.map_err(lost)?;
    loop {
        let kind = stream.read_u8().await.map_err(lost)?;
        let length = stream.read_u32().await.map_err(lost)?;
        if length > FRAME_MAX {
            return Err(Error::refused("the recorder's answer is malformed"));
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
        stream.read_exact(&mut body).await.map_err(lost)?;
        let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
        let reply = match kind {
            b'D' => return Ok(Some(())),
            b'E' => return Err(Error::refused(text(body))),
            b'T' => Reply::Line(text(body)),
            b'B' => Reply::Bytes(Bytes::from(body)),
            b'V' => Reply::Value(serde_json::from_slice(&body)?),
            b'W' => Reply::Wrong,
            _ => return Err(Error::refused("the recorder's answer is malformed")),
        };
        if to.send(reply).await.is_err() {
            return Err(Error::refused("the answer could not be written"));
        }
    }
}
