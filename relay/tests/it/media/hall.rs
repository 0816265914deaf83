//! A worker, and the room's end of one call on it.

use std::time::Duration;

use proto::{ErrorCode, ParticipantId, SessionId, TrackNo};
use relay::clock::Clock;
use relay::config::MediaConfig;
use relay::media::order::{Captured, Gate, News, Order};
use relay::media::worker::Patience;
use relay::media::{Media, MediaRoom};
use seal::media::{Batch, Item};
use tokio::sync::mpsc;

use super::stranger::Stranger;
use crate::world::rng;

/// For whatever must happen at all.
pub(crate) const AT_LAST: Duration = Duration::from_mins(1);

/// A room with one call.
pub(crate) struct Hall {
    pub(crate) media: Media,
    pub(crate) room: Option<MediaRoom>,
    news: mpsc::Receiver<News>,
    pub(crate) told: Vec<News>,
    pub(crate) over: bool,
}

/// One worker on a free port.
pub(crate) fn config() -> MediaConfig {
    MediaConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        workers: 1,
        ..MediaConfig::default()
    }
}

pub(crate) fn someone() -> ParticipantId {
    ParticipantId::random(&mut rng())
}

impl Hall {
    /// A recorded call.
    pub(crate) fn new() -> Self {
        Self::with(true, Patience::default(), 256)
    }

    pub(crate) fn with(recorded: bool, patience: Patience, places: usize) -> Self {
        let media = Media::start_with(&config(), &Clock::system(), patience).unwrap();
        let (told, news) = mpsc::channel(places);
        let room = media
            .open(SessionId::random(&mut rng()), recorded, told)
            .unwrap();
        Self {
            media,
            room: Some(room),
            news,
            told: Vec::new(),
            over: false,
        }
    }

    pub(crate) fn order(&self, order: Order) {
        self.room.as_ref().unwrap().order(order).unwrap();
    }

    pub(crate) fn gate(&self, track: TrackNo, gate: Gate) {
        self.order(Order::Gate { track, gate });
    }

    pub(crate) fn open_gates(&self, tracks: &[TrackNo]) {
        for track in tracks {
            self.gate(*track, Gate::Open);
        }
    }

    /// Takes what was told so far.
    pub(crate) fn listen(&mut self) {
        loop {
            match self.news.try_recv() {
                Ok(news) => self.told.push(news),
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.over = true;
                    return;
                }
            }
        }
    }

    /// Waits for the answer to an offer.
    pub(crate) async fn answer(&mut self) -> Result<String, ErrorCode> {
        loop {
            let news = tokio::time::timeout(AT_LAST, self.news.recv()).await;
            match news.expect("an answer").expect("the worker lives") {
                News::Answer { answer, .. } => return answer,
                news => self.told.push(news),
            }
        }
    }

    pub(crate) async fn until(
        &mut self,
        strangers: &mut [&mut Stranger],
        mut done: impl FnMut(&Self, &[&mut Stranger]) -> bool,
    ) {
        let end = tokio::time::Instant::now() + AT_LAST;
        loop {
            self.listen();
            if done(self, strangers) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "it never happened: {:?}",
                self.told
            );
            super::stranger::turn(strangers).await;
        }
    }

    pub(crate) fn connected(&self) -> usize {
        self.told
            .iter()
            .filter(|news| matches!(news, News::Connected { .. }))
            .count()
    }

    pub(crate) fn lost(&self) -> usize {
        self.told
            .iter()
            .filter(|news| matches!(news, News::Lost { .. }))
            .count()
    }

    /// Everyone goes; what was captured is all there.
    pub(crate) async fn close(&mut self) {
        drop(self.room.take());
        self.until(&mut [], |hall, _| hall.over).await;
        assert!(
            matches!(self.told.last(), Some(News::Closed)),
            "{:?}",
            self.told
        );
    }

    pub(crate) fn captured(&self) -> impl Iterator<Item = &Captured> {
        self.told.iter().filter_map(|news| match news {
            News::Captured(captured) => Some(captured),
            _ => None,
        })
    }

    /// What the record of `track` holds so far.
    pub(crate) fn items(&self, track: TrackNo) -> Vec<Item> {
        let batches = self.captured().filter(|captured| captured.track == track);
        batches
            .flat_map(|captured| Batch::new(captured.batch.to_vec().into()).unwrap())
            .map(|item| item.unwrap())
            .collect()
    }

    /// The payloads in the record of `track` so far.
    pub(crate) fn payloads(&self, track: TrackNo) -> Vec<Vec<u8>> {
        let items = self.items(track).into_iter();
        items
            .filter_map(|item| match item {
                Item::Rtp(packet) => Some(packet.payload.to_vec()),
                _ => None,
            })
            .collect()
    }
}

impl Hall {
    /// Whether the worker has let go of the room.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.news.is_closed() || self.news.sender_strong_count() == 0
    }
}
