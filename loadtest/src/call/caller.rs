//! A participant in a call: the protocol on its socket, media on its connection, as a page does it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proto::call::{CallEvent, CallOver, CallView, Sdp, SourceState, Standing};
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Hash32, ParticipantId, SiteId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::peer::{News, Peer, Wanted};
use super::player::Player;
pub use super::player::{Log, Played, Sent, played};
use crate::participant::{Participant, Welcome};

/// How long a caller may take until it is as it is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// Orders that wait at most.
const ORDERS: usize = 16;

/// What a caller is told to do.
#[derive(Debug)]
enum Order {
    Say(ClientMessage),
    Send(Vec<Modality>),
    Play(bool),
    Restart,
}

/// What a caller has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The call as it is.
    pub call: Option<CallView>,
    /// How the last one ended.
    pub over: Option<CallOver>,
    /// From each offer of a new connection to its being up.
    pub connected: Vec<Duration>,
    /// Answers that came.
    pub answers: usize,
    /// Packets received, by whose and what.
    pub received: BTreeMap<Wanted, u64>,
    /// What this participant has agreed to, as far as it was said.
    pub agreed: Vec<Modality>,
    /// What happened in and about the call.
    pub noted: Vec<(ParticipantId, CallEvent)>,
    /// Whether a colleague was asked for.
    pub asked: bool,
    /// What was refused.
    pub refused: Vec<ErrorCode>,
}

impl Seen {
    /// How somebody stands in the call.
    pub fn standing(&self, whose: ParticipantId) -> Option<Standing> {
        let people = &self.call.as_ref()?.people;
        let person = people.iter().find(|p| p.participant == whose)?;
        Some(person.standing)
    }

    /// How a source of somebody's is.
    pub fn source(&self, whose: ParticipantId, kind: Modality) -> Option<SourceState> {
        let people = &self.call.as_ref()?.people;
        let person = people.iter().find(|p| p.participant == whose)?;
        let source = person.sources.iter().find(|s| s.kind == kind)?;
        Some(source.state)
    }

    /// All packets that were received.
    pub fn all_received(&self) -> u64 {
        self.received.values().sum()
    }
}

/// A participant in a call. It ends when it is dropped.
pub struct Caller {
    /// Who.
    pub me: ParticipantId,
    /// What the relay said when this participant came in.
    pub welcome: Welcome,
    /// The site that they came through.
    pub site: SiteId,
    /// What was sent.
    pub log: Log,
    orders: mpsc::Sender<Order>,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<Result<()>>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caller {
    /// Takes a participant over. Sources are `kinds`; nothing is played and nobody is called yet.
    pub fn new(participant: Participant, kinds: &[Modality], log: Log) -> Result<Self> {
        Self::from(participant, kinds, log, Ipv4Addr::LOCALHOST)
    }

    /// The same, from another address of the loopback.
    pub fn from(
        participant: Participant,
        kinds: &[Modality],
        log: Log,
        from: Ipv4Addr,
    ) -> Result<Self> {
        let me = participant.welcome.participant;
        let (welcome, site) = (participant.welcome.clone(), participant.site());
        let (orders, told) = mpsc::channel(ORDERS);
        let (show, seen) = watch::channel(Seen::default());
        let run = Run {
            me,
            from,
            participant,
            peer: None,
            kinds: kinds.to_vec(),
            playing: false,
            offered: None,
            offers: 0,
            dialled: None,
            player: Player::new(Arc::clone(&log))?,
            told,
            show,
        };
        Ok(Self {
            me,
            welcome,
            site,
            log,
            orders,
            seen,
            task: tokio::spawn(run.run()),
        })
    }

    /// Agrees to these under `notice`, and waits until that is durable.
    pub async fn agree(&mut self, kinds: &[Modality], notice: Hash32) -> Result<()> {
        for modality in kinds.iter().copied() {
            self.say(ClientMessage::Agree { modality, notice }).await?;
            self.until("the agreement", |seen| seen.agreed.contains(&modality))
                .await?;
        }
        Ok(())
    }

    /// Calls, or joins the call; with `again` after its connection broke.
    pub async fn call(&self, again: bool) -> Result<()> {
        self.say(ClientMessage::Call { again }).await
    }

    /// Says something of the protocol's.
    pub async fn say(&self, message: ClientMessage) -> Result<()> {
        self.order(Order::Say(message)).await
    }

    /// From now on these are its sources.
    pub async fn send(&self, kinds: &[Modality]) -> Result<()> {
        self.order(Order::Send(kinds.to_vec())).await
    }

    /// Plays its recordings, or pauses.
    pub async fn play(&self, on: bool) -> Result<()> {
        self.order(Order::Play(on)).await
    }

    /// Offers with new ICE credentials, as after a change of network.
    pub async fn restart(&self) -> Result<()> {
        self.order(Order::Restart).await
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until it has seen this.
    pub async fn until(&mut self, what: &str, is: impl FnMut(&Seen) -> bool) -> Result<()> {
        let waited = timeout(PATIENCE, self.seen.wait_for(is)).await;
        match waited.map(|seen| seen.is_ok()) {
            Ok(true) => return Ok(()),
            Err(_) => bail!("waited in vain for {what}: {:?}", self.seen()),
            Ok(false) => {}
        }
        match (&mut self.task).await? {
            Ok(()) => bail!("it ended, and {what} never came"),
            Err(error) => Err(error.context(format!("waiting for {what}"))),
        }
    }

    /// Waits until it has ended, because its socket did.
    pub async fn ended(&mut self) -> Result<()> {
        // Why it ended is another's concern: a killed relay closes no socket properly.
        let _ = timeout(PATIENCE, &mut self.task)
            .await
            .context("it goes on")??;
        Ok(())
    }

    async fn order(&self, order: Order) -> Result<()> {
        let given = self.orders.send(order).await;
        given.map_err(|_| anyhow::anyhow!("the caller has ended"))
    }
}

struct Run {
    me: ParticipantId,
    from: Ipv4Addr,
    participant: Participant,
    peer: Option<Peer>,
    kinds: Vec<Modality>,
    playing: bool,
    /// How many offers were made.
    offers: u32,
    /// What was offered last.
    offered: Option<(Vec<Modality>, Vec<Wanted>)>,
    /// When the offer of a connection went out that is not up yet.
    dialled: Option<Instant>,
    player: Player,
    told: mpsc::Receiver<Order>,
    show: watch::Sender<Seen>,
}

impl Run {
    async fn run(mut self) -> Result<()> {
        loop {
            let due = self.due();
            tokio::select! {
                message = self.participant.next() => self.heard(message?).await?,
                order = self.told.recv() => match order {
                    None => return Ok(()),
                    Some(order) => self.obey(order).await?,
                },
                waited = wait(self.peer.as_mut()) => waited?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.send(),
            }
            self.drain().await?;
        }
    }

    /// When the next packet is to be sent.
    fn due(&self) -> Option<Instant> {
        if !self.playing || self.peer.is_none() || self.dialled.is_some() {
            return None;
        }
        self.player.due(&self.kinds)
    }

    /// Sends one packet that is due. A muted or held source sends nothing.
    fn send(&mut self) {
        let (me, show) = (self.me, &self.show);
        let muted = |kind| {
            let state = show.borrow().source(me, kind);
            matches!(state, Some(SourceState::Muted | SourceState::Held))
        };
        if let Some(peer) = self.peer.as_mut() {
            self.player.send(&self.kinds, peer, muted);
        }
    }

    async fn obey(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Say(message) => self.participant.send(&message).await?,
            Order::Send(kinds) => {
                let more: Vec<_> = kinds
                    .iter()
                    .copied()
                    .filter(|k| !self.kinds.contains(k))
                    .collect();
                self.kinds = kinds;
                self.player.go_on(&more);
                self.negotiate(false).await?;
            }
            Order::Play(on) => {
                self.playing = on;
                self.player.go_on(&self.kinds);
            }
            Order::Restart => self.negotiate(true).await?,
        }
        Ok(())
    }

    async fn heard(&mut self, message: ServerMessage) -> Result<()> {
        match message {
            ServerMessage::Call { call, over } => {
                let over_now = call.is_none();
                self.show.send_modify(|seen| {
                    seen.call = call;
                    seen.over = over.or(seen.over);
                });
                if over_now {
                    self.peer = None;
                    self.offered = None;
                    self.dialled = None;
                } else {
                    self.negotiate(false).await?;
                }
            }
            ServerMessage::Answer { offer, .. } if offer != self.offers => {}
            ServerMessage::Answer { sdp: Sdp(sdp), .. } => {
                if let Some(peer) = self.peer.as_mut() {
                    peer.answer(&sdp)?;
                }
                self.show.send_modify(|seen| seen.answers += 1);
                self.drain().await?;
                self.negotiate(false).await?;
            }
            ServerMessage::Agreed { modalities, .. } => {
                self.show.send_modify(|seen| seen.agreed = modalities);
            }
            ServerMessage::Noted {
                participant, what, ..
            } => self
                .show
                .send_modify(|seen| seen.noted.push((participant, what))),
            ServerMessage::Asked { .. } => self.show.send_modify(|seen| seen.asked = true),
            ServerMessage::Error { code, offer, .. } => {
                let of_this = |peer: &&mut Peer| offer == Some(self.offers) && peer.is_waiting();
                if let Some(peer) = self.peer.as_mut().filter(of_this) {
                    peer.refused();
                    self.offered = None;
                }
                self.show.send_modify(|seen| seen.refused.push(code));
            }
            _ => {}
        }
        Ok(())
    }

    /// Offers what it sends and takes, where that is not what was offered last.
    async fn negotiate(&mut self, restart: bool) -> Result<()> {
        let wanted = {
            let seen = self.show.borrow();
            if seen.standing(self.me) != Some(Standing::In) {
                return Ok(());
            }
            let people = seen.call.iter().flat_map(|call| &call.people);
            let others = people.filter(|person| person.participant != self.me);
            let sources = others.flat_map(|person| {
                let kinds = person.sources.iter().map(|source| source.kind);
                kinds.map(|kind| (person.participant, kind))
            });
            sources.collect::<Vec<Wanted>>()
        };
        let offer = (self.kinds.clone(), wanted);
        if self.peer.as_ref().is_some_and(Peer::is_waiting)
            || self.offered.as_ref() == Some(&offer) && !restart
        {
            return Ok(());
        }
        if self.peer.is_none() {
            self.peer = Some(Peer::new(self.from).await?);
            self.dialled = Some(Instant::now());
        }
        let Some(peer) = self.peer.as_mut() else {
            return Ok(());
        };
        let proposal = peer.offer(&offer.0, &offer.1, restart);
        self.offered = Some(offer);
        if let Some(proposal) = proposal {
            self.offers += 1;
            let message = ClientMessage::Offer {
                offer: self.offers,
                sdp: Sdp(proposal.sdp),
                sends: proposal.sends,
                takes: proposal.takes,
            };
            self.participant.send(&message).await?;
        }
        self.drain().await
    }

    async fn drain(&mut self) -> Result<()> {
        let Some(peer) = self.peer.as_mut() else {
            return Ok(());
        };
        let mut news = News::default();
        peer.drain(&mut news).await?;
        if news.connected
            && let Some(dialled) = self.dialled.take()
        {
            self.player.go_on(&self.kinds);
            self.show
                .send_modify(|seen| seen.connected.push(dialled.elapsed()));
        }
        if news.picture_lost && self.dialled.is_none() {
            self.player.go_on(&[Modality::Video, Modality::Screen]);
        }
        if !news.packets.is_empty() {
            self.show.send_modify(|seen| {
                for (whose, count) in news.packets {
                    *seen.received.entry(whose).or_default() += count;
                }
            });
        }
        Ok(())
    }
}

async fn wait(peer: Option<&mut Peer>) -> Result<()> {
    match peer {
        Some(peer) => peer.wait().await,
        None => std::future::pending().await,
    }
}
