//! `[session]` and `[limits]`: how long, how much, how fast.

use serde::Deserialize;

/// `[session]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Seconds for which a join token is good; at most 60.
    pub join_seconds: u32,
    /// A session ends after so many hours, whoever is there.
    pub longest_hours: u32,
    /// A session ends when nobody is there for so many minutes.
    pub return_minutes: u32,
    /// Minutes after the end for which a resume token still answers "ended".
    pub after_end_minutes: u32,
    /// Hours for which an agent stays signed in.
    pub staff_hours: u32,
    /// Seconds after which it is looked again whether an agent is still signed in.
    pub sign_in_check_seconds: u64,
    /// Sessions that run at the same time.
    pub sessions: usize,
    /// Of these, sessions of one client: visitors of one site cannot keep out all others'.
    pub sessions_per_client: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            join_seconds: 60,
            longest_hours: 12,
            return_minutes: 10,
            after_end_minutes: 10,
            staff_hours: 12,
            sign_in_check_seconds: 20,
            sessions: 10_000,
            sessions_per_client: 5_000,
        }
    }
}

impl SessionConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=60).contains(&self.join_seconds) {
            return Err("[session] join_seconds must be between 1 and 60".to_owned());
        }
        let least = [self.longest_hours, self.return_minutes, self.staff_hours];
        if least.contains(&0) || self.sessions == 0 {
            return Err(
                "[session] longest_hours, return_minutes, staff_hours and sessions must be at least 1"
                    .to_owned(),
            );
        }
        if self.sessions_per_client == 0 {
            return Err("[session] sessions_per_client must be at least 1".to_owned());
        }
        // What is revoked must end soon.
        if !(1..=60).contains(&self.sign_in_check_seconds) {
            return Err("[session] sign_in_check_seconds must be between 1 and 60".to_owned());
        }
        Ok(())
    }
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// UTF-8 bytes of one text.
    pub text_bytes: u32,
    /// Messages per minute of one participant.
    pub per_minute: u32,
    /// Messages sent and not yet acknowledged.
    pub unacknowledged: u32,
    /// Messages of a visitor while nobody has answered.
    pub unanswered: u32,
    /// Bytes of one frame.
    pub frame_bytes: usize,
    /// Frames that wait for one connection.
    pub out_queue: usize,
    /// Mebibytes of sealed history that one session keeps in memory for those who return.
    pub history_mib: usize,
    /// People in one session, those who left included.
    pub people: usize,
    /// Seconds for the first frame.
    pub hello_seconds: u64,
    /// Seconds of silence after which a ping is sent.
    pub ping_seconds: u64,
    /// Seconds after a ping, or for one write, until the connection counts as gone.
    pub pong_seconds: u64,
    /// Notices read per minute and address.
    pub notices_per_minute: u32,
    /// Consents per minute and address.
    pub consents_per_minute: u32,
    /// Sockets opened per minute and address.
    pub sockets_per_minute: u32,
    /// Sign-ins tried per minute and address; strangers together have six times as many per name.
    pub sign_ins_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes: 4_096,
            per_minute: 60,
            unacknowledged: 16,
            unanswered: 20,
            frame_bytes: 32 * 1024,
            out_queue: 128,
            history_mib: 32,
            people: 32,
            hello_seconds: 10,
            ping_seconds: 25,
            pong_seconds: 20,
            notices_per_minute: 60,
            consents_per_minute: 20,
            sockets_per_minute: 60,
            sign_ins_per_minute: 10,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), String> {
        let counts = [
            ("text_bytes", u64::from(self.text_bytes)),
            ("per_minute", u64::from(self.per_minute)),
            ("unacknowledged", u64::from(self.unacknowledged)),
            ("unanswered", u64::from(self.unanswered)),
            ("out_queue", self.out_queue as u64),
            ("history_mib", self.history_mib as u64),
            ("hello_seconds", self.hello_seconds),
            ("ping_seconds", self.ping_seconds),
            ("pong_seconds", self.pong_seconds),
            ("notices_per_minute", u64::from(self.notices_per_minute)),
            ("consents_per_minute", u64::from(self.consents_per_minute)),
            ("sockets_per_minute", u64::from(self.sockets_per_minute)),
            ("sign_ins_per_minute", u64::from(self.sign_ins_per_minute)),
        ];
        for (key, value) in counts {
            if value == 0 {
                return Err(format!("[limits] {key} must be at least 1"));
            }
        }
        if self.people < 2 {
            return Err("[limits] people must be at least 2".to_owned());
        }
        // JSON may write one byte of text as six.
        if self.frame_bytes < self.text_bytes as usize * 6 + 512 {
            return Err("[limits] frame_bytes must be at least 6 × text_bytes + 512: JSON may write one byte as six".to_owned());
        }
        Ok(())
    }
}
