//! Every endpoint and message × role × other client: the owner succeeds; everyone else is refused
//! with the right word, and nothing in any database changes.
//!
//! The endpoints come from the relay's own table of routes: one that is added there without a cell
//! here makes this test fail.

mod cells;
mod colleagues;
pub(crate) mod console;
mod messages;

use anyhow::{Context as _, Result};
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::{Hash32, SessionId, SiteId, Token};
use testkit::house::House;

use crate::rows::listed;
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
    /// Cookies that are none of the desk's: who, and what they show in its place.
    impostors: Vec<(&'static str, String)>,
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
            "notices_per_minute = 10000\nconsents_per_minute = 10000\n\
                           sockets_per_minute = 10000\nsign_ins_per_minute = 1000\n"
                .clone_into(&mut plan.limits);
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
        listed(house, visitor.welcome.recording).await?;
        let unused = agree(&house.widget(), site).await?.join;
        let (tenant, token) = cookie
            .split_once('=')
            .and_then(|(_, value)| value.split_once('.'))
            .context("a cookie names a tenant and holds a token")?;
        let stranger = proto::TenantId::from_bytes(loadtest::participant::random()?);
        let desk = |tenant: &str, token: &str| format!("__Host-desk={tenant}.{token}");
        let officer = console_cookie(house, client).await?;
        let (_, officer) = officer.split_once('.').context("an officer's token")?;
        let resume = visitor.welcome.resume.expose();
        let impostors = vec![
            ("a made-up token", desk(tenant, &"A".repeat(43))),
            ("no cookie of ours", "__Host-desk=x".to_owned()),
            ("a visitor's token", desk(tenant, &resume)),
            ("an officer's cookie", desk(tenant, officer)),
            (
                "an agent's token in no client's plane",
                desk(&stranger.to_string(), token),
            ),
        ];
        Ok(Self {
            impostors,
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

    /// What the other client's people show here, and what these show with the other's name.
    fn crossed(&self, other: &Self) -> Vec<(&'static str, String)> {
        let halves = |cookie: &str| {
            let (_, value) = cookie.split_once('=').unwrap_or_default();
            let (tenant, token) = value.split_once('.').unwrap_or_default();
            (tenant.to_owned(), token.to_owned())
        };
        let ((tenant, _), (_, token)) = (halves(&self.cookie), halves(&other.cookie));
        let mut crossed = vec![(
            "the other client's token with this one's name",
            format!("__Host-desk={tenant}.{token}"),
        )];
        crossed.extend(self.impostors.iter().cloned());
        crossed.extend(other.impostors.iter().cloned());
        crossed
    }

    /// A session of this client's with both in it.
    async fn room(&self, house: &House) -> Result<(Participant, Participant)> {
        let consent = agree(&house.widget(), self.site).await?;
        let visitor =
            Participant::join(&house.widget(), self.site, consent.join, None, &[]).await?;
        listed(house, visitor.welcome.recording).await?;
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

/// An officer's sign-in at the console.
async fn console_cookie(house: &House, client: &demo::people::Client) -> Result<String> {
    let officer = client.officers.first().context("a client has an officer")?;
    let form = format!(
        "client={}&name={}&password={}",
        client.slug, officer.sign_in, officer.password
    );
    let console = house.console();
    let origin = console.origin();
    let headers = [
        ("origin", origin.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let reply = console
        .send(http::Method::POST, "/sign-in", &headers, form.into())
        .await?;
    reply
        .cookie()
        .with_context(|| format!("the console's sign-in sets no cookie: {}", reply.status))
}
