//! Scenario `janus`: the pairs of `call`, with the same recordings at the same rates, through a
//! Janus `VideoRoom`, to hold the figures of `call` against.
//!
//! Here each participant has two connections: one publishes, one receives. For ours one is enough.

mod line;

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use proto::ParticipantId;
use proto::notice::Modality;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use self::line::{Jsep, Line};
use crate::call::peer::{News, Peer};
use crate::call::player::{Log, Player, played};
use crate::call::{self, CONNECTING, KINDS, Report, SETTLE, Size, WARM_UP};
use crate::meter::{Times, cpu, memory_kib};

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often Janus is told that a session is still there; it ends one after a minute.
const ALIVE: Duration = Duration::from_secs(25);

/// The same pairs through a Janus `VideoRoom`, for comparison
///
/// Start Janus 1.x on this machine with its WebSocket transport, as for production: `ice_lite`,
/// `debug_level = 0`, and `ice_enforce_list` with one address of this machine. It cannot be the
/// loopback's, which Janus never offers; what is sent to oneself stays on the machine all the same.
/// Then, in turn with `call` and with as many pairs, seconds and rounds:
///
///   loadtest janus --pid PID --address 192.0.2.7 --recordings /var/tmp/janus --pairs 10
///
/// Janus writes its recordings unsealed. Each participant has two connections here and one in
/// `call`: compare memory by participant.
#[derive(Args, Debug, Clone)]
#[command(verbatim_doc_comment)]
pub struct Janus {
    /// Janus' WebSocket transport
    #[arg(long, default_value = "ws://127.0.0.1:8188")]
    pub url: String,
    /// This machine's address that Janus offers and participants send from
    #[arg(long)]
    pub address: Ipv4Addr,
    /// Processes whose processor time and memory are counted: Janus
    #[arg(long = "pid", required = true)]
    pub pids: Vec<u32>,
    /// The folder that Janus records to; nothing is recorded if it is not given
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Option<String>,
    /// How many, and how long
    #[command(flatten)]
    pub size: Size,
}

/// Runs the scenario; progress and tables go to `out`.
pub async fn run(scenario: &Janus, out: &mut impl Write) -> Result<Report> {
    let rooms = stream::iter(0..scenario.size.pairs).then(|_| open(scenario));
    let rooms: Vec<[Person; 2]> = rooms.try_collect().await?;
    sleep(SETTLE).await;
    let before = memory_kib(&scenario.pids)?;
    let (play, playing) = watch::channel(false);
    let (mut tasks, mut logs, mut connected) = (JoinSet::new(), Vec::new(), Times::default());
    let received = Arc::new(AtomicU64::new(0));
    let mut connecting = stream::iter(rooms)
        .map(connect)
        .buffer_unordered(CONNECTING);
    while let Some((pair, times)) = connecting.try_next().await? {
        connected.merge(times);
        for person in pair {
            logs.push(Arc::clone(&person.log));
            tasks.spawn(person.run(playing.clone(), Arc::clone(&received)));
        }
    }
    drop(connecting);
    sleep(SETTLE).await;
    let after = memory_kib(&scenario.pids)?;
    let mut report = Report {
        idle_kib: call::each(Some(before), Some(after), connected.len()),
        connected,
        rounds: Vec::new(),
    };
    play.send(true)?;
    sleep(WARM_UP).await;
    let sent = || -> usize { logs.iter().map(|log| played(log).sent.len()).sum() };
    let counts = || (sent(), received.load(Ordering::Relaxed));
    let used = || Ok((Some(cpu(&scenario.pids)?), None));
    report.rounds = scenario.size.measure(counts, used, out).await?;
    if let Some(ended) = tasks.try_join_next() {
        ended??;
        bail!("a participant ended early");
    }
    call::write_tables(scenario.size.pairs, &report, out)?;
    Ok(report)
}

/// A room with two in it, who have no connection yet.
async fn open(scenario: &Janus) -> Result<[Person; 2]> {
    let (mut one, mut two) = (Person::new(scenario).await?, Person::new(scenario).await?);
    let mut create = json!({
        "request": "create", "publishers": 2, "audiocodec": "opus", "videocodec": "vp8",
    });
    if let (Some(folder), Some(create)) = (&scenario.recordings, create.as_object_mut()) {
        create.insert("record".into(), true.into());
        create.insert("rec_dir".into(), folder.as_str().into());
    }
    let room = one.line.ask(one.publishes, create, None).await?;
    let room = room.number("room")?;
    one.join(room).await?;
    two.join(room).await?;
    Ok([one, two])
}

/// Both publish, and then each receives the other; with the times from offer to connection.
async fn connect(pair: [Person; 2]) -> Result<([Person; 2], Times)> {
    let [mut one, mut two] = pair;
    let mut times = Times::default();
    times.add(one.publish().await?);
    times.add(two.publish().await?);
    times.add(one.receive(two.feed).await?);
    times.add(two.receive(one.feed).await?);
    Ok(([one, two], times))
}

/// A participant: a session with Janus, and both connections.
struct Person {
    line: Line,
    /// Janus' name for each connection.
    publishes: u64,
    receives: u64,
    room: u64,
    /// Janus' name for what this participant publishes.
    feed: u64,
    up: Peer,
    down: Peer,
    log: Log,
}

impl Person {
    async fn new(scenario: &Janus) -> Result<Self> {
        let mut line = Line::open(&scenario.url).await?;
        Ok(Self {
            publishes: line.attach().await?,
            receives: line.attach().await?,
            line,
            room: 0,
            feed: 0,
            up: Peer::new(scenario.address).await?,
            down: Peer::new(scenario.address).await?,
            log: Log::default(),
        })
    }

    async fn join(&mut self, room: u64) -> Result<()> {
        let join = json!({ "request": "join", "ptype": "publisher", "room": room });
        let joined = self.line.ask(self.publishes, join, None).await?;
        (self.room, self.feed) = (room, joined.number("id")?);
        Ok(())
    }

    async fn publish(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let offer = self.up.offer(&KINDS, &[], false).context("no offer")?;
        let offer = Jsep::new("offer", offer.sdp);
        let publish = json!({ "request": "publish" });
        let reply = self.line.ask(self.publishes, publish, Some(offer)).await?;
        self.up.answer(&reply.sdp()?)?;
        connected(&mut self.up).await.context("publishing")?;
        let took = began.elapsed();
        // Before this the other is told that there is no such feed.
        self.line.until_up().await?;
        Ok(took)
    }

    async fn receive(&mut self, feed: u64) -> Result<Duration> {
        let join = json!({
            "request": "join", "ptype": "subscriber", "room": self.room,
            "streams": [{ "feed": feed }],
        });
        let offer = self.line.ask(self.receives, join, None).await?.sdp()?;
        let began = Instant::now();
        // Who that is to us is of no importance: it is the only one on this connection.
        let other = ParticipantId::from_bytes([0; 16]);
        let answer = Jsep::new("answer", self.down.accept(&offer, other)?);
        let start = json!({ "request": "start" });
        self.line.ask(self.receives, start, Some(answer)).await?;
        connected(&mut self.down).await.context("receiving")?;
        Ok(began.elapsed())
    }

    /// Takes part until nobody is left who could say that it plays.
    async fn run(self, mut playing: watch::Receiver<bool>, received: Arc<AtomicU64>) -> Result<()> {
        let Self {
            mut line,
            mut up,
            mut down,
            ..
        } = self;
        let player = Player::new(self.log)?;
        let mut alive = interval(ALIVE);
        loop {
            // Nothing is due before it begins to play.
            let due = player.due(&KINDS);
            tokio::select! {
                waited = up.wait() => waited?,
                waited = down.wait() => waited?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    player.send(&KINDS, &mut up, |_| false);
                }
                changed = playing.changed() => match changed {
                    Ok(()) => player.go_on(&KINDS),
                    Err(_) => return Ok(()),
                },
                reply = line.next() => drop(reply?),
                _ = alive.tick() => line.keep_alive().await?,
            }
            let mut news = News::default();
            up.drain(&mut news).await?;
            if news.picture_lost && due.is_some() {
                player.go_on(&[Modality::Video]);
            }
            down.drain(&mut news).await?;
            received.fetch_add(news.packets.values().sum(), Ordering::Relaxed);
        }
    }
}

async fn connected(peer: &mut Peer) -> Result<()> {
    let up = async {
        let mut news = News::default();
        loop {
            peer.drain(&mut news).await?;
            if news.connected {
                return Ok(());
            }
            peer.wait().await?;
        }
    };
    timeout(PATIENCE, up).await.context("no connection")?
}
