//! The console's player in a browser: what two officers opened is heard and seen there on one time
//! line, with the words beside it, and is nowhere when it is left.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use demo::people::Client;
use loadtest::call::caller::{Caller, Log};
use loadtest::call::recorded::Recorded;
use proto::call::SourceState;
use proto::notice::Modality;
use proto::wire::ClientMessage;
use serde::Deserialize;
use testkit::Key;
use testkit::browser::Browser;
use testkit::driver::Driver;
use testkit::house::House;
use tokio::time::sleep;

use crate::call;
use crate::console;
use crate::keyboard::walk;
use crate::session::client;

const BOTH: [Modality; 2] = [Modality::Audio, Modality::Video];
const ALL: [Modality; 3] = [Modality::Audio, Modality::Video, Modality::Screen];
const HELLO: &str = "Can you see me?";
const ANSWER: &str = "I can, and here is the form.";
/// When the agent's film begins, and how long the visitor is muted: no whole number of seconds, so
/// that sound which came too early by that much would beep at another part of the second.
const LATE: Duration = Duration::from_secs(3);
const MUTED: Duration = Duration::from_millis(2_450);

/// A call of some 15 seconds: the agent is seen three seconds after the visitor and shows a screen in
/// the first half; the visitor is muted for a while. Both ends, which stay until they are dropped.
pub(crate) async fn a_call(house: &House, bank: &Client) -> Result<(Caller, Caller)> {
    let mia = bank.agents.first().context("the bank has agents")?;
    let visitor = call::visitor(house, bank, Some("Blue Heron")).await?;
    let agent = call::answer(house, bank, mia, visitor.welcome.session).await?;
    let mut visitor = Caller::new(visitor, &BOTH, Log::default())?;
    let mut agent = Caller::new(agent, &ALL, Log::default())?;
    let notice = call::notice(house, bank).await?;
    call::connect([&mut visitor, &mut agent], &ALL, notice).await?;
    visitor.play(true).await?;
    // What is written before the first of it came would stand before the film.
    agent
        .until("what is sent", |seen| !seen.received.is_empty())
        .await?;
    say(&visitor, 1, HELLO).await?;
    sleep(LATE).await;
    agent.play(true).await?;
    say(&agent, 1, ANSWER).await?;
    sleep(Duration::from_millis(2_500)).await;
    mute(&mut visitor, true).await?;
    sleep(MUTED).await;
    mute(&mut visitor, false).await?;
    agent.send(&BOTH).await?;
    sleep(Duration::from_secs(5)).await;
    say(&visitor, 2, "Thank you").await?;
    sleep(Duration::from_secs(1)).await;
    visitor.say(ClientMessage::HangUp {}).await?;
    agent.until("the end", |seen| seen.over.is_some()).await?;
    visitor.say(ClientMessage::End {}).await?;
    Ok((visitor, agent))
}

async fn say(who: &Caller, cid: u64, text: &str) -> Result<()> {
    let text = text.to_owned();
    who.say(ClientMessage::Say { cid, text }).await
}

async fn mute(who: &mut Caller, on: bool) -> Result<()> {
    let (me, kind) = (who.me, Modality::Audio);
    who.say(ClientMessage::Mute { kind, on }).await?;
    let then = |state| on == (state == Some(SourceState::Muted));
    who.until("the mute", |seen| then(seen.source(me, kind)))
        .await
}

/// The newest recording, opened for a case by two officers in their browsers, and played in the first.
pub(crate) async fn opened(
    house: &House,
    driver: &Driver,
    bank: &Client,
    name: &str,
) -> Result<Browser> {
    let [vera, otto] = bank.officers.as_slice() else {
        bail!("the bank has two officers")
    };
    let recording = crate::opened::listed(house, bank).await?.recording;
    let origin = house.plan().console_origin();
    let first = console::officer(house, driver, name, bank, vera).await?;
    first
        .goto(format!("{origin}/cases/new?recording={recording}"))
        .await?;
    for (field, text) in [
        ("input[name=authority]", "District Court"),
        ("input[name=reference]", "AZ 4711/26"),
        ("textarea[name=basis]", "Order of 20 November 2026"),
    ] {
        first.write(field, text).await?;
    }
    first.press_named("Open the case").await?;
    first.read("must unlock before anything").await?;
    let case = first.current_url().await?;
    console::agree(&first, vera).await?;
    let second = console::officer(house, driver, &format!("{name}-second"), bank, otto).await?;
    second.goto(case.as_str()).await?;
    console::agree(&second, otto).await?;
    second.close().await?;
    first.goto(case.as_str()).await?;
    first.whole_picture("case").await?;
    first.press_named("Open and play it here").await?;
    first.see(".play .talk").await?;
    Ok(first)
}

/// A film as it is shown.
#[derive(Debug, Deserialize)]
struct Film {
    title: String,
    from: f64,
    to: f64,
    /// Where it is, in milliseconds.
    at: f64,
    there: bool,
    runs: bool,
    wide: u32,
    words: String,
}

const FILMS: &str = "return [...document.querySelectorAll('.screens figure')].map((f) => {
    const video = f.querySelector('video');
    return { title: f.querySelector('.name').textContent, from: Number(video.dataset.from), to: Number(video.dataset.to),
      at: video.currentTime * 1000, there: !video.classList.contains('away'), runs: !video.paused,
      wide: video.videoWidth, words: f.querySelector('[data-state]').textContent };
  })";

/// The visitor's first: whose source came first into the record is chance.
async fn films(page: &Browser) -> Result<Vec<Film>> {
    let mut films: Vec<Film> = page.value(FILMS, Vec::new()).await?;
    films.sort_by_key(|film| !film.title.starts_with("visitor"));
    Ok(films)
}

/// The place on the time line, in milliseconds.
async fn place(page: &Browser) -> Result<f64> {
    let place = "return Number(document.querySelector('.controls input').value)";
    page.value(place, Vec::new()).await
}

/// Waits until the player is past this place, and in front of another.
async fn reaches(page: &Browser, from: f64, to: f64) -> Result<()> {
    let script = "const at = Number(document.querySelector('.controls input').value); return at >= arguments[0] && at <= arguments[1]";
    let what = format!("a place between {from} and {to}");
    page.until(&what, script, vec![from.into(), to.into()])
        .await
}

/// How far the films that run are from each other, and from the page's clock, over a second: the most, in ms.
const APART: &str = "const done = arguments[arguments.length - 1];
  const began = performance.now(); let most = 0, all = 0;
  const look = () => {
    const places = [...document.querySelectorAll('video')].filter((v) => !v.paused && !v.classList.contains('away')).map((v) => v.currentTime * 1000);
    all = Math.max(all, places.length);
    most = Math.max(most, Math.max(...places) - Math.min(...places));
    if (performance.now() - began < 1000) setTimeout(look, 20); else done([most, all]);
  };
  look();";

async fn in_step(page: &Browser, count: f64) -> Result<()> {
    // Where the machine has other work, a film may have been held up: it catches up.
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = page.execute_async(APART, Vec::new()).await?;
        let [apart, all]: [f64; 2] = serde_json::from_value(answer.json().clone())?;
        ensure!(all >= count, "{all} films run");
        seen.push(apart);
        if apart < 100.0 {
            return Ok(());
        }
    }
    bail!("never within 100 ms for a second: {seen:?}")
}

/// Goes to a place as who drags the slider, and waits until each film that is there shows it.
const SHOWS: &str = "const at = Number(document.querySelector('.controls input').value);
  return [...document.querySelectorAll('video')].every((v) => v.classList.contains('away')
    || !v.seeking && v.readyState >= 2 && v.videoWidth > 0 && Math.abs(v.currentTime * 1000 - at) < 100)";

pub(crate) async fn seek(page: &Browser, to: f64) -> Result<()> {
    let drag =
        "const slider = document.querySelector('.controls input'); slider.value = arguments[0];
        slider.dispatchEvent(new Event('input', { bubbles: true })); return true";
    let _: bool = page.value(drag, vec![to.into()]).await?;
    page.until(&format!("the films at {to}"), SHOWS, Vec::new())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn officers_hear_and_see_a_call_in_the_console_with_its_words_beside_it() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let _ends = a_call(&house, &bank).await?;
    let page = opened(&house, &driver, &bank, "played").await?;
    let player = page.current_url().await?;

    // All of them on one time line, that of the agent beginning when they were first seen.
    let shown = films(&page).await?;
    let titles: Vec<&str> = shown.iter().map(|film| film.title.as_str()).collect();
    ensure!(
        titles == ["visitor, camera", "agent, camera", "agent, screen"],
        "{titles:?}"
    );
    let [visitor, agent, _] = shown.as_slice() else {
        bail!("{shown:?}")
    };
    ensure!(visitor.from < 500.0, "{shown:?}");
    ensure!((2_500.0..4_500.0).contains(&agent.from), "{shown:?}");
    ensure!(!agent.there && agent.words == "not there", "{shown:?}");
    let begins = agent.from;
    let end = visitor.to.max(agent.to);

    // They run, and in step, also when the later ones have joined.
    page.press_named("Play").await?;
    reaches(&page, 500.0, begins).await?;
    let shown = films(&page).await?;
    let first = shown.first().context("a film")?;
    ensure!(first.runs && first.wide > 0 && first.at > 0.0, "{shown:?}");
    ensure!(shown.iter().skip(1).all(|film| !film.runs), "{shown:?}");
    reaches(&page, begins + 800.0, end).await?;
    in_step(&page, 3.0).await?;
    follows(&page).await?;
    page.press_named("Pause").await?;
    let stopped = place(&page).await?;
    sleep(Duration::from_millis(300)).await;
    let still = place(&page).await?;
    ensure!((still - stopped).abs() < 150.0, "{still} after {stopped}");

    // Any place can be sought, and it goes on from there in step.
    for to in [end - 700.0, begins + 100.0, 200.0, end / 3.0] {
        seek(&page, to).await?;
        follows(&page).await?;
    }
    page.press_named("Play").await?;
    reaches(&page, end / 3.0 + 300.0, end).await?;
    in_step(&page, 3.0).await?;
    page.press_named("Pause").await?;
    let partly: u32 = page
        .value("return performance.getEntriesByType('resource').filter((e) => e.responseStatus === 206).length", Vec::new())
        .await?;
    ensure!(partly >= 3, "the films were asked for whole");

    // Where the screen is not shown any more, its last picture does not stand for it.
    seek(&page, end - 1_000.0).await?;
    let shown = films(&page).await?;
    let screen = shown.last().context("a film")?;
    ensure!(!screen.there && screen.words == "no picture", "{shown:?}");
    missing(&page).await?;
    words(&page).await?;
    keys(&page).await?;

    let complaints = page.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:?}");

    // It is left: the recorder forgets it, and what was played stands in no file.
    let film: String = page
        .value("return document.querySelector('video').src", Vec::new())
        .await?;
    page.press_named("Cases").await?;
    page.see("main table").await?;
    page.goto(&film).await?;
    page.read("There is nothing here").await?;
    page.goto(player.as_str()).await?;
    page.read("Open and play it here").await?;
    let sound = Recorded::sound()?.packet(20).context("no sound")?;
    let picture = Recorded::pictures()?.packet(2).context("no picture")?;
    for (what, payload) in [("a sound", sound.payload), ("a picture", picture.payload)] {
        let needle = payload.get(8..24).context("too short")?;
        for folder in [house.folder(), driver.folder()] {
            holds_not(folder, what, needle)?;
        }
    }
    house.stop().await
}

/// The line that is marked is the last one that was said by then.
async fn follows(page: &Browser) -> Result<()> {
    let script = "const at = Number(document.querySelector('.controls input').value);
      const lines = [...document.querySelectorAll('.talk li')].filter((l) => Number(l.dataset.at) <= at + 150);
      const marked = document.querySelectorAll('.talk [aria-current]');
      return marked.length === 1 && lines.slice(-2).includes(marked[0])";
    page.until("the line that is said", script, Vec::new())
        .await
}

/// What is missing is drawn where it is, named, and leads there.
async fn missing(page: &Browser) -> Result<()> {
    let named = page.texts(".missing button").await?;
    let muted = named
        .iter()
        .find(|words| words.contains("visitor sound: muted"));
    let muted = muted.with_context(|| format!("the mute is not named: {named:?}"))?;
    let drawn: bool = page
        .value(
            "const line = document.querySelector('.controls input').getBoundingClientRect();
             const list = [...document.querySelectorAll('.missing button')];
             const marks = [...document.querySelectorAll('.marks i')];
             const length = Number(document.querySelector('.play').dataset.length);
             return marks.length === list.length && marks.every((mark, n) => {
               const { left, width } = mark.getBoundingClientRect();
               const from = Math.max(0, list[n].dataset.from) / length, to = Math.min(length, list[n].dataset.to) / length;
               return Math.abs(left - line.left - from * line.width) < 12 && Math.abs(width - (to - from) * line.width) < 12;
             })",
            Vec::new(),
        )
        .await?;
    ensure!(drawn, "the marks are elsewhere");
    let script = "const muted = [...document.querySelectorAll('.missing button')].find((b) => b.innerText === arguments[0]);
      muted.click(); return [Number(muted.dataset.from), Number(document.querySelector('.controls input').value)]";
    let [from, at]: [f64; 2] = page.value(script, vec![muted.as_str().into()]).await?;
    ensure!(
        (from - 2_000.0).max(0.0) - at < 100.0 && at < from,
        "{at} for {from}"
    );
    seek(page, from + 1_000.0).await?;
    let shown = films(page).await?;
    let said = shown.first().map(|film| film.words.as_str());
    ensure!(said == Some("sound: muted"), "{shown:?}");
    Ok(())
}

/// A press on a line leads to where it was said.
async fn words(page: &Browser) -> Result<()> {
    for text in [HELLO, ANSWER] {
        let script = "const line = [...document.querySelectorAll('.talk li')].find((l) => l.innerText.includes(arguments[0]));
          line.querySelector('button').click(); return [Number(line.dataset.at), Number(document.querySelector('.controls input').value)]";
        let [said, at]: [f64; 2] = page.value(script, vec![text.into()]).await?;
        ensure!((said - at).abs() <= 100.0, "{at} for {said}");
        page.until("the film there", SHOWS, Vec::new()).await?;
    }
    Ok(())
}

/// Space, arrows, and Tab.
async fn keys(page: &Browser) -> Result<()> {
    seek(page, 1_000.0).await?;
    let _: bool = page
        .value("document.activeElement.blur(); return true", Vec::new())
        .await?;
    page.type_text(" ").await?;
    page.read("Pause").await?;
    reaches(page, 1_500.0, 20_000.0).await?;
    page.type_text(" ").await?;
    page.until(
        "the stop",
        "return document.querySelector('[data-play]').textContent === 'Play'",
        Vec::new(),
    )
    .await?;
    let before = place(page).await?;
    page.tap(Key::Right, "").await?;
    reaches(page, before + 4_800.0, before + 5_200.0).await?;
    page.tap(Key::Left, "").await?;
    reaches(page, before - 200.0, before + 200.0).await?;
    page.tap(Key::Down, "").await?;
    let down = place(page).await?;
    ensure!(down > before, "{down} after {before}");
    page.tap(Key::Up, "").await?;
    let up = place(page).await?;
    ensure!(up < down, "{up} after {down}");
    let _: bool = page
        .value(
            "document.querySelector('main a[dir]').focus(); return true",
            Vec::new(),
        )
        .await?;
    let order = walk(page, 4).await?;
    let [play, slider, speed, entry] = order.as_slice() else {
        bail!("{order:?}")
    };
    ensure!(
        (play.as_str(), slider.as_str()) == ("Play", "Place in the recording")
            && speed.starts_with("Speed")
            && entry.contains("muted"),
        "{order:?}"
    );
    Ok(())
}

fn holds_not(folder: &Path, what: &str, needle: &[u8]) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            holds_not(&path, what, needle)?;
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = memchr::memmem::find(&bytes, needle);
            ensure!(found.is_none(), "{what} stands in {}", path.display());
        }
    }
    Ok(())
}

/// Plays, and tells where the visitor's film was whenever the recorded beep was heard in it, from the
/// page's own sound. It listens before it plays: a film whose sound is led elsewhere while it runs
/// hands over at once what it had ready for later.
const BEEPS: &str = "const done = arguments[arguments.length - 1]; const [from, to] = arguments;
  (async () => {
    const video = document.querySelector('video[aria-label^=visitor]'); const context = new AudioContext(); await context.resume();
    const tone = new BiquadFilterNode(context, { type: 'bandpass', frequency: 1760, Q: 20 });
    const ear = context.createScriptProcessor(256, 1, 1); const heard = []; let loud = 0;
    ear.onaudioprocess = ({ inputBuffer }) => {
      const level = inputBuffer.getChannelData(0).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const at = video.currentTime;
      if (level > 0.01 && at - loud > 0.5) heard.push(at);
      if (level > 0.01) loud = at;
      if (at >= to / 1000 || video.ended) { ear.onaudioprocess = null; done(heard); }
    };
    context.createMediaElementSource(video).connect(tone).connect(ear).connect(context.destination);
    document.querySelector('[data-play]').click();
  })().catch((error) => done(String(error)))";

#[tokio::test(flavor = "multi_thread")]
async fn sound_is_in_step_also_behind_a_mute() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let _ends = a_call(&house, &bank).await?;
    let page = opened(&house, &driver, &bank, "played-sound").await?;
    let end = films(&page).await?.first().context("a film")?.to;
    let answer = page
        .execute_async(BEEPS, vec![0.into(), (end - 500.0).into()])
        .await?;
    let heard: Vec<f64> =
        serde_json::from_value(answer.json().clone()).with_context(|| answer.json().to_string())?;
    ensure!(heard.len() >= 6, "{heard:?}");
    // One each second, by the film's time, whatever lay between.
    let first = heard.first().context("a beep")?;
    for at in &heard {
        let off = (at - first) - (at - first).round();
        ensure!(off.abs() < 0.1, "a beep {off} s off: {heard:?}");
    }
    let paused = heard.windows(2).any(|pair| pair[1] - pair[0] > 1.9);
    ensure!(paused, "nobody was muted: {heard:?}");
    house.stop().await
}
