//! A room, the spool below it, and people who remember what they were told.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use proptest::sample::Index;
use proto::consent::RecordingChoice;
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::{Modality, RecordingMode, RecordingPolicy};
use proto::wire::{ClientMessage, Limits, ServerMessage};
use proto::{
    Hash32, KeyId, Millis, NodeId, RecordingId, SessionId, SiteId, StaffId, TenantId, Token,
};
use relay::room::effect::{Effect, SocketId};
use relay::room::facts::{Facts, House, Node, SealTarget};
use relay::room::recover::Unfinished;
use relay::room::state::{Admitted, Claim, Command, Join, Resume, Room};
use seal::spool::{Record, Spool, SpoolConfig};
use tempfile::TempDir;

use crate::world::{rng, x25519};

mod someone;

pub(crate) use someone::consent;
use someone::{Someone, participant, someone};

pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

pub(crate) struct Model {
    folder: TempDir,
    house: Arc<House>,
    facts: Facts,
    target: Arc<SealTarget>,
    room: Room,
    spool: Option<Spool>,
    in_flight: Option<Vec<Record>>,
    /// Data parts that are on the disk.
    on_disk: u64,
    people: Vec<Someone>,
    sockets: SocketId,
    killed: bool,
}

pub(crate) fn house() -> Arc<House> {
    Arc::new(House {
        node: Arc::new(Node {
            id: NodeId::random(&mut rng()),
            key: SigningKey::from_bytes(&[7; 32]),
        }),
        limits: Limits {
            text_bytes: 4_000,
            per_minute: 100,
            unacknowledged: 1_000,
            unanswered: 1_000,
        },
        history_bytes: 32 << 20,
        people: 100,
        join_ms: 60_000,
        longest_ms: 43_200_000,
        return_ms: 600_000,
        after_end_ms: 600_000,
        refusals: Arc::default(),
    })
}

pub(crate) fn facts(recording: Option<RecordingId>) -> Facts {
    Facts {
        tenant: TenantId::random(&mut rng()),
        session: SessionId::random(&mut rng()),
        site: SiteId::random(&mut rng()),
        site_name: "Shop".to_owned(),
        recording,
        notice: Hash32::ZERO,
        policy: RecordingPolicy {
            mode: RecordingMode::Optional,
            minimum_days: 1,
            maximum_days: 2,
        },
        offered: vec![
            Modality::Chat,
            Modality::Audio,
            Modality::Video,
            Modality::Screen,
        ],
        modalities: vec![Modality::Chat],
        since: NOW,
    }
}

pub(crate) fn target(tenant: TenantId) -> Arc<SealTarget> {
    Arc::new(SealTarget {
        sealing: SealingKey {
            tenant,
            key: KeyId::random(&mut rng()),
            quarter: "2026Q4".to_owned(),
            public_key: x25519(),
            not_before: Millis(0),
            not_after: Millis(i64::MAX),
            threshold: 2,
            shares: 2,
        },
        intake: IntakeKey {
            generation: 1,
            public_key: x25519(),
            not_before: Millis(0),
        },
    })
}

impl Model {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let facts = facts(Some(RecordingId::random(&mut rng())));
        let house = house();
        let target = target(facts.tenant);
        let visitor = someone(&facts, None, 1);
        let room = Room::open(
            Arc::clone(&house),
            facts.clone(),
            Some(Arc::clone(&target)),
            participant(&visitor),
            &mut rng(),
        )
        .unwrap();
        let spool = open(&folder).0;
        let mut model = Self {
            folder,
            house,
            facts,
            target,
            room,
            spool: Some(spool),
            in_flight: None,
            on_disk: 0,
            people: vec![visitor],
            sockets: 0,
            killed: false,
        };
        model.join(0);
        model.durable();
        model
    }

    /// Another agent comes in, asked by nobody: the first, or invited by the model itself.
    pub(crate) fn agent(&mut self) {
        let staff = StaffId::random(&mut rng());
        if self.people.len() > 8 {
            return;
        }
        // Agents ask the next one in, as they would.
        let asker = self
            .people
            .iter()
            .find(|person| person.staff.is_some() && person.welcomed)
            .and_then(|person| person.socket);
        if let Some(socket) = asker {
            let ask = ClientMessage::Invite { to: staff };
            self.handle(Command::From(socket, ask));
        }
        let claim = Claim {
            staff,
            recording: RecordingChoice::Acknowledged,
        };
        let Ok(claimed) = self.room.claim(NOW, &claim) else {
            return;
        };
        let agent = someone(&self.facts, Some(staff), claimed.track);
        let admitted = Admitted {
            participant: agent.id,
            staff,
            name: "MIA".to_owned(),
            track: claimed.track,
            key: agent.key,
            consent: claimed.consent,
        };
        self.room.admit(NOW, admitted, &mut rng()).unwrap();
        self.people.push(agent);
    }

    fn join(&mut self, who: usize) {
        let socket = self.next_socket(who);
        let join = Join {
            participant: self.people[who].id,
            staff: self.people[who].staff,
            name: None,
            socket,
            resume: Token::random(&mut rng()),
        };
        self.handle(Command::Join(Box::new(join)));
    }

    pub(crate) fn say(&mut self, who: Index) {
        let who = who.index(self.people.len());
        let person = &mut self.people[who];
        if !person.welcomed {
            return;
        }
        person.cid += 1;
        let (cid, text) = (person.cid, format!("{} of {}", person.cid, person.track));
        person.said.insert(cid, text.clone());
        self.send(who, cid, text);
    }

    pub(crate) fn say_again(&mut self, who: Index) {
        let who = who.index(self.people.len());
        if !self.people[who].welcomed {
            return;
        }
        // After a restart the relay cannot know numbers of before; browsers learn from the record
        // which were kept, and do not repeat them.
        let person = &self.people[who];
        let last = person.said.range(person.cid_at_restart + 1..).next_back();
        if let Some((cid, text)) = last {
            let (cid, text) = (*cid, text.clone());
            self.send(who, cid, text);
        }
    }

    fn send(&mut self, who: usize, cid: u64, text: String) {
        let socket = self.people[who].socket.unwrap();
        self.handle(Command::From(socket, ClientMessage::Say { cid, text }));
    }

    pub(crate) fn drop_socket(&mut self, who: Index) {
        let who = who.index(self.people.len());
        if let Some(socket) = self.people[who].socket.take() {
            self.people[who].welcomed = false;
            self.handle(Command::Gone(socket));
        }
    }

    /// Joins, or returns.
    pub(crate) fn come(&mut self, who: Index) {
        self.come_in(who.index(self.people.len()));
    }

    fn come_in(&mut self, who: usize) {
        if self.people[who].returns {
            self.resume(who);
        } else if !self.room.is_stalled() {
            self.join(who);
        }
    }

    fn resume(&mut self, who: usize) {
        let socket = self.next_socket(who);
        let person = &self.people[who];
        let resume = Resume {
            participant: person.id,
            staff: person.staff,
            name: Some("as before".to_owned()),
            have: person.have(),
            socket,
            resume: Token::random(&mut rng()),
        };
        self.handle(Command::Resume(Box::new(resume)));
    }

    fn next_socket(&mut self, who: usize) -> SocketId {
        self.sockets += 1;
        self.people[who].socket = Some(self.sockets);
        self.people[who].welcomed = false;
        self.sockets
    }

    pub(crate) fn durable(&mut self) {
        if let Some(records) = self.in_flight.take() {
            self.write(&records);
            self.room.durable(NOW);
            self.carry_out();
        }
    }

    /// The append finds no space: it is held until it is durable after all.
    pub(crate) fn full(&mut self) {
        if self.in_flight.is_some() {
            self.room.stalled(NOW);
            self.carry_out();
            assert!(self.people.iter().all(|person| !person.welcomed));
        }
    }

    fn write(&mut self, records: &[Record]) {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.spool.as_ref().unwrap().submit(records, move |done| {
            sender.send(done.map(drop)).unwrap();
        });
        receiver.recv().unwrap().unwrap();
        self.on_disk += data_parts(records);
    }

    pub(crate) fn kill(&mut self, written: bool) {
        self.killed = true;
        if let Some(records) = self.in_flight.take()
            && written
        {
            self.write(&records);
        }
        // The folder's lock goes with the writer's thread.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(self.spool.take().unwrap().close());
        let (spool, mut recovered) = open(&self.folder);
        let recording = recovered
            .recordings
            .remove(&self.facts.recording.unwrap())
            .unwrap();
        assert!(recovered.damage.is_empty(), "{:?}", recovered.damage);
        assert_eq!(recording.data_parts(), self.on_disk);
        let mut parts = Vec::new();
        for part in &recording.parts {
            for record in spool.read(part.at).unwrap() {
                if let Record::Part(part) = record {
                    parts.push(part);
                }
            }
        }
        self.spool = Some(spool);
        for person in &mut self.people {
            person.socket = None;
            person.welcomed = false;
            person.cid_at_restart = person.cid;
            person.returns = true;
        }
        // Whoever had not joined durably has no track, and would have to be let in anew.
        self.people
            .retain(|person| recording.tracks.contains_key(&person.track));
        let unfinished = Unfinished {
            facts: self.facts.clone(),
            people: self.people.iter().map(participant).collect(),
            recording,
            parts,
            target: Some(Arc::clone(&self.target)),
            owed: Vec::new(),
        };
        self.room = Room::recover(Arc::clone(&self.house), NOW, unfinished).unwrap();
        self.carry_out();
    }

    fn handle(&mut self, command: Command) {
        self.room.handle(NOW, command, &mut rng());
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut again = Vec::new();
        while let Some(effect) = self.room.poll() {
            match effect {
                Effect::Append(records) => {
                    assert!(self.in_flight.is_none(), "two appends on their way");
                    self.in_flight = Some(records);
                }
                Effect::Frame(socket, frame) => {
                    again.extend(self.told(socket, &frame));
                }
                Effect::Backlog(socket, mut backlog) => {
                    while let Some(frame) = backlog.next_frame() {
                        again.extend(self.told(socket, &frame));
                    }
                }
                Effect::Close(socket, _) => {
                    for person in &mut self.people {
                        if person.socket == Some(socket) {
                            person.socket = None;
                            person.welcomed = false;
                        }
                    }
                }
                Effect::Finished => panic!("nobody ended it"),
                Effect::Consent { .. } | Effect::Media(_) => panic!("nobody calls here"),
                Effect::Board(_) | Effect::OffBoard | Effect::Keep(_) | Effect::Note { .. } => {}
            }
        }
        // Browsers send again what they find was not kept.
        for (who, cid, text) in again {
            self.send(who, cid, text);
        }
    }

    /// A frame arrives; returns what this browser sends again because of it.
    fn told(&mut self, socket: SocketId, frame: &str) -> Vec<(usize, u64, String)> {
        let Some(who) = self.people.iter().position(|p| p.socket == Some(socket)) else {
            return Vec::new();
        };
        let (on_disk, killed) = (self.on_disk, self.killed);
        let frame: ServerMessage = serde_json::from_str(frame).unwrap();
        let person = &mut self.people[who];
        match frame {
            ServerMessage::Welcome { last, .. } => {
                assert!(last <= on_disk);
                person.welcomed = true;
                person.returns = true;
            }
            ServerMessage::Sealed { wraps, parts, more } => {
                for wrap in &wraps {
                    person.opener.unwrap(wrap);
                }
                for part in &parts {
                    match person.opener.open(part) {
                        Some(event) => person.opened(part.track, &event, on_disk),
                        None => assert!(killed, "no key for what this process sealed"),
                    }
                }
                if !more {
                    let kept = person.acknowledged.clone();
                    let lost = person
                        .said
                        .iter()
                        .filter(|(cid, _)| !kept.contains_key(cid));
                    return lost.map(|(cid, text)| (who, *cid, text.clone())).collect();
                }
            }
            ServerMessage::Said {
                n,
                participant,
                text,
                ..
            } => {
                assert_ne!(participant, person.id, "one's own message came back");
                person.sees(n, text, on_disk);
            }
            ServerMessage::Joined { n: Some(n), .. } => person.sees(n, "joined".into(), on_disk),
            ServerMessage::Asked { n, .. } => person.sees(n, "asked".into(), on_disk),
            ServerMessage::Ack { cid, n, sealed, .. } => {
                assert!(sealed.is_some());
                assert!(n <= on_disk, "acknowledged before it was durable");
                let before = person.acknowledged.insert(cid, n);
                assert!(before.is_none_or(|before| before == n), "two places");
                person.seen.insert(n, person.said[&cid].clone());
            }
            ServerMessage::Error { code, .. } => panic!("refused: {code}"),
            _ => {}
        }
        Vec::new()
    }

    /// Everything becomes durable, everyone returns; then the record itself is read.
    pub(crate) fn check_to_the_end(&mut self) {
        self.settle_everything();
        assert_eq!(
            self.people[0].have(),
            self.on_disk,
            "the visitor misses something"
        );
        self.kill(true);
        self.settle_everything();
        // The visitor was there from the beginning, so every key was wrapped to them.
        self.people[0].seen.clear();
        self.resume(0);
        self.settle_everything();
        let record = self.people[0].seen.clone();
        assert_eq!(record.len() as u64, self.on_disk, "a place is missing");
        assert!(record.keys().copied().eq(1..=self.on_disk));
        for person in &self.people {
            for (n, what) in &person.seen {
                assert_eq!(&record[n], what, "two saw different things at {n}");
            }
            for (cid, n) in &person.acknowledged {
                assert_eq!(record[n], person.said[cid]);
            }
            for text in person.said.values() {
                let times = record.values().filter(|what| *what == text).count();
                assert_eq!(times, 1, "{text:?} is there {times} times");
            }
        }
    }

    fn settle_everything(&mut self) {
        for _ in 0..4 {
            for who in 0..self.people.len() {
                if self.people[who].socket.is_none() {
                    self.come_in(who);
                }
            }
            while self.in_flight.is_some() {
                self.durable();
            }
        }
    }
}

fn data_parts(records: &[Record]) -> u64 {
    let data = |record: &&Record| match record {
        Record::Part(part) => part.header.kind == seal::PartKind::Data,
        _ => false,
    };
    records.iter().filter(data).count() as u64
}

pub(crate) fn open(folder: &TempDir) -> (Spool, seal::spool::Recovered) {
    let config = SpoolConfig {
        segment_bytes: 64 << 10,
        linger: std::time::Duration::ZERO,
        min_free_bytes: 0,
        queue_bytes: 1 << 20,
    };
    Spool::open_directory(folder.path(), config).unwrap()
}
