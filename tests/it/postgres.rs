//! The main job with both programs on PostgreSQL: the gate, a conversation that outlives both
//! programs, its end, the vault, a case, two officers, the bundle that a stranger can check.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use http::{Method, StatusCode};
use loadtest::participant::{Participant, accept, agree, sign_in};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use store::testing::TestDatabase;
use testkit::house::House;

use crate::officer::{Officer, ask};
use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn both_programs_do_their_whole_job_on_postgresql() -> Result<()> {
    let database = TestDatabase::create().map_err(anyhow::Error::msg)?;
    let mut house = House::start_with(|plan| plan.store = Some(database.url())).await?;
    let bank = client(&house, "alpine")?.clone();
    let (Some(site), Some(mia)) = (bank.site, bank.agents.first()) else {
        bail!("the bank has a site and an agent")
    };
    let (widget, desk) = (house.widget(), house.desk());

    let consent = agree(&widget, site).await?;
    let name = Some("Blue Heron".to_owned());
    let mut visitor = Participant::join(&widget, site, consent.join, name, &[]).await?;
    visitor.say(1, "My card was declined").await?;
    let cookie = sign_in(&desk, &bank.slug, &mia.sign_in, &mia.password).await?;
    let own = [("cookie", cookie.as_str())];
    let accepted = accept(&desk, &cookie, consent.session).await?;
    let mut agent = Participant::join(&desk, site, accepted.join, None, &own).await?;
    agent.say(1, "I am looking at it").await?;

    // Nothing that counts is in either program's memory.
    let (at_widget, at_desk) = (visitor.welcome.clone(), agent.welcome.clone());
    house.relay.kill().await?;
    house.recorder.kill().await?;
    house.start_recorder().await?;
    house.start_relay().await?;
    let resume = |welcome: &loadtest::participant::Welcome| Hello::Resume {
        site,
        token: welcome.resume.clone(),
        name: welcome.name.clone(),
        have: 0,
    };
    let mut visitor = Participant::enter(&widget, site, &resume(&at_widget), &[]).await?;
    let mut agent = Participant::enter(&desk, site, &resume(&at_desk), &own).await?;
    ensure!(
        visitor.welcome.participant == at_widget.participant
            && agent.welcome.participant == at_desk.participant,
        "somebody else came back"
    );
    visitor.say(2, "Still there?").await?;
    agent.say(2, "Yes. It works again.").await?;
    agent.send(&ClientMessage::End {}).await?;
    agent
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await?;

    let opened = crate::opened::newest(&house, &bank).await?;
    let spoken = opened.spoken()?;
    let spoken: Vec<(&str, &str)> = spoken
        .iter()
        .map(|(who, text)| (who.as_str(), text.as_str()))
        .collect();
    let said = [
        ("Blue Heron", "My card was declined"),
        (mia.name.as_str(), "I am looking at it"),
        ("Blue Heron", "Still there?"),
        (mia.name.as_str(), "Yes. It works again."),
    ];
    ensure!(spoken == said, "{spoken:?}");

    // The officers' pages read the same rows, and the other client's hold nothing of it.
    let recording = at_widget.recording.context("it is recorded")?.to_string();
    for (slug, holds) in [("alpine", true), ("harbour", false)] {
        let client = client(&house, slug)?;
        let officer = client.officers.first().context("a client has officers")?;
        let console = house.console();
        let officer = Officer::sign_in(&console, client, officer, &[]).await?;
        let headers = [("cookie", officer.cookie.as_str())];
        for page in ["/", "/log?check=yes"] {
            let page = ask(&console, &Method::GET, page, &headers, "").await?;
            ensure!(page.status == StatusCode::OK, "{}", page.status);
            let shown = String::from_utf8_lossy(&page.body);
            ensure!(
                shown.contains(&recording) == holds,
                "{slug}: shown is {}",
                !holds
            );
        }
        let checked = house.recorder_says(&["log", "verify", slug], "").await?;
        ensure!(!checked.is_empty(), "{slug}: nothing is said of the log");
    }
    house.stop().await?;
    let databases = databases(&house.plan().data())?;
    ensure!(databases.is_empty(), "rows are elsewhere: {databases:?}");
    Ok(())
}

/// SQLite's files below `folder`.
fn databases(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    const MAGIC: &[u8] = b"SQLite format 3";
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(databases(&path)?);
        } else if path.is_file() && fs::read(&path)?.starts_with(MAGIC) {
            found.push(path);
        }
    }
    Ok(found)
}
