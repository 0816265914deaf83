//! What one connection may do: pure, fed with frames and times.

use proto::wire::ClientMessage;
use proto::{ErrorCode, Millis};

use crate::room::frame::Regarding;
use crate::room::pace::{Pace, TooFast};

/// The state of one identified connection.
#[derive(Debug)]
pub struct Connection {
    frames: Pace,
}

/// Frames of any kind (messages, typing, marks, orders, pings) for each message that a participant may
/// send. Messages have a pace of their own, which the room holds: it outlives the connection.
const FRAMES: u32 = 5;

/// What a frame of the client comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// For the room.
    Pass(ClientMessage),
    /// Refused, and said so; the connection stays.
    Refuse {
        /// Why.
        code: ErrorCode,
        /// The message that it is about.
        about: Regarding,
        /// Milliseconds after which it may be tried again.
        retry_ms: Option<u64>,
    },
    /// The connection ends.
    Close(ErrorCode),
}

impl Connection {
    /// A connection of a participant who may send `per_minute` messages.
    pub fn new(per_minute: u32) -> Self {
        Self {
            frames: Pace::new(per_minute.saturating_mul(FRAMES)),
        }
    }

    /// A ping or a pong came: nobody is told that it was one too many, until it ends the connection.
    pub fn control(&mut self, now: Millis) -> Result<(), ErrorCode> {
        match self.frames.take(now) {
            Err(TooFast {
                code: ErrorCode::Flooding,
                ..
            }) => Err(ErrorCode::Flooding),
            _ => Ok(()),
        }
    }

    /// A text frame came.
    pub fn frame(&mut self, now: Millis, text: &str) -> Verdict {
        let Ok(message) = serde_json::from_str::<ClientMessage>(text) else {
            return Verdict::Close(ErrorCode::Malformed);
        };
        let about = Regarding::of(&message);
        match self.frames.take(now) {
            Ok(()) => Verdict::Pass(message),
            Err(TooFast {
                code: ErrorCode::Flooding,
                ..
            }) => Verdict::Close(ErrorCode::Flooding),
            Err(TooFast { code, retry_ms }) => Verdict::Refuse {
                code,
                about,
                retry_ms: Some(retry_ms),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(cid: u64) -> String {
        format!(r#"{{"t":"say","cid":{cid},"text":"hello"}}"#)
    }

    #[test]
    fn what_is_no_message_of_the_protocol_closes_the_connection() {
        let now = Millis(1_000_000);
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"t":"shout","cid":1,"text":"x"}"#,
            r#"{"t":"say","cid":1}"#,
            r#"{"t":"say","cid":-1,"text":"x"}"#,
            r#"{"t":"say","cid":1,"text":"x","extra":1}"#,
            r#"{"t":"join","site":"x","token":"y"}"#,
        ] {
            let verdict = Connection::new(60).frame(now, bad);
            assert_eq!(verdict, Verdict::Close(ErrorCode::Malformed), "{bad}");
        }
    }

    #[test]
    fn frames_of_any_kind_count_and_a_refused_message_is_named() {
        let now = Millis(1_000_000);
        let mut connection = Connection::new(1);
        let typing = r#"{"t":"typing","on":true}"#;
        for _ in 1..FRAMES {
            assert!(matches!(connection.frame(now, typing), Verdict::Pass(_)));
        }
        assert!(matches!(connection.frame(now, &say(1)), Verdict::Pass(_)));
        let Verdict::Refuse { code, about, .. } = connection.frame(now, &say(2)) else {
            panic!("one frame too many passed");
        };
        assert_eq!((code, about.cid), (ErrorCode::RateLimited, Some(2)));
    }
    #[test]
    fn pings_count_as_frames_and_too_many_end_the_connection() {
        let now = Millis(1_000_000);
        let mut connection = Connection::new(60);
        let pings = (0..10_000).find(|_| connection.control(now).is_err());
        assert!(pings.is_some_and(|pings| pings < 400), "{pings:?}");
        // One a second is nobody's flood.
        let mut connection = Connection::new(60);
        for second in 0..600 {
            let at = now.plus(second * 1_000);
            assert_eq!(connection.control(at), Ok(()));
        }
        assert!(matches!(
            connection.frame(now.plus(600_000), &say(1)),
            Verdict::Pass(_)
        ));
    }
}
