//! Join tokens: in memory only, good once and for at most a minute.

use std::collections::HashMap;

use proto::notice::Modality;
use proto::{ErrorCode, Hash32, Millis, ParticipantId, SessionId, SiteId, TenantId, Token};

/// What a join token stands for. Bound to all of this: it opens nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant.
    pub tenant: TenantId,
    /// The site that the hello must name.
    pub site: SiteId,
    /// The session.
    pub session: SessionId,
    /// Who joins.
    pub participant: ParticipantId,
    /// Through which door.
    pub door: Door,
    /// What they agreed to.
    pub modalities: Vec<Modality>,
    /// The notice that they agreed to, by hash.
    pub notice: Hash32,
    /// The first resume token; its hash is stored already.
    pub resume: Token,
}

/// Which host's page may open a socket for someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The visitor's frame.
    Widget,
    /// The agents' desk.
    Desk,
}

/// How long a spent or late token is remembered, to be told apart from one that never was.
const REMEMBERED_MS: i64 = 5 * 60_000;

/// All join tokens that are out, by hash.
#[derive(Debug)]
pub struct Tickets {
    entries: HashMap<Hash32, Entry>,
    room_for: usize,
    next_sweep: Millis,
}

#[derive(Debug)]
struct Entry {
    expires: Millis,
    ticket: Option<Ticket>,
}

impl Tickets {
    /// None out yet; never more than `room_for`.
    pub fn new(room_for: usize) -> Self {
        Self {
            entries: HashMap::new(),
            room_for,
            next_sweep: Millis(0),
        }
    }

    /// Takes note of a token until `expires`.
    pub fn issue(
        &mut self,
        token: &Token,
        ticket: Ticket,
        expires: Millis,
        now: Millis,
    ) -> Result<(), ErrorCode> {
        if now >= self.next_sweep || self.entries.len() >= self.room_for {
            self.entries
                .retain(|_, entry| now < entry.expires.plus(REMEMBERED_MS));
            self.next_sweep = now.plus(60_000);
        }
        if self.entries.len() >= self.room_for {
            return Err(ErrorCode::Overloaded);
        }
        let entry = Entry {
            expires,
            ticket: Some(ticket),
        };
        self.entries.insert(token.hash(), entry);
        Ok(())
    }

    /// Spends a token at `site`, coming through `door`.
    pub fn spend(
        &mut self,
        token: &Token,
        site: SiteId,
        door: Door,
        now: Millis,
    ) -> Result<Ticket, ErrorCode> {
        let entry = self
            .entries
            .get_mut(&token.hash())
            .ok_or(ErrorCode::TokenInvalid)?;
        let ticket = entry.ticket.as_ref().ok_or(ErrorCode::TokenUsed)?;
        // Another site or door does not spend it: a guess must not lock out its owner.
        if ticket.site != site {
            return Err(ErrorCode::TokenInvalid);
        }
        if ticket.door != door {
            return Err(ErrorCode::OriginRefused);
        }
        if now >= entry.expires {
            return Err(ErrorCode::TokenExpired);
        }
        entry.ticket.take().ok_or(ErrorCode::TokenUsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(byte: u8) -> Token {
        let text = data_encoding_of(byte);
        text.parse().unwrap()
    }

    fn data_encoding_of(byte: u8) -> String {
        proto::PublicKey([byte; 32]).to_string()
    }

    fn ticket(site: SiteId) -> Ticket {
        Ticket {
            tenant: TenantId::from_bytes([1; 16]),
            site,
            session: SessionId::from_bytes([2; 16]),
            participant: ParticipantId::from_bytes([3; 16]),
            door: Door::Widget,
            modalities: vec![Modality::Chat],
            notice: Hash32::ZERO,
            resume: token(9),
        }
    }

    #[test]
    fn a_join_token_is_good_once_at_its_site_door_and_time() {
        let site = SiteId::from_bytes([4; 16]);
        let other = SiteId::from_bytes([5; 16]);
        let mut tickets = Tickets::new(8);
        let now = Millis(1_000_000);
        tickets
            .issue(&token(1), ticket(site), now.plus(60_000), now)
            .unwrap();

        let mut spend = |token: &Token, site, door, at| {
            tickets
                .spend(token, site, door, at)
                .map(|ticket| ticket.session)
        };
        assert_eq!(
            spend(&token(2), site, Door::Widget, now),
            Err(ErrorCode::TokenInvalid)
        );
        assert_eq!(
            spend(&token(1), other, Door::Widget, now),
            Err(ErrorCode::TokenInvalid)
        );
        assert_eq!(
            spend(&token(1), site, Door::Desk, now),
            Err(ErrorCode::OriginRefused)
        );
        assert_eq!(
            spend(&token(1), site, Door::Widget, now.plus(60_000)),
            Err(ErrorCode::TokenExpired)
        );
        assert!(spend(&token(1), site, Door::Widget, now.plus(59_999)).is_ok());
        assert_eq!(
            spend(&token(1), site, Door::Widget, now),
            Err(ErrorCode::TokenUsed)
        );
    }

    #[test]
    fn tokens_that_are_out_are_bounded_and_old_ones_forgotten() {
        let site = SiteId::from_bytes([4; 16]);
        let mut tickets = Tickets::new(2);
        let now = Millis(0);
        for byte in 1..=2 {
            tickets
                .issue(&token(byte), ticket(site), now.plus(1), now)
                .unwrap();
        }
        let full = tickets.issue(&token(3), ticket(site), now.plus(1), now);
        assert_eq!(full, Err(ErrorCode::Overloaded));
        let later = now.plus(REMEMBERED_MS + 2);
        assert!(
            tickets
                .issue(&token(3), ticket(site), later.plus(1), later)
                .is_ok()
        );
    }
}
