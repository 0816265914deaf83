//! Canaries: a session full of marks, and then a search for each of them in everything that both
//! processes wrote. What people say and are called, and where they come from, stands nowhere.

mod called;
mod forwarder;
mod marks;
mod retrieved;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use http::Method;
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::wire::{ClientMessage, Hello};
use testkit::driver::Driver;
use testkit::house::House;
use testkit::ports;
use testkit::visitor::Visitor;

use self::forwarder::Forwarder;
use self::marks::{Mark, views};
use crate::session::client;

/// Where the visitor comes from.
const VISITOR: Ipv4Addr = Ipv4Addr::new(127, 83, 12, 201);
/// Where the browser comes from.
const BROWSING: Ipv4Addr = Ipv4Addr::new(127, 83, 191, 57);
/// Where the agent comes from.
const AGENT: Ipv4Addr = Ipv4Addr::new(127, 83, 77, 34);
/// Where an officer comes from.
const OFFICER: Ipv4Addr = Ipv4Addr::new(127, 83, 140, 66);
/// What a forged forwarding header says.
const FORWARDED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 199);

const NAME: &str = "Zanzibar Quetzal Canaryname";
const VISITOR_TEXT: &str = "canaryvisitor-mauve-4471 my account is CH93-0076";
const AGENT_TEXT: &str = "canaryagent-ochre-9920 thank you";
const TYPED: &str = "canarytyped-umber-3306";
const TYPED_NAME: &str = "Quillon Canarytyped";
/// Typed where a name, a password, a passphrase belong, and an address at the console.
const GUESS: &str = "canaryguess-sepia-2208";
const BROWSER: &str = "CanaryBrowser/83.7";

fn marks() -> Vec<Mark> {
    vec![
        Mark::text(NAME),
        Mark::text("canaryvisitor-mauve-4471"),
        Mark::text("canaryagent-ochre-9920"),
        Mark::text("CanaryBrowser"),
        Mark::text("canarycookie"),
        Mark::text(TYPED),
        Mark::text(TYPED_NAME),
        Mark::text(GUESS),
        Mark::address(VISITOR),
        Mark::address(BROWSING),
        Mark::address(AGENT),
        Mark::address(OFFICER),
        Mark::address(FORWARDED),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_no_name_and_no_address_is_written_anywhere() -> Result<()> {
    written(false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_in_logs_for_machines_that_tell_more() -> Result<()> {
    written(true).await
}

/// A session full of marks, and the search; with everything that the logs have to tell, or not.
async fn written(more: bool) -> Result<()> {
    let mut house = House::start_with(|plan| {
        if more {
            plan.limits = format!(
                "\n[log]\nformat = \"json\"\nlevel = \"debug\"\n\n\
                 [listen.forwarded]\nheader = \"x-forwarded-for\"\nfrom = [\"{VISITOR}\", \"{AGENT}\"]\n"
            );
        }
    })
    .await?;
    let _forwarder = behind_a_forwarder(&mut house, more).await?;
    let mut marks = marks();
    marks.extend(called::marks()?);
    for client in &house.people().clients {
        for person in client.agents.iter().chain(&client.officers) {
            marks.push(Mark::secret("a password", &person.password));
            if let Some(passphrase) = &person.passphrase {
                marks.push(Mark::secret("a passphrase", passphrase));
            }
        }
    }
    browse(&house).await?;
    let mut found = talk(&house, &mut marks).await?;
    // Once while the session's parts stand in the spool, once when they are in the vault, and once
    // when they were opened and handed out to somewhere else.
    let recording = crate::opened::listed(&house, client(&house, "alpine")?).await?;
    found.extend(search(house.folder(), &marks)?);
    retrieved::hand_out(&house, &recording.recording.to_string(), &mut marks).await?;
    house.stop().await?;
    let files = files(house.folder())?;
    ensure!(files.len() > 10, "too few files were searched: {files:?}");
    let told = fs::read_to_string(house.plan().path("relay.log"))?;
    ensure!(
        told.lines().any(|line| line.starts_with('{')) == more,
        "the log is not of the kind that was wanted"
    );
    found.extend(search(house.folder(), &marks)?);
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Puts the forwarder between the world and the relay, and has the recorder tell more.
async fn behind_a_forwarder(house: &mut House, more: bool) -> Result<Forwarder> {
    let (outer, inner) = (house.plan().relay, ports::free()?);
    house.relay.stop().await?;
    let file = demo::config::relay_file(house.plan());
    let text = fs::read_to_string(&file)?;
    let address = format!("address = \"127.0.0.1:{outer}\"");
    ensure!(text.contains(&address), "the relay listens elsewhere");
    let moved = text.replace(&address, &format!("address = \"127.0.0.1:{inner}\""));
    fs::write(&file, moved)?;
    if more {
        house.recorder.stop().await?;
        let file = demo::config::recorder_file(house.plan());
        let text = fs::read_to_string(&file)?;
        let more = format!(
            "{text}\n[log]\nfilter = \"debug\"\njson = true\n\n\
             [console.forwarded]\nheader = \"x-forwarded-for\"\nfrom = [\"{OFFICER}\"]\n"
        );
        fs::write(&file, more)?;
        house.start_recorder().await?;
    }
    let forwarder = Forwarder::start(outer, inner, BROWSING).await?;
    house.start_relay().await?;
    // The forwarder answers at once; the relay behind it, when it is ready.
    house.relay.answers(inner).await?;
    Ok(forwarder)
}

/// A visitor in a browser: nothing is kept there before the consent, and what is typed after it
/// is marked too.
async fn browse(house: &House) -> Result<()> {
    const KEPT: &str =
        "return (async () => [document.cookie, localStorage.length, sessionStorage.length,
        (await indexedDB.databases()).length, (await caches.keys()).length,
        (await navigator.serviceWorker?.getRegistrations() ?? []).length])()";
    let driver = Driver::start().await?;
    let visitor = Visitor::arrive(&driver, "canary", &house.plan().shop_origin()).await?;
    let nothing = (String::new(), 0, 0, 0, 0, 0);
    let kept: (String, u32, u32, u32, u32, u32) = visitor.browser.value(KEPT, Vec::new()).await?;
    ensure!(kept == nothing, "before the click is kept: {kept:?}");
    visitor.press_launcher().await?;
    visitor.browser.see("form.gate").await?;
    let kept: (String, u32, u32, u32, u32, u32) = visitor.browser.value(KEPT, Vec::new()).await?;
    ensure!(kept == nothing, "before the consent is kept: {kept:?}");
    visitor.agree(Some(TYPED_NAME)).await?;
    visitor.say(TYPED).await?;
    visitor.end().await
}

/// What a proxy, or whoever would pass for one, says of who asks; and by which browser.
fn forged<'a>(address: &'a str, pair: &'a str) -> [(&'static str, &'a str); 6] {
    [
        ("x-forwarded-for", address),
        ("x-real-ip", address),
        ("true-client-ip", address),
        ("cf-connecting-ip", address),
        ("forwarded", pair),
        ("user-agent", BROWSER),
    ]
}

/// A session with every mark in it; hands back what was found on the disk while it ran, and adds
/// to the marks whatever secrets were handed out.
async fn talk(house: &House, marks: &mut Vec<Mark>) -> Result<Vec<String>> {
    let bank = client(house, "alpine")?;
    let (Some(site), [mia, ..]) = (bank.site, bank.agents.as_slice()) else {
        anyhow::bail!("the bank has a site and an agent")
    };
    let forwarded = FORWARDED.to_string();
    let forwarded_pair = format!("for={FORWARDED};proto=http");
    let headers = forged(&forwarded, &forwarded_pair);
    let widget = house.widget().from(VISITOR);
    let desk = house.desk().from(AGENT);
    // Whatever a browser may ask for, well-formed or not, with the marks in every place.
    for path in [
        "/launch.js",
        "/frame/nowhere",
        "/canaryvisitor-mauve-4471",
        "/ws?x=canaryvisitor-mauve-4471",
    ] {
        widget
            .send(Method::GET, path, &headers, bytes::Bytes::new())
            .await?;
    }
    widget
        .send(
            Method::POST,
            &format!("/api/v1/sites/{site}/consents"),
            &[headers.as_slice(), &[("content-type", "application/json")]].concat(),
            format!("{{\"name\":\"{NAME}\",").into(),
        )
        .await?;
    let refused = sign_in(&desk, "alpine", NAME, VISITOR_TEXT).await;
    ensure!(refused.is_err(), "a wrong name and password sign in");

    let consent = agree(&widget, site).await?;
    marks.push(Mark::secret("the join token", &consent.join.expose()));
    let mut visitor =
        Participant::join(&widget, site, consent.join, Some(NAME.to_owned()), &headers).await?;
    marks.push(Mark::secret(
        "the resume token",
        &visitor.welcome.resume.expose(),
    ));
    visitor.say(1, VISITOR_TEXT).await?;
    let cookie = sign_in(&desk, "alpine", &mia.sign_in, &mia.password).await?;
    let (_, pass) = cookie.rsplit_once('.').context("a cookie of two halves")?;
    marks.push(Mark::secret("the agent's cookie", pass));
    let accepted = accept(&desk, &cookie, consent.session).await?;
    let agent_headers = [headers.as_slice(), &[("cookie", cookie.as_str())]].concat();
    let mut agent =
        Participant::join(&desk, accepted.site, accepted.join, None, &agent_headers).await?;
    agent.say(1, AGENT_TEXT).await?;
    let (visitor, mut agent) = called::call(house, visitor, agent).await?;
    marks.push(Mark::secret(
        "the session's resume token",
        &visitor.welcome.resume.expose(),
    ));
    let hello = Hello::Resume {
        site,
        token: visitor.welcome.resume.clone(),
        name: NAME.to_owned(),
        have: 0,
    };
    let mut visitor = Participant::enter(&widget, site, &hello, &headers).await?;
    // Wrong frames, each with a mark: what is refused is not written down either.
    for wrong in [
        format!("{{\"t\":\"offer\",\"sdp\":\"v=0 {NAME}\",\"sends\":[],\"takes\":[]}}"),
        format!("{{\"t\":\"say\",\"cid\":\"{VISITOR_TEXT}\"}}"),
        format!("{{\"t\":\"{NAME}\"}}"),
    ] {
        visitor.send_text(wrong).await?;
    }
    let found = search(house.folder(), marks)?;
    agent.say(ClientMessage::End {}).await?;
    agent.ended().await?;
    Ok(found)
}

/// What was found, a line for each mark and file.
fn search(folder: &Path, marks: &[Mark]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files(folder)? {
        // Neither process wrote these: the people's secrets, and which proxy to believe.
        if ["people.json", "relay.toml", "recorder.toml"]
            .map(|name| folder.join(name))
            .contains(&file)
        {
            continue;
        }
        // A file may go while it is looked for: the spool frees its segments.
        let Ok(bytes) = fs::read(&file) else { continue };
        let views = views(bytes);
        for mark in marks {
            for way in mark.found_in(&views) {
                found.push(format!("{} holds {} as {way}", file.display(), mark.name));
            }
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

#[test]
fn each_mark_is_found_in_each_disguise() -> Result<()> {
    let token = data_encoding::BASE64URL_NOPAD.encode(&loadtest::participant::random::<32>()?);
    let mut marks = marks();
    marks.push(Mark::secret("a token", &token));
    marks.push(Mark::secret("a passphrase", "q7fm-3kzp-xw2h-9dja"));
    for mark in marks {
        for (way, planted) in mark.disguises()? {
            for padding in 0..3 {
                let folder = tempfile::tempdir()?;
                let mut bytes = vec![0xa5; 4096 + padding];
                bytes.extend_from_slice(&planted);
                bytes.extend_from_slice(&[0x5a; 999]);
                fs::create_dir(folder.path().join("deep"))?;
                fs::write(folder.path().join("deep/file"), &bytes)?;
                let found = search(folder.path(), std::slice::from_ref(&mark))?;
                ensure!(
                    !found.is_empty(),
                    "{} was planted as {way} and not found",
                    mark.name
                );
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_is_found_where_nothing_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), vec![7; 100_000])?;
    ensure!(
        search(folder.path(), &marks())?.is_empty(),
        "a mark was found in sevens"
    );
    Ok(())
}
