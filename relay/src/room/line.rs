//! A room's lines to the media worker: opened with a call's first offer, kept until the worker has
//! said its last word.

use std::future::poll_fn;
use std::task::Poll;

use proto::{ErrorCode, SessionId};
use tokio::sync::mpsc;

use crate::media::order::{News, Order};
use crate::media::{Media, MediaRoom};

/// News that may wait for the room: some seconds of a call with many sources.
const WAITING: usize = 64;

/// One call's line.
#[derive(Debug)]
struct Line {
    /// `None` once it was ordered to close.
    room: Option<MediaRoom>,
    news: mpsc::Receiver<News>,
}

/// At most one that is open, and those that are closing.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<Line>);

impl Lines {
    /// Hands an order to the worker. What comes back is news of what could not be ordered.
    pub(super) fn order(
        &mut self,
        media: &Media,
        session: SessionId,
        recorded: bool,
        order: Order,
    ) -> Option<News> {
        let offer = match &order {
            Order::Offer { peer, number, .. } => Some((*peer, *number)),
            _ => None,
        };
        let open = self.0.iter().position(|line| line.room.is_some());
        let done = match (open, &order) {
            (Some(open), Order::Close) => {
                if let Some(line) = self.0.get_mut(open) {
                    // Dropped, it orders this by itself.
                    line.room = None;
                }
                Ok(())
            }
            (Some(open), _) => self.on(open, order),
            (None, Order::Offer { .. }) => {
                let (sender, news) = mpsc::channel(WAITING);
                media.open(session, recorded, sender).and_then(|room| {
                    let room = Some(room);
                    self.0.push(Line { room, news });
                    self.on(self.0.len() - 1, order)
                })
            }
            // Nothing is there that it could be about.
            (None, Order::Close) => return Some(News::Closed),
            (None, _) => Ok(()),
        };
        let code = done.err()?;
        Some(match offer {
            Some((peer, number)) => News::Answer {
                peer,
                number,
                answer: Err(code),
            },
            None => News::Disobeyed,
        })
    }

    fn on(&self, open: usize, order: Order) -> Result<(), ErrorCode> {
        let room = self.0.get(open).and_then(|line| line.room.as_ref());
        room.ok_or(ErrorCode::MediaUnavailable)?.order(order)
    }

    /// Waits for news; for ever, where there is no line. Dropping the future loses nothing.
    pub(super) async fn news(&mut self) -> News {
        poll_fn(|context| {
            for index in 0..self.0.len() {
                let Some(line) = self.0.get_mut(index) else {
                    break;
                };
                while let Poll::Ready(news) = line.news.poll_recv(context) {
                    let over = line.room.is_none();
                    let news = match news.unwrap_or(News::Failed) {
                        News::Failed if over => News::Unfinished,
                        news => news,
                    };
                    let of_now = matches!(
                        news,
                        News::Answer { .. } | News::Connected { .. } | News::Lost { .. }
                    );
                    // Of a call that is over only the rest of its record counts.
                    if of_now && over {
                        continue;
                    }
                    if matches!(news, News::Closed | News::Failed | News::Unfinished) {
                        self.0.remove(index);
                    }
                    return Poll::Ready(news);
                }
            }
            Poll::Pending
        })
        .await
    }
}
