//! kill -9 of the relay under chat load, fifty times: what was acknowledged is there once, in both
//! browsers and in what two officers open.
//!
//! Both browsers type without rest through their pages' own composers, and come back by themselves;
//! what they then show of earlier times they have opened from sealed parts. The moments are random
//! and come from a seed that is printed: `VESTIBULE_SEED=<seed>` has them again.

mod left;
mod side;
mod trigger;

use std::io::{Write as _, stderr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use proto::dsse::Envelope;
use proto::{Hash32, Millis};
use recorder::clock::Clock;
use seal::manifest::{Cause, Gap, Manifest};
use testkit::agent::Agent;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::{Line, Visitor};
use tokio::time::sleep;

use self::side::Side;
use self::trigger::{BURST, Trigger};
use crate::opened::{Opened, unpacked};
use crate::session::client;

/// How often the relay dies.
const KILLS: u64 = 50;
/// Both pages are opened with this name.
const VISITOR: &str = "Blue Heron";

/// What is going on when the relay dies.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// In the very moment in which an acknowledgement arrives, some time after the restart.
    Whenever,
    /// A message was acknowledged to its sender, and the other page never saw it: that page does
    /// not listen to its socket from before the message is typed until the relay is dead.
    VisitorDeaf,
    /// The same, the other way round.
    AgentDeaf,
    /// Messages were acknowledged, and the agent's page was not even open.
    AgentAway,
    /// While the browsers come back from the kill before: their tokens may have been changed and
    /// the answer lost.
    ComingBack,
}

impl Moment {
    fn of(kill: u64) -> Self {
        match kill % 10 {
            2 => Self::AgentDeaf,
            4 => Self::VisitorDeaf,
            // Two and three times in a row: no answer gets through for a while.
            6..=8 => Self::ComingBack,
            9 => Self::AgentAway,
            _ => Self::Whenever,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_under_load_lose_and_double_nothing() -> Result<()> {
    let mut moments = Moments::from_seed()?;
    writeln!(stderr(), "kills: VESTIBULE_SEED={}", moments.seed)?;
    let mut house = House::start_with(|plan| {
        plan.limits =
            "per_minute = 1000000\nsockets_per_minute = 100000\nunanswered = 1000000\n".to_owned();
    })
    .await?;
    let driver = Driver::start().await?;
    let bank = client(&house, "alpine")?.clone();
    let clinic = client(&house, "harbour")?.clone();
    let mia = bank.agents.first().context("the bank has agents")?;
    let site = clinic.site.context("the clinic has a site")?;

    let visitor = Visitor::arrive(&driver, "kill-widget", &house.plan().shop_origin()).await?;
    let agent = Agent::arrive(&driver, "kill-desk", &house.plan().desk_origin()).await?;
    agent.sign_in(&bank, mia).await?;
    visitor.press_launcher().await?;
    let (widget, desk) = (Side::widget(&visitor), Side::desk(&agent));
    widget.can_be_deaf().await?;
    desk.can_be_deaf().await?;
    visitor.agree(Some(VISITOR)).await?;
    agent.accept(VISITOR).await?;

    let mut trigger = Trigger::arrive(&house, site).await?;
    widget.type_on(0).await?;
    desk.type_on(0).await?;
    let clock = Clock::system();
    let mut kills = Vec::new();
    for kill in 0..KILLS {
        let before = clock.now();
        let moment = Moment::of(kill);
        let about = format!("kill {kill}, {moment:?}, VESTIBULE_SEED={}", moments.seed);
        die(
            &mut house,
            moment,
            &mut moments,
            [&widget, &desk],
            &mut trigger,
        )
        .await
        .context(about)?;
        kills.push(Kill {
            moment,
            before,
            after: clock.now(),
        });
    }
    let said = Said {
        visitor: widget.stop().await?,
        agent: desk.stop().await?,
    };
    check(&house, &visitor, &agent, &said, &bank, &kills)
        .await
        .with_context(|| format!("VESTIBULE_SEED={}", moments.seed))?;
    trigger.end().await?;
    let opened = crate::opened::newest(&house, &clinic).await?;
    are_gaps(&kills, &opened)?;
    trigger
        .holds(&opened.said())
        .with_context(|| format!("VESTIBULE_SEED={}", moments.seed))?;
    house.stop().await
}

/// One kill, and the restart.
async fn die(
    house: &mut House,
    moment: Moment,
    moments: &mut Moments,
    [widget, desk]: [&Side<'_>; 2],
    trigger: &mut Trigger,
) -> Result<()> {
    match moment {
        Moment::Whenever => {
            widget.acknowledged_after_now().await?;
            trigger.come_back().await?;
            sleep(moments.until(300)?).await;
            trigger.acknowledged(1 + moments.draw(BURST)?).await?;
            house.relay.kill().await?;
            trigger.drain().await;
        }
        Moment::AgentDeaf => unheard(house, widget, desk).await?,
        Moment::VisitorDeaf => unheard(house, desk, widget).await?,
        Moment::ComingBack => {
            sleep(moments.until(120)?).await;
            house.relay.kill().await?;
        }
        Moment::AgentAway => {
            let typed = desk.stop().await?;
            desk.all_acknowledged().await?;
            desk.leave().await?;
            widget.acknowledged_after_now().await?;
            sleep(moments.until(300)?).await;
            house.relay.kill().await?;
            house.start_relay().await?;
            widget.hurry().await?;
            desk.come_back(&house.plan().desk_origin()).await?;
            return desk.type_on(typed).await;
        }
    }
    house.start_relay().await?;
    // A browser that hears that its network is back does not wait any longer.
    widget.hurry().await?;
    desk.hurry().await
}

/// Kills between the acknowledgement to `speaker` and the showing at `deaf`.
async fn unheard(house: &mut House, speaker: &Side<'_>, deaf: &Side<'_>) -> Result<()> {
    speaker.acknowledged_after_now().await?;
    deaf.hear(false).await?;
    let text = speaker.acknowledged_after_now().await?;
    house.relay.kill().await?;
    ensure!(
        !deaf.shows(&text).await?,
        "{text} was shown before the kill, and should not have been"
    );
    deaf.hear(true).await
}

/// How many messages each has typed.
struct Said {
    visitor: u64,
    agent: u64,
}

async fn check(
    house: &House,
    visitor: &Visitor,
    agent: &Agent,
    said: &Said,
    bank: &demo::people::Client,
    kills: &[Kill],
) -> Result<()> {
    ensure!(
        said.visitor > KILLS && said.agent > KILLS,
        "too little was said to lose any of it: {} and {}",
        said.visitor,
        said.agent
    );
    visitor.line("mine", &format!("v{}", said.visitor)).await?;
    agent.line("mine", &format!("a{}", said.agent)).await?;
    visitor.line("theirs", &format!("a{}", said.agent)).await?;
    agent.line("theirs", &format!("v{}", said.visitor)).await?;

    let (at_widget, at_desk) = (visitor.lines().await?, agent.lines().await?);
    exactly(&at_widget, "mine", "v", said.visitor).context("the visitor's own")?;
    exactly(&at_widget, "theirs", "a", said.agent).context("the agent's, at the widget")?;
    exactly(&at_desk, "mine", "a", said.agent).context("the agent's own")?;
    exactly(&at_desk, "theirs", "v", said.visitor).context("the visitor's, at the desk")?;
    ensure!(
        in_order(&at_widget) == in_order(&at_desk),
        "the two saw another order"
    );

    visitor.end().await?;
    let opened = crate::opened::newest(house, bank).await?;
    ensure!(
        opened.said() == in_order(&at_widget),
        "what was opened is not what was shown"
    );
    are_gaps(kills, &opened)?;
    let log = std::fs::read_to_string(house.plan().path("relay.log"))?;
    for trouble in ["panicked", "damaged", "ERROR"] {
        ensure!(!log.contains(trouble), "the relay's log says {trouble:?}");
    }
    Ok(())
}

/// One kill: when it was not yet, and when the relay had been started again.
struct Kill {
    moment: Moment,
    before: Millis,
    after: Millis,
}

impl Kill {
    fn is_within(&self, gap: &Gap) -> bool {
        self.before <= gap.to && gap.from <= self.after
    }
}

/// Each kill is a gap in the manifest, and nothing else is. Only a relay that dies before it has come
/// back makes one gap with the one before it: nobody could talk in between.
fn are_gaps(kills: &[Kill], opened: &Opened) -> Result<()> {
    let files = unpacked(&opened.bundle)?;
    let manifest = files
        .iter()
        .find(|(name, _)| name.ends_with("/manifest.dsse.json"))
        .context("the bundle holds no manifest")?;
    let manifest: Envelope = serde_json::from_slice(manifest.1)?;
    let gaps = manifest.payload_unverified::<Manifest>()?.gaps;
    let apart = |kill: &&Kill| !matches!(kill.moment, Moment::ComingBack);
    let least = kills.iter().filter(apart).count();
    let count = gaps.len();
    ensure!(
        least <= count && count <= kills.len(),
        "{count} gaps: {gaps:?}"
    );
    for kill in kills {
        ensure!(
            gaps.iter().any(|gap| kill.is_within(gap)),
            "{:?} is in no gap: {gaps:?}",
            kill.before
        );
    }
    for gap in &gaps {
        let restart = gap.cause == Cause::Restart && gap.track.is_none();
        let killed = kills.iter().any(|kill| kill.is_within(gap));
        ensure!(restart && killed && gap.from <= gap.to, "{gap:?}");
    }
    Ok(())
}

fn in_order(lines: &[Line]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.kind != "event")
        .map(|line| line.text.clone())
        .collect()
}

/// Every number from 1 to `last` once, in order.
fn exactly(lines: &[Line], kind: &str, letter: &str, last: u64) -> Result<()> {
    let found: Vec<&str> = lines
        .iter()
        .filter(|line| line.kind == kind)
        .map(|line| line.text.as_str())
        .collect();
    let wanted: Vec<String> = (1..=last).map(|n| format!("{letter}{n}")).collect();
    for (at, wanted) in wanted.iter().enumerate() {
        let got = found.get(at).copied().unwrap_or("nothing");
        ensure!(got == wanted, "{got} stands where {wanted} should");
    }
    ensure!(found.len() == wanted.len(), "more than was written");
    Ok(())
}

/// Random moments that come again with their seed.
struct Moments {
    seed: u64,
    drawn: u64,
}

impl Moments {
    fn from_seed() -> Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a failed run is looked at again with the same moments"
        )]
        let given = std::env::var("VESTIBULE_SEED").ok();
        let seed = match given {
            Some(text) => text.parse().context("VESTIBULE_SEED is not a number")?,
            None => u64::from_be_bytes(loadtest::participant::random()?),
        };
        Ok(Self { seed, drawn: 0 })
    }

    /// Up to `most` milliseconds.
    fn until(&mut self, most: u64) -> Result<Duration> {
        self.draw(most + 1).map(Duration::from_millis)
    }

    /// A number below `end`.
    fn draw(&mut self, end: u64) -> Result<u64> {
        self.drawn += 1;
        let Hash32(drawn) = Hash32::of_all(&[&self.seed.to_be_bytes(), &self.drawn.to_be_bytes()]);
        let bytes = drawn.first_chunk().context("a hash has eight bytes")?;
        Ok(u64::from_be_bytes(*bytes) % end)
    }
}
