//! A headless Chromium, looked at as a person looks at it: what is on the screen, what can be
//! pressed. Each waits for what it is told to see.

use std::fs;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thirtyfour::prelude::*;
use thirtyfour::{LoggingPrefsLogLevel, WebDriver};
use tokio::time::{Instant, sleep};

use crate::driver::{Driver, Plain};
use crate::screens;

/// How long a page may take until it shows what it is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a page must be able to do without.
const SWITCHES: &[&str] = &[
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--lang=en",
];

const OPEN_ROOTS: &str = "{ const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (how) { return attach.call(this, { ...how, mode: 'open' }); }; }";

/// One browser, with a profile of its own.
pub struct Browser {
    driver: WebDriver,
    name: String,
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.driver
    }
}

impl Browser {
    /// Opens one. Its pictures carry `name`; the one of an earlier failure is taken away.
    pub async fn open(driver: &Driver, name: &str, width: u32, height: u32) -> Result<Self> {
        Self::open_with(driver, name, width, height, &[]).await
    }

    /// The same, with more switches on its command line.
    pub async fn open_with(
        driver: &Driver,
        name: &str,
        width: u32,
        height: u32,
        more: &[&str],
    ) -> Result<Self> {
        let mut capabilities = DesiredCapabilities::chrome();
        for switch in SWITCHES.iter().chain(more) {
            capabilities.add_arg(switch)?;
        }
        if nix::unistd::geteuid().is_root() {
            capabilities.add_arg("--no-sandbox")?;
        }
        capabilities.add_arg(&format!("--window-size={width},{height}"))?;
        capabilities.add_arg(&format!("--user-data-dir={}", driver.profile()?.display()))?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::builder(driver.url(), capabilities)
            .client(Plain)
            .connect()
            .await
            .context("no browser could be opened")?;
        let browser = Self {
            driver,
            name: name.to_owned(),
        };
        let _ = fs::remove_file(screens().join(format!("{name}-failed.png")));
        browser.size(width, height).await?;
        // Closed shadow roots are for the pages around; a person sees into them, and so do tests.
        browser
            .cdp(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": OPEN_ROOTS}),
            )
            .await?;
        Ok(browser)
    }

    /// Makes the page this large, whatever a window's least size is.
    pub async fn size(&self, width: u32, height: u32) -> Result<()> {
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        )
        .await
    }

    /// Shows pages in the dark, or in the light.
    pub async fn dark(&self, dark: bool) -> Result<()> {
        let value = if dark { "dark" } else { "light" };
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": value}]}),
        )
        .await?;
        // Colours change over 150 ms.
        sleep(Duration::from_millis(300)).await;
        Ok(())
    }

    /// Takes the network away, or gives it back.
    pub async fn offline(&self, offline: bool) -> Result<()> {
        self.cdp("Network.enable", json!({})).await?;
        self.cdp(
            "Network.emulateNetworkConditions",
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
        )
        .await
    }

    /// Tells the page that there is a network again, as the browser itself does: it waits no longer.
    pub async fn hurry(&self) -> Result<()> {
        self.driver
            .execute("dispatchEvent(new Event('online'))", Vec::new())
            .await?;
        Ok(())
    }

    /// Holds every request whose address fits this pattern, until it is released.
    pub async fn hold(&self, pattern: &str) -> Result<()> {
        self.cdp(
            "Fetch.enable",
            json!({"patterns": [{"urlPattern": pattern}]}),
        )
        .await
    }

    /// Lets every request go that was held.
    pub async fn release(&self) -> Result<()> {
        self.cdp("Fetch.disable", json!({})).await
    }

    /// Fails every request whose address fits one of these patterns, from now on.
    pub async fn block(&self, patterns: &[&str]) -> Result<()> {
        self.cdp("Network.enable", json!({})).await?;
        self.cdp("Network.setBlockedURLs", json!({"urls": patterns}))
            .await
    }

    /// Presses a key where the focus is, held down while `letters` are typed.
    pub async fn tap(&self, key: Key, letters: &str) -> Result<()> {
        let held = self.driver.action_chain().key_down(key.clone());
        Ok(held.send_keys(letters).key_up(key).perform().await?)
    }

    /// Types where the focus is.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(text).perform().await?)
    }

    /// A command of Chromium's own protocol.
    pub async fn cdp(&self, method: &str, parameters: Value) -> Result<()> {
        self.driver.cdp().send_raw(method, parameters).await?;
        Ok(())
    }

    /// Waits until an element that matches is on the screen.
    pub async fn see(&self, css: &str) -> Result<WebElement> {
        self.wait(css, || async {
            for element in self.driver.find_all(By::Css(css)).await? {
                if element.is_displayed().await? {
                    return Ok(Some(element));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until nothing that matches is on the screen.
    pub async fn gone(&self, css: &str) -> Result<()> {
        self.wait(&format!("{css} to go"), || async {
            for element in self.driver.find_all(By::Css(css)).await? {
                if element.is_displayed().await? {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// Waits until the page shows `text`.
    pub async fn read(&self, text: &str) -> Result<()> {
        let words = Value::from(text);
        self.until(
            &format!("the words {text:?}"),
            "return document.body.innerText.includes(arguments[0])",
            vec![words],
        )
        .await
    }

    /// Waits until a script of the page's says `true`.
    pub async fn until(&self, what: &str, script: &str, arguments: Vec<Value>) -> Result<()> {
        self.wait(what, || async {
            let answer = self.driver.execute(script, arguments.clone()).await?;
            Ok((answer.json() == &Value::Bool(true)).then_some(()))
        })
        .await
    }

    /// Presses what matches, as soon as it can be pressed.
    pub async fn press(&self, css: &str) -> Result<()> {
        self.wait(css, || async {
            for element in self.driver.find_all(By::Css(css)).await? {
                if element.is_displayed().await? && element.is_enabled().await? {
                    return Ok(element.click().await.ok());
                }
            }
            Ok(None)
        })
        .await
    }

    /// Presses the button, link or tab that a person would name so: its words, or its label.
    pub async fn press_named(&self, name: &str) -> Result<()> {
        let quoted = name.replace('\'', "\u{2019}");
        let path = format!(
            "//*[self::button or self::a or self::summary or @role='button' or @role='menuitem' or @role='tab' or @type='submit'][normalize-space(.)='{quoted}' or @aria-label='{quoted}' or @value='{quoted}']"
        );
        self.wait(&format!("a button {name:?}"), || async {
            for element in self.driver.find_all(By::XPath(path.clone())).await? {
                if element.is_displayed().await? && element.is_enabled().await? {
                    return Ok(element.click().await.ok());
                }
            }
            Ok(None)
        })
        .await
    }

    /// Writes into the field that matches, in place of what stands there.
    pub async fn write(&self, css: &str, text: &str) -> Result<()> {
        let field = self.see(css).await?;
        field.clear().await?;
        self.type_into(&field, text).await
    }

    /// Types `text` into `field`. `ChromeDriver` has no keys for what stands outside the Basic
    /// Multilingual Plane, an emoji say: that is put in as an input method would.
    pub async fn type_into(&self, field: &WebElement, text: &str) -> Result<()> {
        const INSERT: &str =
            "arguments[0].focus(); document.execCommand('insertText', false, arguments[1])";
        let is_key = |character: char| u32::from(character) <= 0xffff;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let same = |character: char| is_key(character) == is_key(first);
            let end = rest.find(|character| !same(character));
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            if is_key(first) {
                field.send_keys(piece).await?;
            } else {
                let arguments = vec![field.to_json()?, piece.into()];
                self.driver.execute(INSERT, arguments).await?;
            }
            rest = after;
        }
        Ok(())
    }

    /// The text of everything that matches, in the page's order.
    pub async fn texts(&self, css: &str) -> Result<Vec<String>> {
        self.value(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.trim())",
            vec![Value::from(css)],
        )
        .await
    }

    /// What a script says.
    pub async fn value<T: DeserializeOwned>(
        &self,
        script: &str,
        arguments: Vec<Value>,
    ) -> Result<T> {
        let answer = self.driver.execute(script, arguments).await?;
        Ok(serde_json::from_value(answer.json().clone())?)
    }

    /// Goes into the frame that matches.
    pub async fn into_frame(&self, css: &str) -> Result<()> {
        self.driver.enter_default_frame().await?;
        let frame = self.wait(css, || async {
            Ok(self.driver.find(By::Css(css)).await.ok())
        });
        frame.await?.enter_frame().await?;
        Ok(())
    }

    /// Takes a picture of the page: `target/screens/<name>-<state>.png`.
    pub async fn picture(&self, state: &str) -> Result<()> {
        fs::create_dir_all(screens())?;
        let path = screens().join(format!("{}-{state}.png", self.name));
        fs::write(path, self.driver.screenshot_as_png().await?)?;
        Ok(())
    }

    /// The same of the whole page, however far it would have to be scrolled.
    pub async fn whole_picture(&self, state: &str) -> Result<()> {
        let [width, height, tall]: [u32; 3] = self
            .value(
                "return [innerWidth, innerHeight, document.documentElement.scrollHeight]",
                Vec::new(),
            )
            .await?;
        self.size(width, tall.max(height)).await?;
        self.until(
            "the page to be as high as it is long",
            "return innerHeight >= arguments[0]",
            vec![Value::from(tall)],
        )
        .await?;
        self.picture(state).await?;
        self.size(width, height).await
    }

    /// What the pages complained about in the console, since the last look.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.driver.browser_log().await?;
        Ok(log
            .into_iter()
            .filter(|entry| entry.level == "SEVERE" || entry.level == "WARNING")
            .map(|entry| entry.message)
            .collect())
    }

    /// Closes it.
    pub async fn close(self) -> Result<()> {
        Ok(self.driver.quit().await?)
    }

    /// Asks until there is an answer; a page that changes meanwhile is asked again.
    async fn wait<T, F>(&self, what: &str, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = WebDriverResult<Option<T>>>,
    {
        let start = Instant::now();
        let mut last = None;
        while start.elapsed() < PATIENCE {
            match ask().await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(error) => last = Some(error),
            }
            sleep(Duration::from_millis(50)).await;
        }
        let _ = self.picture("failed").await;
        let page: String = self
            .value("return document.body.innerText", Vec::new())
            .await
            .unwrap_or_default();
        let error = last.map(|error| format!(" ({error})")).unwrap_or_default();
        bail!(
            "{}: waited in vain for {what}{error}; the page reads:\n{page}",
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "data:text/html,<title>t</title><button aria-label='Count'>0</button>\
        <input id=field><p id=out></p><script>let n=0;document.querySelector('button').onclick=\
        ()=>{n++;document.querySelector('%23out').textContent='pressed '%2Bn;console.error('oh')}</script>";

    #[tokio::test]
    async fn a_browser_presses_writes_reads_and_hears_the_console() -> Result<()> {
        let driver = Driver::start().await?;
        let browser = Browser::open(&driver, "testkit", 400, 300).await?;
        browser.goto(PAGE).await?;
        browser.press_named("Count").await?;
        browser.read("pressed 1").await?;
        browser.write("#field", "Grüße").await?;
        let written: String = browser
            .value("return document.querySelector('#field').value", Vec::new())
            .await?;
        assert_eq!(written, "Grüße");
        let width: u32 = browser
            .value("return window.innerWidth", Vec::new())
            .await?;
        assert_eq!(width, 400);
        assert_eq!(browser.complaints().await?.len(), 1);
        browser.close().await
    }
}
