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
        Self::arrive_in(Browser::open(driver, name, 1280, 800).await?, address).await
    }

    /// The same in a browser that is open already.
    pub async fn arrive_in(browser: Browser, address: &str) -> Result<Self> {
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
        // Until then the conversation before it is there to be written into.
        let shown = "return document.querySelector('h2.who')?.textContent.includes(arguments[0])";
        self.browser
            .until("the conversation", shown, vec![visitor.into()])
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
        self.browser.type_into(&field, text).await?;
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

    /// Opens the list of colleagues and presses this one's name, as soon as they are at the desk.
    async fn choose(&self, deed: &str, colleague: &str) -> Result<()> {
        self.browser
            .press(&format!("main header button.{deed}"))
            .await?;
        self.browser
            .until(
                &format!("{colleague} at the desk"),
                "const b = [...document.querySelectorAll('dialog[open] button:enabled')].find((b) => b.querySelector('.who')?.textContent === arguments[0]);
                 b?.click(); return !!b",
                vec![Value::from(colleague)],
            )
            .await
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

    /// Waits until one's own message is shown as having come this far: `Kept`, `Delivered`, `Read`.
    pub async fn progress(&self, text: &str, how_far: &str) -> Result<()> {
        self.browser
            .until(
                &format!("{text:?} to be {how_far}"),
                PROGRESS,
                vec![Value::from(text), Value::from(how_far)],
            )
            .await
    }

    /// All lines of the conversation in front, in order.
    pub async fn lines(&self) -> Result<Vec<Line>> {
        self.browser.value(LINES, Vec::new()).await
    }
}

/// What the desk shows of the conversation in front, line by line. A name stands above the first of
/// several by one person.
const LINES: &str = "let name = '';
  return [...document.querySelectorAll('desk-line, desk-pending-line')].map((line) => {
    const text = line.querySelector(':scope > p').textContent;
    if (line.localName === 'desk-pending-line') return { kind: 'pending', who: '', text };
    if (line.classList.contains('event')) {
      name = '';
      return { kind: 'event', who: '', text };
    }
    const own = line.classList.contains('mine');
    const above = line.querySelector('.name');
    if (own) name = '';
    else if (!above.hidden) name = above.textContent;
    return { kind: own ? 'mine' : 'theirs', who: own ? '' : name, text };
  })";

/// Whether one's own message is shown as having come this far.
const PROGRESS: &str = "const own = [...document.querySelectorAll('desk-line.mine')]
    .find((line) => line.querySelector(':scope > p').textContent === arguments[0]);
  return !!own && own.querySelector('.progress').innerText.startsWith(arguments[1])";
