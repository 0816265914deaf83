//! A visitor of another client, without a browser: quick enough for a kill in the same moment in
//! which an acknowledgement arrives. It opens nothing; what it was told is held against the bundle.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use loadtest::door::Door;
use loadtest::participant::{Participant, agree};
use proto::wire::{ClientMessage, Hello, ServerMessage};
use proto::{SiteId, Token};
use testkit::house::House;
use tokio::time::{Duration, sleep, timeout};

/// Messages that are sent at once; no more may be on their way.
pub(super) const BURST: u64 = 16;

pub(super) struct Trigger {
    door: Door,
    site: SiteId,
    token: Token,
    socket: Option<Participant>,
    cid: u64,
    acknowledged: BTreeSet<u64>,
}

impl Trigger {
    pub(super) async fn arrive(house: &House, site: SiteId) -> Result<Self> {
        let door = house.widget();
        let consent = agree(&door, site).await?;
        let socket = Participant::join(&door, site, consent.join, None, &[]).await?;
        Ok(Self {
            door,
            site,
            token: socket.welcome.resume.clone(),
            socket: Some(socket),
            cid: 0,
            acknowledged: BTreeSet::new(),
        })
    }

    /// Comes back, if the relay was killed meanwhile: with the token of the last welcome that it
    /// has seen.
    pub(super) async fn come_back(&mut self) -> Result<()> {
        self.drain().await;
        let hello = Hello::Resume {
            site: self.site,
            token: self.token.clone(),
            name: "Robin".to_owned(),
            have: 0,
        };
        let socket = Participant::enter(&self.door, self.site, &hello, &[]).await?;
        self.token = socket.welcome.resume.clone();
        self.socket = Some(socket);
        Ok(())
    }

    /// Writes a burst of messages, and is back in the moment in which so many are acknowledged.
    pub(super) async fn acknowledged(&mut self, count: u64) -> Result<()> {
        let socket = self.socket.as_mut().context("there is no socket")?;
        for _ in 0..BURST {
            self.cid += 1;
            let text = format!("t{}", self.cid);
            let say = ClientMessage::Say {
                cid: self.cid,
                text,
            };
            socket.send(&say).await?;
        }
        for _ in 0..count {
            let cid = socket.until(acknowledgement).await?;
            self.acknowledged.insert(cid);
        }
        Ok(())
    }

    /// What had arrived before the socket broke counts too.
    pub(super) async fn drain(&mut self) {
        let Some(mut socket) = self.socket.take() else {
            return;
        };
        // Where the relay lives on, nothing more comes and nothing is missed.
        let rest = async {
            while let Ok(cid) = socket.until(acknowledgement).await {
                self.acknowledged.insert(cid);
            }
        };
        let _ = timeout(Duration::from_secs(1), rest).await;
    }

    /// Ends the session.
    pub(super) async fn end(&mut self) -> Result<()> {
        self.come_back().await?;
        let socket = self.socket.as_mut().context("there is no socket")?;
        socket.send(&ClientMessage::End {}).await?;
        let ended =
            socket.until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()));
        ended.await?;
        // Until the recorder has it.
        sleep(Duration::from_millis(200)).await;
        Ok(())
    }

    /// What was opened holds everything that was acknowledged, and nothing twice or made up.
    pub(super) fn holds(&self, opened: &[String]) -> Result<()> {
        let mut found = BTreeSet::new();
        for text in opened {
            let cid: u64 = text
                .strip_prefix('t')
                .and_then(|number| number.parse().ok())
                .with_context(|| format!("{text} was never written"))?;
            ensure!(cid <= self.cid, "{text} was never written");
            ensure!(found.insert(cid), "{text} stands there twice");
        }
        let lost: Vec<&u64> = self.acknowledged.difference(&found).collect();
        if !lost.is_empty() {
            bail!("acknowledged, and not there: {lost:?}");
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `until` asks for")]
fn acknowledgement(message: ServerMessage) -> Option<u64> {
    match message {
        ServerMessage::Ack { cid, .. } => Some(cid),
        _ => None,
    }
}
