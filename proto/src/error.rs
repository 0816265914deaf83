//! The closed list of errors: each with its HTTP status, its close code where it closes a socket,
//! and what a person is told.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident $text:literal http $status:literal $(close $close:literal)?, $message:literal;)*) => {
        /// What was refused. The names are part of the protocol and never change their meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// HTTP status where it answers a request.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// WebSocket close code (4000–4999, or a standard one) where it ends the socket.
            pub fn close_code(self) -> Option<u16> {
                match self { $(Self::$name => [$($close,)? 0u16].first().copied().filter(|c| *c != 0),)* }
            }

            /// What happened and what to do, to a person, in English.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

errors! {
    /// Not JSON, a wrong field, or an unknown type.
    Malformed "malformed" http 400 close 4400, "This was not a message that the server knows. Reload the page.";
    /// A frame or body over the limit.
    TooLarge "too_large" http 413 close 1009, "That was too large to send.";
    /// The subprotocol is not one that the server speaks.
    UnsupportedVersion "unsupported_version" http 426 close 4426, "This page is out of date. Reload it.";
    /// No hello within its time.
    HelloTimeout "hello_timeout" http 408 close 4408, "The connection was opened and nothing was said. Try again.";
    /// The token is not known.
    TokenInvalid "token_invalid" http 401 close 4401, "This sign-in is not valid. Agree again to start over.";
    /// The token is too old.
    TokenExpired "token_expired" http 401 close 4402, "That took too long. Agree again to start over.";
    /// The token was used before.
    TokenUsed "token_used" http 401 close 4403, "This sign-in was used already. Agree again to start over.";
    /// A resume token older than one generation, or past its end.
    ResumeStale "resume_stale" http 401 close 4404, "This conversation was continued elsewhere, or is over.";
    /// A newer socket of the same participant.
    Superseded "superseded" http 409 close 4409, "This conversation is open in another place now.";
    /// The Origin header is not the one that this host serves.
    OriginRefused "origin_refused" http 403 close 4405, "This page may not connect here.";
    /// No durable consent covers it.
    ConsentMissing "consent_missing" http 403 close 4406, "You have not agreed to this. Agree first.";
    /// The site or the consent does not have this modality.
    ModalityRefused "modality_refused" http 403, "This way of talking is not offered here.";
    /// This participant has not agreed to a modality that the call has or would have.
    AgreementNeeded "agreement_needed" http 403, "You have not agreed to this way of talking yet. Agree first, then try again.";
    /// No call runs in this session, or this participant is not in it.
    CallMissing "call_missing" http 409, "There is no call that you are in. Call again.";
    /// A call needs somebody else in the session.
    NobodyThere "nobody_there" http 409, "Nobody else is here yet. You can call as soon as somebody has answered.";
    /// The notice that was agreed to is not the current one.
    NoticeOutdated "notice_outdated" http 409, "The notice has changed. Read it again and agree.";
    /// Refusing to be recorded is not offered here.
    RecordingRequired "recording_required" http 403, "Here a conversation can only be had recorded. The contact page is another way.";
    /// Too fast.
    RateLimited "rate_limited" http 429, "That was too fast. Wait a moment and send it again.";
    /// Too fast for too long.
    Flooding "flooding" http 429 close 4429, "Far too many messages. The connection was closed.";
    /// More messages on the way than allowed.
    TooManyUnacknowledged "too_many_unacknowledged" http 429, "Earlier messages are still being kept. Wait a moment and send it again.";
    /// A visitor has written the most that is taken before somebody answers.
    TooManyUnanswered "too_many_unanswered" http 429, "Nobody has answered yet, and no more can be taken until then.";
    /// A text with nothing in it.
    TextEmpty "text_empty" http 400, "There is nothing in this message.";
    /// A text over the limit.
    TextTooLong "text_too_long" http 413, "This message is too long. Send it in pieces.";
    /// A name over the limit, or with characters that mislead.
    NameRefused "name_refused" http 400 close 4411, "This name cannot be used. Choose a shorter one, without control characters.";
    /// A number that does not fit: a `cid` that goes back, a mark past the end.
    OutOfOrder "out_of_order" http 409, "This message's number does not fit. Reload the page.";
    /// Not for this role.
    NotPermitted "not_permitted" http 403, "You may not do this.";
    /// Not there, or not yours: the two are not told apart.
    NotFound "not_found" http 404, "There is nothing here, or it is not yours.";
    /// The session is over.
    SessionEnded "session_ended" http 410 close 4410, "This conversation has ended.";
    /// Someone else was faster.
    AlreadyTaken "already_taken" http 409, "Someone else has taken this conversation.";
    /// What must be recorded cannot be.
    RecordingUnavailable "recording_unavailable" http 503 close 4503, "This conversation must be recorded, and it cannot be just now. What was confirmed is kept. Use the contact page.";
    /// No room, on disk or in memory.
    Overloaded "overloaded" http 503 close 4513, "Too much is going on just now. Try again in a minute.";
    /// An offer that is no SDP, or not one that is taken here.
    SdpRefused "sdp_refused" http 400, "The call could not be set up with this browser. Reload the page and try again.";
    /// The offer has no codec, or no way to ask for lost packets again, that is known here.
    CodecMissing "codec_missing" http 400, "This browser has none of the formats that calls need here. Try another browser.";
    /// Calls are switched off, or nothing can carry one.
    MediaUnavailable "media_unavailable" http 503, "Calls are not possible just now. You can go on writing.";
    /// The client does not read what is sent to it.
    SlowClient "slow_client" http 408 close 4412, "Your connection is too slow to follow. It will be opened again.";
    /// The relay stops or restarts.
    ShuttingDown "shutting_down" http 503 close 1012, "The server restarts. The conversation goes on by itself.";
    /// Staff: no session, or an expired one.
    SignInRequired "sign_in_required" http 401 close 4407, "Sign in first.";
    /// Staff: a wrong name or password; the two are not told apart.
    SignInFailed "sign_in_failed" http 401, "The name or the password is wrong.";
    /// A bug. The log has a line about it, without personal data.
    Internal "internal" http 500 close 1011, "Something went wrong on our side. Try again.";
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An HTTP error's body: RFC 9457 `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `urn:vestibule:error:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// To a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// From the closed list.
    pub code: ErrorCode,
}

impl From<ErrorCode> for ErrorBody {
    fn from(code: ErrorCode) -> Self {
        Self {
            kind: format!("urn:vestibule:error:{code}"),
            title: code.message().to_owned(),
            status: code.status(),
            code,
        }
    }
}
