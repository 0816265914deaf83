//! Opening rooms: one visitor and one agent each, over the gate and the desk.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use proto::desk::{AcceptResponse, GateView};
use proto::{Hash32, SiteId, Token};

use crate::door::Door;
use crate::meter;
use crate::participant::{Participant, accept, agree, sign_in};

/// Where the relay is and who answers there.
#[derive(Args, Debug, Clone)]
pub struct Target {
    /// The relay's port on the loopback; traffic never goes anywhere else
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Host name of the widget
    #[arg(long, default_value = "widget.localhost")]
    pub widget: String,
    /// Host name of the desk
    #[arg(long, default_value = "desk.localhost")]
    pub desk: String,
    /// The site whose visitors come
    #[arg(long)]
    pub site: SiteId,
    /// The client's short name, for the agents' sign-in
    #[arg(long)]
    pub client: String,
    /// Agents who answer, as NAME:PASSWORD; several share the work
    #[arg(long = "agent", required = true, value_name = "NAME:PASSWORD")]
    pub agents: Vec<String>,
    /// Processes whose processor time and memory are counted: the relay
    #[arg(long = "pid")]
    pub pids: Vec<u32>,
    /// Processes behind it whose processor time is counted in a column of its own: the recorder
    #[arg(long = "behind")]
    pub behind: Vec<u32>,
    /// Host name and port of the relay's metrics, for syncs per message
    #[arg(long, value_name = "HOST:PORT")]
    pub metrics: Option<String>,
}

/// A visitor who has agreed and has no socket yet.
pub struct Agreed {
    number: usize,
    token: Token,
}

/// A room with its visitor in it, and an agent who has accepted and has no socket yet.
pub struct Accepted {
    visitor: Participant,
    agent: AcceptResponse,
    cookie: String,
}

/// A room with both in it.
pub struct Room {
    /// Writes.
    pub visitor: Participant,
    /// Reads.
    pub agent: Participant,
}

/// Widget and desk, with the agents signed in.
pub struct Doors {
    widget: Door,
    desk: Door,
    site: SiteId,
    cookies: Vec<String>,
}

impl Doors {
    /// Signs all agents in.
    pub async fn open(target: &Target) -> Result<Self> {
        let desk = Door::new(&target.desk, target.port);
        let mut cookies = Vec::new();
        for agent in &target.agents {
            let (name, password) = agent
                .split_once(':')
                .context("an agent is given as NAME:PASSWORD")?;
            cookies.push(sign_in(&desk, &target.client, name, password).await?);
        }
        Ok(Self {
            widget: Door::new(&target.widget, target.port),
            desk,
            site: target.site,
            cookies,
        })
    }

    /// The hash of the site's notice.
    pub async fn notice(&self) -> Result<Hash32> {
        let path = format!("/api/v1/sites/{}/notice?lang=en", self.site);
        let gate: GateView = self.widget.fetch(&path, &[]).await.context("the notice")?;
        Ok(gate.notice)
    }

    /// A visitor agrees.
    pub async fn agree(&self, number: usize) -> Result<Agreed> {
        let widget = self.widget.from(address(number));
        let consent = agree(&widget, self.site).await?;
        Ok(Agreed {
            number,
            token: consent.join,
        })
    }

    /// The visitor joins, and waits.
    pub async fn arrive(&self, agreed: Agreed) -> Result<(usize, Participant)> {
        let widget = self.widget.from(address(agreed.number));
        let visitor = Participant::join(&widget, self.site, agreed.token, None, &[])
            .await
            .context("the visitor's join")?;
        Ok((agreed.number, visitor))
    }

    /// An agent accepts.
    pub async fn accept(&self, number: usize, visitor: Participant) -> Result<Accepted> {
        let cookie = self
            .cookies
            .get(number % self.cookies.len().max(1))
            .context("nobody is at the desk")?;
        let agent = accept(&self.desk, cookie, visitor.welcome.session).await?;
        Ok(Accepted {
            visitor,
            agent,
            cookie: cookie.clone(),
        })
    }

    /// The agent joins.
    pub async fn answer(&self, accepted: Accepted) -> Result<Room> {
        let agent = Participant::join(
            &self.desk,
            accepted.agent.site,
            accepted.agent.join,
            None,
            &[("cookie", &accepted.cookie)],
        )
        .await
        .context("the agent's join")?;
        Ok(Room {
            visitor: accepted.visitor,
            agent,
        })
    }

    /// One room, from the notice to both joined.
    pub async fn room(&self, number: usize) -> Result<Room> {
        let agreed = self.agree(number).await?;
        let (number, visitor) = self.arrive(agreed).await?;
        let accepted = self.accept(number, visitor).await?;
        self.answer(accepted).await
    }
}

impl Target {
    /// Processor time that the watched processes have used so far; `None` where none is watched.
    pub fn cpu(&self) -> Result<Option<Duration>> {
        if self.pids.is_empty() {
            return Ok(None);
        }
        meter::cpu(&self.pids).map(Some)
    }

    /// Processor time that the processes behind have used so far; `None` where none is watched.
    pub fn cpu_behind(&self) -> Result<Option<Duration>> {
        if self.behind.is_empty() {
            return Ok(None);
        }
        meter::cpu(&self.behind).map(Some)
    }

    /// How often the relay's spool has synced so far; `None` where it does not say.
    pub async fn syncs(&self) -> Result<Option<f64>> {
        let Some(address) = &self.metrics else {
            return Ok(None);
        };
        let (host, port) = address
            .rsplit_once(':')
            .context("metrics are given as HOST:PORT")?;
        let reply = Door::new(host, port.parse()?)
            .send(http::Method::GET, "/metrics", &[], bytes::Bytes::new())
            .await?;
        let text = String::from_utf8_lossy(&reply.body);
        Ok(meter::counter(&text, "vestibule_spool_syncs_total"))
    }
}

/// Room number's own loopback address: 127.1.0.0 and up, so that no quota takes all for one.
fn address(number: usize) -> Ipv4Addr {
    let [.., a, b] = u32::try_from(number % 65_000).unwrap_or(0).to_be_bytes();
    Ipv4Addr::new(127, 1, a, b.max(1))
}
