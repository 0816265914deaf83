//! A person before camera and microphone, in a browser that has neither: flashes and beeps once a
//! second from one clock, in the real page's real call; and what the page's connections say.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::driver::Driver;

const SCRIPT: &str = include_str!("performer.js");

/// The performers' tone, in hertz.
pub const TONE: f64 = 1000.0;

/// Frames of other origins stay in the page's process, so that the script reaches them; sound plays
/// without a click.
const SWITCHES: &[&str] = &[
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=IsolateOrigins,site-per-process",
    "--disable-site-isolation-trials",
];

/// The same moment on the performer's clock and on the wall's.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Clock {
    /// Seconds; a flash and a beep begin at each whole one.
    pub own: f64,
    /// Milliseconds since 1970.
    pub wall: f64,
}

/// Opens a browser that has a performer instead of devices.
pub async fn open(driver: &Driver, name: &str, width: u32, height: u32) -> Result<Browser> {
    let browser = Browser::open_with(driver, name, width, height, SWITCHES).await?;
    let script = json!({ "source": SCRIPT });
    browser
        .cdp("Page.addScriptToEvaluateOnNewDocument", script)
        .await?;
    Ok(browser)
}

/// The performer's clock, and the wall's.
pub async fn clock(browser: &Browser) -> Result<Clock> {
    browser.value("return performer.clock()", vec![]).await
}

/// Waits until a connection of the page is up.
pub async fn connected(browser: &Browser) -> Result<()> {
    let up = "return performer.connected()";
    browser.until("the connection to be up", up, vec![]).await
}

/// From now on this kind (`audio`, `video`, `screen`) is refused with a `DOMException` of this name;
/// or, with `None`, no longer.
pub async fn refuse(browser: &Browser, kind: &str, name: Option<&str>) -> Result<()> {
    let script = "performer.refuse[arguments[0]] = arguments[1]; return true";
    let _: bool = browser
        .value(script, vec![kind.into(), name.into()])
        .await?;
    Ok(())
}

/// Every SDP that went in or out of the page's connections, and every candidate that was found.
pub async fn seen(browser: &Browser) -> Result<Vec<String>> {
    browser.value("return performer.seen", vec![]).await
}

/// When the page's connections came into which state: milliseconds since 1970, in order.
pub async fn times(browser: &Browser) -> Result<Vec<(String, f64)>> {
    browser.value("return performer.times", vec![]).await
}

/// `getStats()` of the newest open connection.
pub async fn stats(browser: &Browser) -> Result<Stats> {
    let all: Vec<Value> = browser.value("return performer.stats()", vec![]).await?;
    ensure!(!all.is_empty(), "no connection is open");
    Ok(Stats(all))
}

/// What `getStats()` said.
#[derive(Debug, Clone)]
pub struct Stats(Vec<Value>);

impl Stats {
    /// The entries of a type, such as `inbound-rtp`.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |entry| entry["type"] == kind)
    }

    /// The sum of a number over the entries of a type and a media kind (`audio`, `video`).
    pub fn sum(&self, kind: &str, media: &str, field: &str) -> f64 {
        self.of(kind)
            .filter(|entry| entry["kind"] == media)
            .filter_map(|entry| entry[field].as_f64())
            .sum()
    }

    /// Pictures decoded so far, over all that is received.
    pub fn decoded(&self) -> f64 {
        self.sum("inbound-rtp", "video", "framesDecoded")
    }

    /// The addresses and ports of the other side that it has used or knows of.
    pub fn remotes(&self) -> Result<Vec<(String, u64)>> {
        self.of("remote-candidate")
            .map(|entry| {
                let address = entry["address"].as_str().context("no address")?;
                Ok((
                    address.to_owned(),
                    entry["port"].as_u64().context("no port")?,
                ))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::{Film, apart};

    /// Records what a page is handed out, as a page would: with the browser's own recorder.
    const RECORD: &str = "const [kind] = arguments; const done = arguments[arguments.length - 1];
        (async () => {
          const stream = kind === 'screen' ? await navigator.mediaDevices.getDisplayMedia({ video: true })
            : await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
          const recorder = new MediaRecorder(stream, { mimeType: 'video/webm;codecs=vp8,opus', videoBitsPerSecond: 2e6 });
          const pieces = [];
          recorder.ondataavailable = ({ data }) => pieces.push(data);
          recorder.onstop = async () => {
            const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
            done(Array.from(bytes));
          };
          recorder.start();
          setTimeout(() => recorder.stop(), 3600);
        })().catch((error) => done(String(error)))";

    async fn recorded(browser: &Browser, kind: &str) -> Result<Film> {
        let answer = browser.execute_async(RECORD, vec![kind.into()]).await?;
        let bytes: Vec<u8> = serde_json::from_value(answer.json().clone()).with_context(|| {
            answer
                .json()
                .to_string()
                .chars()
                .take(200)
                .collect::<String>()
        })?;
        let file = tempfile::Builder::new().suffix(".webm").tempfile()?;
        std::fs::write(file.path(), bytes)?;
        let (_, path) = file.keep()?;
        Film::open(&path).await
    }

    /// A page of a secure context without a server.
    async fn page(driver: &Driver) -> Result<Browser> {
        let browser = open(driver, "performer", 640, 480).await?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("page.html");
        std::fs::write(&file, "<!doctype html><title>page</title>")?;
        browser.goto(format!("file://{}", file.display())).await?;
        Ok(browser)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn flash_and_beep_come_from_one_clock() -> Result<()> {
        let driver = Driver::start().await?;
        let browser = page(&driver).await?;
        let mut film = recorded(&browser, "camera").await?;
        let mut flashes = film.flashes(film.only("video")?).await?;
        // A busy browser's recorder skips pictures, and at times all of a flash: nothing to compare.
        for _ in 0..4 {
            if flashes.len() >= 2 {
                break;
            }
            film = recorded(&browser, "camera").await?;
            flashes = film.flashes(film.only("video")?).await?;
        }
        let beeps = film.sound(film.only("audio")?).await?.beeps(TONE);
        ensure!(flashes.len() >= 2, "{flashes:?}");
        for apart in apart(&flashes, &beeps)? {
            ensure!(apart.abs() < 0.1, "{apart} of {flashes:?} and {beeps:?}");
        }
        for pair in flashes.windows(2) {
            let seconds = f64::from(pair[1].second) - f64::from(pair[0].second);
            let later = pair[1].at - pair[0].at;
            ensure!((later - seconds).abs() < 0.1, "{flashes:?}");
        }
        let screen = recorded(&browser, "screen").await?;
        ensure!(screen.only("video")?.width == Some(960), "{screen:?}");
        refuse(&browser, "audio", Some("NotFoundError")).await?;
        let refused = recorded(&browser, "camera")
            .await
            .err()
            .context("handed out")?;
        ensure!(
            format!("{refused:#}").contains("NotFoundError"),
            "{refused:#}"
        );
        browser.close().await
    }
}
