//! One task a socket: client frames in, the room's frames out, and silence measured.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use proto::{ErrorCode, SessionId};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::connection::{Connection, Verdict};
use super::hello::{Identified, Looking, Unidentified};
use crate::clock::Clock;
use crate::config::Limits;
use crate::http::stream::Stream;
use crate::room::driver::{Letter, Out};
use crate::room::frame::{Regarding, error_frame};
use crate::room::state::Command;
use crate::telemetry::{Refusals, counted};

/// What is read at once: small, because most sockets are idle and most frames short. It grows for a
/// frame that is larger.
const READ_BUFFER: usize = 1024;
/// What gathers before it is written.
const WRITE_BUFFER: usize = 4 * 1024;
/// What may gather for a client that does not read.
const WRITE_BUFFER_MAX: usize = 512 * 1024;
/// How long a closing client is waited for.
const GOODBYE: Duration = Duration::from_secs(2);

/// The room's end of the queue is gone, or it said goodbye.
enum End {
    /// Closed by the room or by a refusal; `None`: an ordinary end.
    Close(Option<ErrorCode>),
    /// The other side is gone, or has closed by itself.
    Gone,
}

/// Runs a socket from its upgrade to its end.
///
/// Each part is boxed: the task of an idle socket keeps the conversation alone, and nothing of how
/// it began.
pub(super) async fn run(upgraded: OnUpgrade, hello: Unidentified) {
    let Some(stream) = Box::pin(stream_of(upgraded, hello.front().config.limits)).await else {
        return;
    };
    metrics::gauge!(counted::SOCKETS).increment(1.0);
    if let Some((socket, identified, queue)) = Box::pin(let_in(stream, hello)).await {
        Box::pin(socket.talk(identified, queue)).await;
    }
    metrics::gauge!(counted::SOCKETS).decrement(1.0);
}

/// The upgraded connection. The buffer that HTTP read into ends here: it is larger than all else
/// that an idle socket needs.
async fn stream_of(upgraded: OnUpgrade, limits: Limits) -> Option<WebSocketStream<Stream>> {
    let parts = upgraded.await.ok()?.downcast::<TokioIo<Stream>>().ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(Some(limits.frame_bytes))
        .max_frame_size(Some(limits.frame_bytes));
    // More than all messages together that may be sent, whatever the frames are made of.
    let per_minute = u64::from(limits.per_minute).saturating_mul(limits.frame_bytes as u64);
    let stream = parts.io.into_inner().metered(per_minute);
    let early = parts.read_buf.to_vec();
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
}

/// Hears who it is; whoever is not let in is told why.
async fn let_in(
    ws: WebSocketStream<Stream>,
    hello: Unidentified,
) -> Option<(Socket, Identified, mpsc::Receiver<Out>)> {
    let clock = hello.front().clock.clone();
    let limits = hello.front().config.limits;
    let look_again = Duration::from_secs(hello.front().config.session.sign_in_check_seconds);
    let mut socket = Socket {
        ws,
        patience: Duration::from_secs(limits.pong_seconds),
        quiet: Duration::from_secs(limits.ping_seconds),
        look_again,
        clock,
        refusals: Arc::clone(&hello.front().house.refusals),
    };
    let (outlet, queue) = mpsc::channel(limits.out_queue);
    let first = timeout(Duration::from_secs(limits.hello_seconds), socket.first()).await;
    let identified = match first.unwrap_or(Err(End::Close(Some(ErrorCode::HelloTimeout)))) {
        Ok(text) => hello
            .hear(&text, outlet)
            .await
            .map_err(|code| End::Close(Some(code))),
        Err(end) => Err(end),
    };
    match identified {
        Ok(identified) => return Some((socket, identified, queue)),
        Err(End::Close(code)) => {
            if let Some(code) = code {
                let what = "a socket was closed before anyone was let in";
                socket.tell(code, None, what);
            }
            socket.close(code).await;
        }
        Err(End::Gone) => {}
    }
    None
}

struct Socket {
    ws: WebSocketStream<Stream>,
    patience: Duration,
    quiet: Duration,
    /// How often it is looked whether an agent is still signed in.
    look_again: Duration,
    clock: Clock,
    refusals: Arc<Refusals>,
}

impl Socket {
    /// The first text frame.
    async fn first(&mut self) -> Result<tokio_tungstenite::tungstenite::Utf8Bytes, End> {
        let mut nobody = Connection::new(1);
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    let counted = nobody.control(self.clock.now());
                    counted.map_err(|code| End::Close(Some(code)))?;
                }
                other => return Err(end_of(other.as_ref())),
            }
        }
    }

    async fn talk(mut self, mut identified: Identified, mut queue: mpsc::Receiver<Out>) {
        let end = self.exchange(&mut identified, &mut queue).await;
        drop(queue);
        identified.gone().await;
        if let End::Close(code) = end {
            if let Some(code) = code {
                self.tell(code, Some(identified.session), "a socket was closed");
            }
            self.close(code).await;
        }
    }

    /// Frames both ways, until one side ends it.
    async fn exchange(
        &mut self,
        identified: &mut Identified,
        queue: &mut mpsc::Receiver<Out>,
    ) -> End {
        // Nothing is read before the welcome: there would be nobody yet to take it.
        let mut welcomed = false;
        let mut heard = Instant::now();
        let mut pinged = false;
        let silence = sleep_until(heard + self.quiet);
        tokio::pin!(silence);
        let mut look_at = Instant::now() + self.look_again;
        let mut looking: Option<Looking> = None;
        loop {
            let at_the_desk = identified.on_duty.is_some();
            if at_the_desk && looking.is_none() && Instant::now() >= look_at {
                look_at = Instant::now() + self.look_again;
                looking = Some(identified.is_signed_out(self.clock.now()));
            }
            tokio::select! {
                // Before anything else: whoever is kept busy is looked at too.
                biased;
                signed_out = looked(&mut looking) => {
                    if signed_out {
                        identified.signed_out().await;
                        return End::Close(Some(ErrorCode::SignInRequired));
                    }
                }
                () = sleep_until(look_at), if at_the_desk && looking.is_none() => {}
                out = queue.recv() => {
                    welcomed = true;
                    // The room lets go of a queue that is full.
                    let Some(out) = out else {
                        return End::Close(Some(ErrorCode::SlowClient));
                    };
                    if let Err(end) = self.send(out, queue).await {
                        return end;
                    }
                }
                frame = self.ws.next(), if welcomed => {
                    heard = Instant::now();
                    pinged = false;
                    let text = match frame {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                            match identified.connection.control(self.clock.now()) {
                                Ok(()) => continue,
                                Err(code) => return End::Close(Some(code)),
                            }
                        }
                        other => return end_of(other.as_ref()),
                    };
                    if let Err(end) = self.take(identified, &text).await {
                        return end;
                    }
                }
                () = &mut silence => {
                    let due = heard + self.quiet;
                    if Instant::now() < due {
                        silence.as_mut().reset(due);
                    } else if pinged {
                        return End::Gone;
                    } else {
                        pinged = true;
                        if let Err(end) = self.write(Message::Ping(Bytes::new())).await {
                            return end;
                        }
                        silence.as_mut().reset(Instant::now() + self.patience);
                    }
                }
            }
        }
    }

    async fn take(&mut self, identified: &mut Identified, text: &str) -> Result<(), End> {
        match identified.connection.frame(self.clock.now(), text) {
            Verdict::Pass(message) => {
                let about = Regarding::of(&message);
                if let Err(code) = identified.names_a_colleague(&message).await {
                    return self.refuse(identified, code, about, None).await;
                }
                let letter = Letter::Command(Command::From(identified.socket, message));
                let sent = identified.room.mailbox.send(letter).await;
                sent.map_err(|_| End::Close(Some(ErrorCode::SessionEnded)))
            }
            Verdict::Refuse {
                code,
                about,
                retry_ms,
            } => self.refuse(identified, code, about, retry_ms).await,
            Verdict::Close(code) => Err(End::Close(Some(code))),
        }
    }

    fn tell(&self, code: ErrorCode, session: Option<SessionId>, what: &str) {
        self.refusals.tell(self.clock.now(), code, session, what);
    }

    /// Says why a message is not taken; the connection stays.
    async fn refuse(
        &mut self,
        identified: &Identified,
        code: ErrorCode,
        about: Regarding,
        retry_ms: Option<u64>,
    ) -> Result<(), End> {
        metrics::counter!(counted::REFUSED, "code" => code.name()).increment(1);
        self.tell(code, Some(identified.session), "a message was refused");
        let frame = error_frame(code, about, retry_ms);
        self.write(Message::Text(frame)).await
    }

    /// Sends `out` and whatever else has gathered, with one flush.
    async fn send(&mut self, out: Out, queue: &mut mpsc::Receiver<Out>) -> Result<(), End> {
        let mut next = Some(out);
        while let Some(out) = next {
            match out {
                Out::Frame(frame) => self.feed(Message::Text(frame)).await?,
                Out::Backlog(mut backlog) => {
                    while let Some(frame) = backlog.next_frame() {
                        self.feed(Message::Text(frame)).await?;
                    }
                }
                Out::Close(code) => return Err(End::Close(code)),
            }
            next = queue.try_recv().ok();
        }
        self.in_time(|ws| ws.flush()).await
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        self.in_time(|ws| ws.feed(message)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        self.in_time(|ws| ws.send(message)).await
    }

    /// A client that takes nothing for so long is gone.
    async fn in_time<'a, F>(
        &'a mut self,
        work: impl FnOnce(&'a mut WebSocketStream<Stream>) -> F,
    ) -> Result<(), End>
    where
        F: Future<Output = Result<(), Error>>,
    {
        match timeout(self.patience, work(&mut self.ws)).await {
            Ok(Ok(())) => Ok(()),
            // The connection has the same patience, and may be the first to lose it.
            Ok(Err(Error::Io(error))) if error.kind() == ErrorKind::TimedOut => {
                Err(End::Close(Some(ErrorCode::SlowClient)))
            }
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(Some(ErrorCode::SlowClient))),
        }
    }

    /// Says why, closes, and waits a moment for the other side to have read it.
    async fn close(mut self, code: Option<ErrorCode>) {
        let goodbye = async {
            let frame = match code {
                Some(code) => {
                    metrics::counter!(counted::REFUSED, "code" => code.name()).increment(1);
                    let text = error_frame(code, Regarding::default(), None);
                    self.ws.send(Message::Text(text)).await?;
                    CloseFrame {
                        code: CloseCode::from(code.close_code().unwrap_or(1008)),
                        reason: code.name().into(),
                    }
                }
                None => CloseFrame {
                    code: CloseCode::Normal,
                    reason: "".into(),
                },
            };
            self.ws.close(Some(frame)).await?;
            let mut answered = false;
            while let Some(Ok(message)) = self.ws.next().await {
                answered |= message.is_close();
            }
            if !answered {
                // Unread, what came would have the system take back what was just written.
                let stream = self.ws.get_mut();
                stream.unmetered();
                stream.shutdown().await?;
                tokio::io::copy(stream, &mut tokio::io::sink()).await?;
            }
            Ok::<_, Error>(())
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// What the look that is under way finds; never, if there is none.
async fn looked(looking: &mut Option<Looking>) -> bool {
    let Some(look) = looking else {
        return std::future::pending().await;
    };
    let signed_out = look.await;
    *looking = None;
    signed_out
}

/// What the end of the client's frames, or one that is no text, comes to.
fn end_of(frame: Option<&Result<Message, Error>>) -> End {
    match frame {
        // Gone without a word, or too late for one.
        Some(Err(Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing,
        ))) => End::Gone,
        Some(Ok(Message::Binary(_)) | Err(Error::Utf8(_) | Error::Protocol(_))) => {
            End::Close(Some(ErrorCode::Malformed))
        }
        Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
            End::Close(Some(ErrorCode::TooLarge))
        }
        _ => End::Gone,
    }
}
