//! Every endpoint and message × role × other client: the owner succeeds; everyone else is refused
//! with the right word, and nothing in any database changes.
//!
//! The endpoints come from the relay's own table of routes: one that is added there without a cell
//! here makes this test fail.

mod cells;
mod messages;

use anyhow::{Context as _, Result};
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::{Hash32, SessionId, SiteId, Token};
use testkit::house::House;

use crate::session::client;

/// One client's things, as its own agent and visitor know them.
struct Side {
    slug: String,
    site: SiteId,
    notice: Hash32,
    /// The agent's sign-in.
    name: String,
    password: String,
    cookie: String,
    /// Waits, and nobody has accepted it.
    waiting: SessionId,
    /// The visitor who waits there.
    _visitor: Participant,
    /// A good join token that nobody has used.
    unused: Token,
}

/// Two clients side by side.
struct World {
    house: House,
    bank: Side,
    clinic: Side,
}

impl World {
    async fn start() -> Result<Self> {
        let house = House::start_with(|plan| {
            plan.limits = "notices_per_minute = 10000\nconsents_per_minute = 10000\n\
                           sockets_per_minute = 10000\nsign_ins_per_minute = 1000\n"
                .to_owned();
        })
        .await?;
        let bank = Side::of(&house, "alpine").await?;
        let clinic = Side::of(&house, "harbour").await?;
        Ok(Self {
            house,
            bank,
            clinic,
        })
    }
}

impl Side {
    async fn of(house: &House, slug: &str) -> Result<Self> {
        let client = client(house, slug)?;
        let site = client.site.context("a client has a site")?;
        let agent = client.agents.first().context("a client has an agent")?;
        let gate: proto::desk::GateView = house
            .widget()
            .fetch(&format!("/api/v1/sites/{site}/notice?lang=en"), &[])
            .await?;
        let cookie = sign_in(&house.desk(), slug, &agent.sign_in, &agent.password).await?;
        let consent = agree(&house.widget(), site).await?;
        let visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
        let unused = agree(&house.widget(), site).await?.join;
        Ok(Self {
            slug: slug.to_owned(),
            site,
            notice: gate.notice,
            name: agent.sign_in.clone(),
            password: agent.password.clone(),
            cookie,
            waiting: consent.session,
            _visitor: visitor,
            unused,
        })
    }

    /// A session of this client's with both in it.
    async fn room(&self, house: &House) -> Result<(Participant, Participant)> {
        let consent = agree(&house.widget(), self.site).await?;
        let visitor =
            Participant::join(&house.widget(), self.site, consent.join, None, &[]).await?;
        let accepted = accept(&house.desk(), &self.cookie, consent.session).await?;
        let agent = Participant::join(
            &house.desk(),
            self.site,
            accepted.join,
            None,
            &[("cookie", &self.cookie)],
        )
        .await?;
        Ok((visitor, agent))
    }
}
