//! A session without a browser: agreed, joined, said, ended.

use anyhow::{Context as _, Result};
use demo::people::Client;
use loadtest::participant::{Participant, agree};
use proto::wire::{ClientMessage, ServerMessage};
use testkit::house::House;

/// A visitor of this client's says all of it and ends the session.
pub(crate) async fn talk(house: &House, client: &Client, texts: &[&str]) -> Result<()> {
    let site = client.site.context("a client has a site")?;
    let consent = agree(&house.widget(), site).await?;
    let mut visitor = Participant::join(&house.widget(), site, consent.join, None, &[]).await?;
    for (cid, text) in (1..).zip(texts) {
        visitor.say(cid, text).await?;
    }
    visitor.send(&ClientMessage::End {}).await?;
    visitor
        .until(|message| matches!(message, ServerMessage::Ended { .. }).then_some(()))
        .await
}
