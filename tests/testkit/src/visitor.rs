//! A visitor in a browser: the client's page, the launcher, the gate, the conversation.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use thirtyfour::prelude::*;

use crate::browser::Browser;
use crate::driver::Driver;

/// A line of a conversation as a browser shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// `mine`, `theirs`, `event`, or `pending` for one's own that is not acknowledged yet.
    pub kind: String,
    /// Who is shown as having said it, by name; nobody where it is one's own, or an event.
    pub who: String,
    /// The words.
    pub text: String,
}

/// A visitor's browser on a client's page.
pub struct Visitor {
    /// The browser, for all that is not here.
    pub browser: Browser,
}

impl Visitor {
    /// Opens the page at `address`. Nothing is pressed yet.
    pub async fn arrive(driver: &Driver, name: &str, address: &str) -> Result<Self> {
        Self::arrive_in(Browser::open(driver, name, 1180, 820).await?, address).await
    }

    /// The same in a browser that is open already.
    pub async fn arrive_in(browser: Browser, address: &str) -> Result<Self> {
        browser.goto(address).await?;
        browser
            .until(
                "the launcher",
                "return !!document.querySelector('vestibule-launcher')?.shadowRoot",
                Vec::new(),
            )
            .await?;
        Ok(Self { browser })
    }

    /// Presses the launcher and goes into the frame that it opens.
    pub async fn press_launcher(&self) -> Result<()> {
        self.browser.enter_default_frame().await?;
        self.inside_launcher("button.disc").await?.click().await?;
        self.enter_frame().await
    }

    /// Goes into the widget's frame.
    pub async fn enter_frame(&self) -> Result<()> {
        self.browser.enter_default_frame().await?;
        self.inside_launcher("iframe").await?.enter_frame().await?;
        Ok(())
    }

    /// An element of the launcher's, whose shadow root the test browser opens.
    async fn inside_launcher(&self, css: &str) -> Result<WebElement> {
        let script = "return document.querySelector('vestibule-launcher')?.shadowRoot?.querySelector(arguments[0]) ?? false";
        self.browser
            .until(
                &format!("the launcher's {css}"),
                "return !!document.querySelector('vestibule-launcher')?.shadowRoot?.querySelector(arguments[0])",
                vec![Value::from(css)],
            )
            .await?;
        self.browser
            .execute(script, vec![Value::from(css)])
            .await?
            .element()
            .with_context(|| format!("the launcher has no {css}"))
    }

    /// Agrees at the gate, under `name`, or under the one that it suggests.
    pub async fn agree(&self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            self.browser.write("#name", name).await?;
        }
        self.browser.press("form.gate button[type=submit]").await?;
        self.browser.see("vestibule-talk textarea").await?;
        Ok(())
    }

    /// Writes a message, sends it, and waits until it is acknowledged.
    pub async fn say(&self, text: &str) -> Result<()> {
        self.write(text).await?;
        self.acknowledged(text).await
    }

    /// Writes a message and sends it, and waits for nothing.
    pub async fn write(&self, text: &str) -> Result<()> {
        let field = self.browser.see("vestibule-talk textarea").await?;
        self.browser.type_into(&field, text).await?;
        field.send_keys(Key::Enter + "").await?;
        Ok(())
    }

    /// Waits until one's own message stands there as kept.
    pub async fn acknowledged(&self, text: &str) -> Result<()> {
        self.line("mine", text).await
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

    /// Waits until one's own message is shown as having come this far: `sent`, `delivered`, `read`.
    pub async fn progress(&self, text: &str, how_far: &str) -> Result<()> {
        self.browser
            .until(
                &format!("{text:?} to be {how_far}"),
                PROGRESS,
                vec![Value::from(text), Value::from(how_far)],
            )
            .await
    }

    /// All lines, in order.
    pub async fn lines(&self) -> Result<Vec<Line>> {
        self.browser.value(LINES, Vec::new()).await
    }

    /// Ends the conversation, as the menu does.
    pub async fn end(&self) -> Result<()> {
        self.browser.press("button[popovertarget=menu]").await?;
        self.browser.press("#menu button:last-of-type").await?;
        self.browser.press("dialog[open] button.stop").await?;
        self.browser.see("vestibule-ended").await?;
        Ok(())
    }
}

/// What the widget shows, line by line. A name stands above the first of several by one person.
const LINES: &str = "let name = '';
  return [...document.querySelectorAll('vestibule-log > ol > li')].map((li) => {
    const own = li.classList.contains('mine');
    if (li.classList.contains('event')) {
      name = '';
      return { kind: 'event', who: '', text: li.firstChild.textContent };
    }
    const pending = ['sending', 'waits', 'refused'].some((c) => li.classList.contains(c));
    if (own) name = '';
    else if (li.firstElementChild.matches('.meta')) name = li.firstElementChild.textContent;
    const text = li.querySelector('.bubble').lastChild.textContent;
    return { kind: pending ? 'pending' : own ? 'mine' : 'theirs', who: own ? '' : name, text };
  })";

/// Whether one's own message is shown as having come this far.
const PROGRESS: &str = "const own = [...document.querySelectorAll('vestibule-log > ol > li.mine')]
    .find((li) => li.querySelector('.bubble').lastChild.textContent === arguments[0]);
  return !!own && own.lastElementChild.innerText.includes(`· ${arguments[1]} `)";
