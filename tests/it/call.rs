//! Calls, from two pages or programs to the films that two officers open.

mod joined;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use demo::people::{Client, Person};
use loadtest::call::caller::{Caller, Log};
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::desk::GateView;
use proto::notice::Modality;
use proto::{Hash32, SessionId};
use testkit::film::Film;
use testkit::house::House;

use crate::opened::unpacked;

/// The hash of the site's notice.
pub(crate) async fn notice(house: &House, client: &Client) -> Result<Hash32> {
    let site = client.site.context("the client has a site")?;
    let path = format!("/api/v1/sites/{site}/notice?lang=en");
    Ok(house.widget().fetch::<GateView>(&path, &[]).await?.notice)
}

/// A visitor without a browser, in a session of their own.
async fn visitor(house: &House, client: &Client) -> Result<Participant> {
    let site = client.site.context("the client has a site")?;
    let consent = agree(&house.widget(), site).await?;
    Participant::join(&house.widget(), site, consent.join, None, &[]).await
}

/// This agent takes the session, without a browser.
async fn answer(
    house: &House,
    client: &Client,
    agent: &Person,
    session: SessionId,
) -> Result<Participant> {
    let desk = house.desk();
    let cookie = sign_in(&desk, &client.slug, &agent.sign_in, &agent.password).await?;
    let accepted = accept(&desk, &cookie, session).await?;
    let headers = [("cookie", cookie.as_str())];
    Participant::join(&desk, accepted.site, accepted.join, None, &headers).await
}

/// Two callers in a call, with these sources each, all agreed to and playing.
async fn callers(house: &House, client: &Client, kinds: &[Modality]) -> Result<(Caller, Caller)> {
    let notice = notice(house, client).await?;
    let mia = client.agents.first().context("the client has agents")?;
    let visitor = visitor(house, client).await?;
    let agent = answer(house, client, mia, visitor.welcome.session).await?;
    let mut visitor = Caller::new(visitor, kinds, Log::default())?;
    let mut agent = Caller::new(agent, kinds, Log::default())?;
    visitor.agree(kinds, notice).await?;
    agent.agree(kinds, notice).await?;
    visitor.call(false).await?;
    agent.until("the ring", |seen| seen.call.is_some()).await?;
    agent.call(false).await?;
    for caller in [&mut visitor, &mut agent] {
        let connected = caller.until("a connection", |seen| !seen.connected.is_empty());
        connected.await?;
        caller.play(true).await?;
    }
    Ok((visitor, agent))
}

/// The films of a bundle, by file name, written to `folder`.
pub(crate) async fn films(bundle: &Path, folder: &Path) -> Result<BTreeMap<String, Film>> {
    let mut films = BTreeMap::new();
    for (name, bytes) in unpacked(bundle)? {
        if let Some((_, name)) = name.split_once("/data/media/") {
            let path = folder.join(name);
            std::fs::write(&path, bytes)?;
            let film = Film::open(&path).await?;
            film.is_clean().await?;
            films.insert(name.to_owned(), film);
        }
    }
    ensure!(!films.is_empty(), "the bundle holds no film");
    Ok(films)
}

/// The film of this name.
pub(crate) fn film<'a>(films: &'a BTreeMap<String, Film>, name: &str) -> Result<&'a Film> {
    let fitting = |file: &str| file.split('.').next() == Some(name);
    let found = films.iter().find(|(file, _)| fitting(file));
    let (_, film) = found.with_context(|| format!("no film {name}: {:?}", films.keys()))?;
    Ok(film)
}
