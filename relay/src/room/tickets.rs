//! Join tokens: in memory only, and for at most a minute. Here one is found good for its site, door
//! and time; whether it was used is known to the room, which lets one participant in by it.

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

/// How long a late token is remembered, to be told apart from one that never was.
const REMEMBERED_MS: i64 = 5 * 60_000;

/// All join tokens that are out, by hash.
#[derive(Debug)]
pub struct Tickets {
    entries: HashMap<Hash32, Entry>,
    /// How many each tenant has out.
    of: HashMap<TenantId, usize>,
    room_for: usize,
    share: usize,
    next_sweep: Millis,
}

#[derive(Debug)]
struct Entry {
    tenant: TenantId,
    expires: Millis,
    /// `None` once it is late.
    ticket: Option<Ticket>,
}

impl Tickets {
    /// None out yet; never more than `room_for`, and of one tenant never more than `share`.
    pub fn new(room_for: usize, share: usize) -> Self {
        Self {
            entries: HashMap::new(),
            of: HashMap::new(),
            room_for,
            share,
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
            self.entries.retain(|_, entry| {
                if now >= entry.expires {
                    entry.ticket = None;
                }
                now < entry.expires.plus(REMEMBERED_MS)
            });
            self.of.clear();
            for entry in self.entries.values() {
                *self.of.entry(entry.tenant).or_default() += 1;
            }
            self.next_sweep = now.plus(60_000);
        }
        let of = self.of.entry(ticket.tenant).or_default();
        if self.entries.len() >= self.room_for || *of >= self.share {
            return Err(ErrorCode::Overloaded);
        }
        *of += 1;
        let entry = Entry {
            tenant: ticket.tenant,
            expires,
            ticket: Some(ticket),
        };
        self.entries.insert(token.hash(), entry);
        Ok(())
    }

    /// What a token stands for, shown at `site` and coming through `door`.
    pub fn show(
        &self,
        token: &Token,
        site: SiteId,
        door: Door,
        now: Millis,
    ) -> Result<Ticket, ErrorCode> {
        let entry = self
            .entries
            .get(&token.hash())
            .ok_or(ErrorCode::TokenInvalid)?;
        let ticket = entry.ticket.as_ref().ok_or(ErrorCode::TokenExpired)?;
        if ticket.site != site {
            return Err(ErrorCode::TokenInvalid);
        }
        if ticket.door != door {
            return Err(ErrorCode::OriginRefused);
        }
        if now >= entry.expires {
            return Err(ErrorCode::TokenExpired);
        }
        Ok(ticket.clone())
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
    fn a_join_token_is_good_at_its_site_door_and_time_alone() {
        let site = SiteId::from_bytes([4; 16]);
        let other = SiteId::from_bytes([5; 16]);
        let mut tickets = Tickets::new(8, 8);
        let now = Millis(1_000_000);
        tickets
            .issue(&token(1), ticket(site), now.plus(60_000), now)
            .unwrap();

        let show = |token: &Token, site, door, at| {
            tickets
                .show(token, site, door, at)
                .map(|ticket| ticket.session)
        };
        assert_eq!(
            show(&token(2), site, Door::Widget, now),
            Err(ErrorCode::TokenInvalid)
        );
        assert_eq!(
            show(&token(1), other, Door::Widget, now),
            Err(ErrorCode::TokenInvalid)
        );
        assert_eq!(
            show(&token(1), site, Door::Desk, now),
            Err(ErrorCode::OriginRefused)
        );
        assert_eq!(
            show(&token(1), site, Door::Widget, now.plus(60_000)),
            Err(ErrorCode::TokenExpired)
        );
        assert!(show(&token(1), site, Door::Widget, now.plus(59_999)).is_ok());

        // The sweep lets go of what it stood for, and still knows it.
        let later = now.plus(60_000);
        tickets
            .issue(&token(2), ticket(site), later.plus(1), later)
            .unwrap();
        let late = tickets.show(&token(1), site, Door::Widget, later);
        assert_eq!(late, Err(ErrorCode::TokenExpired));
    }

    #[test]
    fn tokens_that_are_out_are_bounded_and_old_ones_forgotten() {
        let site = SiteId::from_bytes([4; 16]);
        let mut tickets = Tickets::new(2, 2);
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
    #[test]
    fn one_tenant_has_a_share_and_leaves_the_rest_to_others() {
        let site = SiteId::from_bytes([4; 16]);
        let mut tickets = Tickets::new(8, 2);
        let now = Millis(1_000_000);
        let mut issue = |byte, tenant, at: Millis| {
            let mut ticket = ticket(site);
            ticket.tenant = TenantId::from_bytes([tenant; 16]);
            tickets.issue(&token(byte), ticket, at.plus(1), at)
        };
        assert_eq!(issue(1, 1, now), Ok(()));
        assert_eq!(issue(2, 1, now), Ok(()));
        assert_eq!(issue(3, 1, now), Err(ErrorCode::Overloaded));
        assert_eq!(issue(4, 2, now), Ok(()));
        let later = now.plus(REMEMBERED_MS + 2);
        assert_eq!(issue(5, 1, later), Ok(()));
        assert_eq!(issue(6, 1, later), Ok(()));
        assert_eq!(issue(7, 1, later), Err(ErrorCode::Overloaded));
    }
}
