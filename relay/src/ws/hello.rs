//! Who speaks. A socket is [`Unidentified`] until its first frame has been read and its token
//! found good; only then is there something that takes messages.

use std::pin::Pin;
use std::sync::Arc;

use proto::wire::{ClientMessage, Hello};
use proto::{ErrorCode, Millis, SessionId, SiteId, StaffId, TenantId, Token};
use store::{SessionState, StaffRole};

use super::connection::Connection;
use crate::http::OnDuty;
use crate::http::front::{Front, code_of};
use crate::room::driver::{Letter, Outlet};
use crate::room::effect::SocketId;
use crate::room::lobby::Handle;
use crate::room::pseudonym;
use crate::room::state::{Command, Join, Resume};
use crate::room::tickets::Door;

/// Resume tokens are good until the session ends, which shortens this.
const RESUME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A look whether an agent is still signed in, and nobody waits for it.
pub(super) type Looking = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A socket that has not said whose it is.
pub(super) struct Unidentified {
    front: Arc<Front>,
    door: Door,
    /// At the desk: who is signed in.
    on_duty: Option<OnDuty>,
}

/// A socket whose token was good; its room will welcome it.
pub(super) struct Identified {
    /// What it may do from here on.
    pub(super) connection: Connection,
    /// Its room.
    pub(super) room: Handle,
    /// Its name there.
    pub(super) socket: SocketId,
    /// For log lines.
    pub(super) session: SessionId,
    /// At the desk: who is signed in.
    pub(super) on_duty: Option<OnDuty>,
}

impl Unidentified {
    pub(super) fn at_the_widget(front: Arc<Front>) -> Self {
        Self {
            front,
            door: Door::Widget,
            on_duty: None,
        }
    }

    pub(super) fn at_the_desk(front: Arc<Front>, on_duty: OnDuty) -> Self {
        Self {
            front,
            door: Door::Desk,
            on_duty: Some(on_duty),
        }
    }

    pub(super) fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// The first frame: a hello whose token is good, or nothing.
    pub(super) async fn hear(self, text: &str, outlet: Outlet) -> Result<Identified, ErrorCode> {
        let hello: Hello = serde_json::from_str(text).map_err(|_| ErrorCode::Malformed)?;
        let now = self.front.now();
        let socket = self.front.lobby.next_socket();
        match hello {
            Hello::Join { site, token, name } => {
                self.join(now, socket, site, &token, name.as_deref(), outlet)
                    .await
            }
            Hello::Resume {
                site,
                token,
                name,
                have,
            } => {
                self.resume(now, socket, site, &token, &name, have, outlet)
                    .await
            }
        }
    }

    async fn join(
        self,
        now: Millis,
        socket: SocketId,
        site: SiteId,
        token: &Token,
        name: Option<&str>,
        outlet: Outlet,
    ) -> Result<Identified, ErrorCode> {
        // Looked at before anything else: whoever is refused a name may choose another.
        let name = pseudonym::accepted(name).ok_or(ErrorCode::NameRefused)?;
        let ticket = self.front.tickets().show(token, site, self.door, now)?;
        self.same_tenant(ticket.tenant)?;
        let room = self
            .front
            .lobby
            .room(ticket.session)
            .ok_or(ErrorCode::SessionEnded)?;
        let join = Join {
            participant: ticket.participant,
            staff: self.staff(),
            name,
            socket,
            resume: ticket.resume,
        };
        let letter = Letter::Join(Box::new((join, outlet)));
        self.enter(room, ticket.session, socket, letter).await
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one hello")]
    async fn resume(
        self,
        now: Millis,
        socket: SocketId,
        site: SiteId,
        token: &Token,
        name: &str,
        have: u64,
        outlet: Outlet,
    ) -> Result<Identified, ErrorCode> {
        let name = pseudonym::accepted(Some(name)).ok_or(ErrorCode::NameRefused)?;
        let tenant = match self.front.tenant_of_site(site).await {
            // A site that is not there has no tokens.
            Err(ErrorCode::NotFound) => return Err(ErrorCode::ResumeStale),
            found => found?,
        };
        self.same_tenant(tenant.id())?;
        let fresh = Token::random(&mut self.front.rng());
        let resumed = tenant
            .rotate_resume(
                token.hash(),
                fresh.hash(),
                now.plus(RESUME_MS),
                now,
                self.staff(),
            )
            .await
            .map_err(|error| code_of(&error))?
            .ok_or(ErrorCode::ResumeStale)?;
        let Some(room) = self.front.lobby.room(resumed.session) else {
            let session = tenant.session(resumed.session).await;
            let ended =
                matches!(session, Ok(Some(session)) if session.state == SessionState::Ended);
            return Err(if ended {
                ErrorCode::SessionEnded
            } else {
                ErrorCode::RecordingUnavailable
            });
        };
        let resume = Resume {
            participant: resumed.participant,
            staff: self.staff(),
            name,
            have,
            socket,
            resume: fresh,
        };
        let letter = Letter::Resume(Box::new((resume, outlet)));
        self.enter(room, resumed.session, socket, letter).await
    }

    /// At the desk a token is good for whoever is signed in there, and in their own tenant alone.
    fn same_tenant(&self, tenant: TenantId) -> Result<(), ErrorCode> {
        match &self.on_duty {
            Some(on_duty) if on_duty.tenant.id() != tenant => Err(ErrorCode::TokenInvalid),
            _ => Ok(()),
        }
    }

    fn staff(&self) -> Option<StaffId> {
        self.on_duty.as_ref().map(|on_duty| on_duty.staff)
    }

    async fn enter(
        self,
        room: Handle,
        session: SessionId,
        socket: SocketId,
        letter: Letter,
    ) -> Result<Identified, ErrorCode> {
        let sent = room.mailbox.send(letter).await;
        sent.map_err(|_| ErrorCode::SessionEnded)?;
        Ok(Identified {
            connection: Connection::new(self.front.config.limits.per_minute),
            room,
            socket,
            session,
            on_duty: self.on_duty,
        })
    }
}

impl Identified {
    /// Whether a message names nobody, or an agent of the same client: others are not there.
    pub(super) async fn names_a_colleague(&self, message: &ClientMessage) -> Result<(), ErrorCode> {
        let (ClientMessage::Invite { to } | ClientMessage::Transfer { to: Some(to) }) = message
        else {
            return Ok(());
        };
        // A visitor may ask nobody in, whoever it is: the room says so.
        let Some(on_duty) = &self.on_duty else {
            return Ok(());
        };
        let staff = on_duty
            .tenant
            .staff()
            .await
            .map_err(|error| code_of(&error))?;
        let known = staff
            .iter()
            .any(|staff| staff.id == *to && staff.role == StaffRole::Agent);
        known.then_some(()).ok_or(ErrorCode::NotFound)
    }

    /// Whether the agent has signed out elsewhere, or has been signed out. Where the store cannot
    /// say, the conversation goes on and it is asked again.
    pub(super) fn is_signed_out(&self, now: Millis) -> Looking {
        let on_duty = self.on_duty.clone();
        Box::pin(async move {
            match on_duty {
                Some(on_duty) => on_duty.is_signed_in(now).await == Ok(false),
                None => false,
            }
        })
    }

    /// Tells the room that nobody is signed in here any more: they leave its call, too.
    pub(super) async fn signed_out(&self) {
        if let Some(on_duty) = &self.on_duty {
            let letter = Letter::Command(Command::SignedOut(on_duty.staff));
            let _ = self.room.mailbox.send(letter).await;
        }
    }

    /// Tells the room that the socket is gone. A room that has ended knows already.
    pub(super) async fn gone(&self) {
        let letter = Letter::Command(Command::Gone(self.socket));
        let _ = self.room.mailbox.send(letter).await;
    }
}
