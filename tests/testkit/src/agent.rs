//! An agent in a browser: the desk.

use anyhow::Result;
use serde_json::Value;
use thirtyfour::prelude::*;

use crate::browser::Browser;
use crate::driver::Driver;
use crate::visitor::Line;
use demo::people::{Client, Person};

/// An agent's browser at the desk.
pub struct Agent {
    /// The browser, for all that is not here.
    pub browser: Browser,
}

impl Agent {
    /// Opens the desk's sign-in page.
    pub async fn arrive(driver: &Driver, name: &str, address: &str) -> Result<Self> {
        let browser = Browser::open(driver, name, 1280, 800).await?;
        browser.goto(address).await?;
        browser.see("desk-sign-in form").await?;
        Ok(Self { browser })
    }

    /// Signs in and takes note that conversations are recorded.
    pub async fn sign_in(&self, client: &Client, agent: &Person) -> Result<()> {
        self.browser
            .write("input[name=client]", &client.slug)
            .await?;
        self.browser
            .write("input[name=name]", &agent.sign_in)
            .await?;
        self.browser
            .write("input[name=password]", &agent.password)
            .await?;
        self.browser
            .press("desk-sign-in button[type=submit]")
            .await?;
        self.browser
            .press("desk-acknowledge button.primary")
            .await?;
        self.browser.see("desk-page").await?;
        Ok(())
    }

    /// Waits until this visitor waits, and accepts.
    pub async fn accept(&self, visitor: &str) -> Result<()> {
        self.browser
            .press_named(&format!("Accept {visitor}"))
            .await?;
        self.browser.see("desk-composer textarea").await?;
        Ok(())
    }

    /// Writes a message, sends it, and waits until it is acknowledged.
    pub async fn say(&self, text: &str) -> Result<()> {
        self.write(text).await?;
        self.line("mine", text).await
    }

    /// Writes a message and sends it, and waits for nothing.
    pub async fn write(&self, text: &str) -> Result<()> {
        let field = self.browser.see("desk-composer textarea").await?;
        field.send_keys(text).await?;
        field.send_keys(Key::Enter + "").await?;
        Ok(())
    }

    /// Hands the conversation in front to a colleague.
    pub async fn transfer(&self, colleague: &str) -> Result<()> {
        self.choose("transfer", colleague).await
    }

    /// Asks a colleague into the conversation in front.
    pub async fn invite(&self, colleague: &str) -> Result<()> {
        self.choose("invite", colleague).await
    }

    /// Opens the list of colleagues until this one is at the desk, and presses their name.
    async fn choose(&self, deed: &str, colleague: &str) -> Result<()> {
        for _ in 0..20 {
            self.browser
                .press(&format!("main header button.{deed}"))
                .await?;
            self.browser.see("dialog[open]").await?;
            let chosen: bool = self
                .browser
                .value(
                    "const b = [...document.querySelectorAll('dialog[open] button:enabled')].find((b) => b.querySelector('.who')?.textContent === arguments[0]);
                     (b ?? document.querySelector('dialog[open] .choices button')).click(); return !!b",
                    vec![Value::from(colleague)],
                )
                .await?;
            if chosen {
                return Ok(());
            }
            self.browser.gone("dialog[open]").await?;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        anyhow::bail!("{colleague} is not at the desk")
    }

    /// Waits until a line of this kind and with these words stands there.
    pub async fn line(&self, kind: &str, text: &str) -> Result<()> {
        self.browser
            .until(
                &format!("the line {kind} {text:?}"),
                &format!(
                    "const lines = (() => {{ {LINES} }})(); return lines.some((l) => l.kind === arguments[0] && l.text === arguments[1])"
                ),
                vec![Value::from(kind), Value::from(text)],
            )
            .await
    }

    /// All lines of the conversation in front, in order.
    pub async fn lines(&self) -> Result<Vec<Line>> {
        self.browser.value(LINES, Vec::new()).await
    }
}

/// What the desk shows of the conversation in front, line by line.
const LINES: &str = "return [...document.querySelectorAll('desk-line, desk-pending-line')].map((line) => ({
    kind: line.localName === 'desk-pending-line' ? 'pending' : line.classList.contains('event') ? 'event'
      : line.classList.contains('mine') ? 'mine' : 'theirs',
    text: line.querySelector(':scope > p').textContent,
  }))";
