//! One of the two browsers: it types without rest, may go deaf, and shows what it has.

use anyhow::Result;
use serde_json::Value;
use testkit::agent::Agent;
use testkit::browser::Browser;
use testkit::visitor::Visitor;

/// Types into the page's own composer and presses Enter: a letter and a number, so that each
/// message is its own. It holds back while many are on their way.
const TYPE_ON: &str = "
  const [field, letter, pending, from] = arguments;
  window.typed = Math.max(window.typed ?? 0, from);
  clearInterval(window.typist);
  window.typist = setInterval(() => {
    const box = document.querySelector(field);
    if (!box || box.readOnly || document.querySelectorAll(pending).length > 12) return;
    box.value = letter + (window.typed += 1);
    box.dispatchEvent(new Event('input', { bubbles: true }));
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
  }, 60);";

/// From now on each new socket hears nothing while `window.deaf` is set: the frames arrive at the
/// browser, and the page never sees them.
const CAN_BE_DEAF: &str = "
  if (window.canBeDeaf) return;
  window.canBeDeaf = true;
  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', (event) => { if (window.deaf) event.stopImmediatePropagation(); });
    }
  };";

/// One of the two.
pub(super) struct Side<'a> {
    browser: &'a Browser,
    field: &'static str,
    letter: &'static str,
    /// Lines that are not acknowledged.
    pending: &'static str,
    /// The words of lines that are acknowledged, one's own or the other's.
    words: &'static str,
}

impl<'a> Side<'a> {
    /// The visitor's.
    pub(super) fn widget(visitor: &'a Visitor) -> Self {
        Self {
            browser: &visitor.browser,
            field: "vestibule-talk textarea",
            letter: "v",
            pending: "li.sending, li.waits",
            words: "[...document.querySelectorAll('vestibule-log > ol > li:not(.event, .sending, .waits, .refused)')].map((li) => li.querySelector('.bubble').lastChild.textContent)",
        }
    }

    /// The agent's.
    pub(super) fn desk(agent: &'a Agent) -> Self {
        Self {
            browser: &agent.browser,
            field: "desk-composer textarea",
            letter: "a",
            pending: "desk-pending-line",
            words: "[...document.querySelectorAll('desk-line:not(.event) > p')].map((p) => p.textContent)",
        }
    }

    /// Begins to type, from the number after `from`.
    pub(super) async fn type_on(&self, from: u64) -> Result<()> {
        let arguments = vec![
            Value::from(self.field),
            Value::from(self.letter),
            Value::from(self.pending),
            Value::from(from),
        ];
        self.browser.execute(TYPE_ON, arguments).await?;
        Ok(())
    }

    /// Stops typing; hands back the last number.
    pub(super) async fn stop(&self) -> Result<u64> {
        self.browser
            .value(
                "clearInterval(window.typist); return window.typed ?? 0",
                Vec::new(),
            )
            .await
    }

    /// Waits until a message that has not been typed yet stands there as acknowledged; hands it back.
    pub(super) async fn acknowledged_after_now(&self) -> Result<String> {
        let typed: u64 = self.browser.value("return window.typed", vec![]).await?;
        let text = format!("{}{}", self.letter, typed + 1);
        self.browser
            .until(
                &format!("the acknowledgement of {text}"),
                &format!("return {}.includes(arguments[0])", self.words),
                vec![Value::from(text.as_str())],
            )
            .await?;
        Ok(text)
    }

    /// Waits until nothing is on its way any more.
    pub(super) async fn all_acknowledged(&self) -> Result<()> {
        self.browser
            .until(
                "all acknowledgements",
                "return !document.querySelector(arguments[0])",
                vec![Value::from(self.pending)],
            )
            .await
    }

    /// Whether these words stand there.
    pub(super) async fn shows(&self, text: &str) -> Result<bool> {
        self.browser
            .value(
                &format!("return {}.includes(arguments[0])", self.words),
                vec![Value::from(text)],
            )
            .await
    }

    /// Makes the page's sockets such that they can be deaf; those that are open stay as they are.
    pub(super) async fn can_be_deaf(&self) -> Result<()> {
        self.browser.execute(CAN_BE_DEAF, Vec::new()).await?;
        Ok(())
    }

    /// Whether the page hears its socket.
    pub(super) async fn hear(&self, hears: bool) -> Result<()> {
        self.browser
            .execute("window.deaf = !arguments[0]", vec![Value::from(hears)])
            .await?;
        Ok(())
    }

    /// Has the page wait for its network no longer.
    pub(super) async fn hurry(&self) -> Result<()> {
        self.browser.hurry().await
    }

    /// The desk's page goes.
    pub(super) async fn leave(&self) -> Result<()> {
        Ok(self.browser.goto("about:blank").await?)
    }

    /// The desk's page comes again, and its conversation to the front.
    pub(super) async fn come_back(&self, address: &str) -> Result<()> {
        self.browser.goto(address).await?;
        self.browser.see("desk-page").await?;
        self.can_be_deaf().await?;
        self.browser.press("section.mine button.row").await?;
        self.browser.see(self.field).await?;
        Ok(())
    }
}
