//! What one connection may do: pure, fed with frames and times.

use proto::wire::ClientMessage;
use proto::{ErrorCode, Millis};

use super::pace::{Pace, TooFast};

/// The state of one identified connection.
#[derive(Debug)]
pub struct Connection {
    messages: Pace,
    signals: Pace,
}

/// Signals (typing, marks, orders) may come so much more often than messages.
const SIGNALS: u32 = 4;

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
        cid: Option<u64>,
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
            messages: Pace::new(per_minute),
            signals: Pace::new(per_minute.saturating_mul(SIGNALS)),
        }
    }

    /// A text frame came.
    pub fn frame(&mut self, now: Millis, text: &str) -> Verdict {
        let Ok(message) = serde_json::from_str::<ClientMessage>(text) else {
            return Verdict::Close(ErrorCode::Malformed);
        };
        let (pace, cid) = match &message {
            ClientMessage::Say { cid, .. } => (&mut self.messages, Some(*cid)),
            _ => (&mut self.signals, None),
        };
        match pace.take(now) {
            Ok(()) => Verdict::Pass(message),
            Err(TooFast {
                code: ErrorCode::Flooding,
                ..
            }) => Verdict::Close(ErrorCode::Flooding),
            Err(TooFast { code, retry_ms }) => Verdict::Refuse {
                code,
                cid,
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
    fn messages_and_signals_have_allowances_of_their_own() {
        let now = Millis(1_000_000);
        let mut connection = Connection::new(2);
        assert!(matches!(connection.frame(now, &say(1)), Verdict::Pass(_)));
        assert!(matches!(connection.frame(now, &say(2)), Verdict::Pass(_)));
        let Verdict::Refuse { code, cid, .. } = connection.frame(now, &say(3)) else {
            panic!("the third message passed");
        };
        assert_eq!((code, cid), (ErrorCode::RateLimited, Some(3)));
        let typing = r#"{"t":"typing","on":true}"#;
        assert!(matches!(connection.frame(now, typing), Verdict::Pass(_)));
    }
}
