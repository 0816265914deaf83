//! A bad network in front of the relay: a UDP proxy that stands as its announced address and loses,
//! delays and moves what passes. Its draws come from a seed; which packet meets which draw does not.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The longest datagram.
const DATAGRAM: usize = 65_536;

/// What happens to a datagram on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weather {
    /// Of a hundred, how many are lost on the way to the relay.
    pub lost_in: f64,
    /// Of a hundred, how many are lost on the way back.
    pub lost_out: f64,
    /// How long each takes.
    pub delay: Duration,
}

impl Weather {
    /// Nothing is lost.
    pub const FINE: Self = Self::losing(0.0);
    /// Nothing arrives.
    pub const NIGHT: Self = Self::losing(100.0);

    /// The same share is lost each way.
    pub const fn losing(percent: f64) -> Self {
        Self {
            lost_in: percent,
            lost_out: percent,
            delay: Duration::ZERO,
        }
    }
}

/// How many datagrams passed in one direction, and how many did not.
#[derive(Debug, Default)]
pub struct Counter {
    passed: AtomicU64,
    lost: AtomicU64,
}

impl Counter {
    /// Those that passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Relaxed)
    }

    /// Those that were lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

/// Counters of both directions.
#[derive(Debug, Default)]
pub struct Counters {
    /// To the relay.
    pub inward: Counter,
    /// From the relay.
    pub outward: Counter,
}

/// Runs until it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    front: UdpSocket,
    relay: SocketAddr,
    now: Mutex<Now>,
    counters: Counters,
}

struct Now {
    weather: Weather,
    draws: u64,
    /// Each client's own way to the relay, so that answers find back.
    ways: HashMap<SocketAddr, Way>,
}

struct Way {
    socket: Arc<UdpSocket>,
    back: JoinHandle<()>,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.back.abort();
    }
}

impl Proxy {
    /// From the loopback's port `here` to its port `there`.
    pub async fn start(here: u16, there: u16, seed: u64) -> Result<Self> {
        let shared = Arc::new(Shared {
            front: UdpSocket::bind((Ipv4Addr::LOCALHOST, here)).await?,
            relay: SocketAddr::from((Ipv4Addr::LOCALHOST, there)),
            now: Mutex::new(Now {
                weather: Weather::FINE,
                draws: seed,
                ways: HashMap::new(),
            }),
            counters: Counters::default(),
        });
        let task = tokio::spawn(inward(Arc::clone(&shared)));
        Ok(Self { shared, task })
    }

    /// From now on the weather is this.
    pub fn weather(&self, weather: Weather) {
        self.shared.now().weather = weather;
    }

    /// Whoever sends next comes from another port: what a new network looks like to the relay.
    pub fn move_on(&self) {
        self.shared.now().ways.clear();
    }

    /// What has passed and what has not.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.move_on();
    }
}

impl Shared {
    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the next datagram takes; `None` where it is lost.
    fn passes(&self, lost: impl Fn(&Weather) -> f64, counter: &Counter) -> Option<Duration> {
        let mut now = self.now();
        let weather = now.weather;
        if draw(&mut now.draws) * 100.0 < lost(&weather) {
            counter.lost.fetch_add(1, Relaxed);
            return None;
        }
        counter.passed.fetch_add(1, Relaxed);
        Some(weather.delay)
    }

    /// This client's socket towards the relay.
    async fn way(self: &Arc<Self>, client: SocketAddr) -> std::io::Result<Arc<UdpSocket>> {
        if let Some(way) = self.now().ways.get(&client) {
            return Ok(Arc::clone(&way.socket));
        }
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let back = tokio::spawn(outward(Arc::clone(self), Arc::clone(&socket), client));
        let way = Way {
            socket: Arc::clone(&socket),
            back,
        };
        self.now().ways.insert(client, way);
        Ok(socket)
    }
}

async fn inward(shared: Arc<Shared>) {
    let mut datagram = vec![0; DATAGRAM];
    loop {
        let Ok((length, client)) = shared.front.recv_from(&mut datagram).await else {
            continue;
        };
        let Some(delay) = shared.passes(|w| w.lost_in, &shared.counters.inward) else {
            continue;
        };
        let Ok(way) = shared.way(client).await else {
            continue;
        };
        let bytes = datagram.get(..length).unwrap_or_default().to_vec();
        let relay = shared.relay;
        let send = async move {
            let _ = way.send_to(&bytes, relay).await;
        };
        later(delay, send).await;
    }
}

async fn outward(shared: Arc<Shared>, way: Arc<UdpSocket>, client: SocketAddr) {
    let mut datagram = vec![0; DATAGRAM];
    loop {
        // An error here is a relay that is not there just now.
        let Ok((length, _)) = way.recv_from(&mut datagram).await else {
            continue;
        };
        let Some(delay) = shared.passes(|w| w.lost_out, &shared.counters.outward) else {
            continue;
        };
        let bytes = datagram.get(..length).unwrap_or_default().to_vec();
        let shared = Arc::clone(&shared);
        let send = async move {
            let _ = shared.front.send_to(&bytes, client).await;
        };
        later(delay, send).await;
    }
}

async fn later(delay: Duration, send: impl Future<Output = ()> + Send + 'static) {
    if delay.is_zero() {
        send.await;
    } else {
        tokio::spawn(async move {
            sleep(delay).await;
            send.await;
        });
    }
}

/// Uniform in 0..1 (`SplitMix64`).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports;
    use tokio::time::timeout;

    const AT_LAST: Duration = Duration::from_mins(1);

    impl Counters {
        /// Of `sent` datagrams none is on its way to the echo or in it: each was drawn for, and each
        /// that passed was drawn for again on its way back.
        async fn agree_on(&self, sent: u64) {
            let drawn = |counter: &Counter| counter.passed() + counter.lost();
            while drawn(&self.inward) != sent || drawn(&self.outward) != self.inward.passed() {
                sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Sends `count` datagrams to an echo behind the proxy; hands back how many came home. Some at
    /// a time: no socket's buffer holds all.
    async fn sent(client: &UdpSocket, proxy: &Proxy, count: u64) -> Result<u64> {
        let (here, counters) = (proxy.shared.front.local_addr()?, proxy.counters());
        let before = counters.inward.passed() + counters.inward.lost();
        let passed_before = counters.outward.passed();
        let mut home = 0;
        let mut buffer = [0; 64];
        for number in 1..=count {
            client.send_to(&number.to_be_bytes(), here).await?;
            if number % 50 == 0 || number == count {
                timeout(AT_LAST, counters.agree_on(before + number)).await?;
                while home < counters.outward.passed() - passed_before {
                    timeout(AT_LAST, client.recv(&mut buffer)).await??;
                    home += 1;
                }
            }
        }
        assert!(client.try_recv(&mut buffer).is_err(), "one came twice");
        Ok(home)
    }

    #[tokio::test]
    async fn it_loses_what_it_is_told_to_and_counts_it() -> Result<()> {
        let [here, there] = ports::free_many()?;
        let echo = UdpSocket::bind(("127.0.0.1", there)).await?;
        let (seen, mut ways) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut buffer = [0; 64];
            while let Ok((length, from)) = echo.recv_from(&mut buffer).await {
                let _ = seen.send(from.port());
                let _ = echo.send_to(&buffer[..length], from).await;
            }
        });
        let proxy = Proxy::start(here, there, 7).await?;
        let client = UdpSocket::bind(("127.0.0.1", 0)).await?;

        assert_eq!(sent(&client, &proxy, 100).await?, 100);
        let first = ways.recv().await;
        while ways.try_recv().is_ok() {}
        proxy.weather(Weather::NIGHT);
        assert_eq!(sent(&client, &proxy, 100).await?, 0);
        assert_eq!(proxy.counters().inward.lost(), 100);

        proxy.weather(Weather {
            lost_in: 0.0,
            ..Weather::losing(20.0)
        });
        let home = sent(&client, &proxy, 500).await?;
        assert!((350..450).contains(&home), "{home}");
        assert_eq!(proxy.counters().inward.lost(), 100);
        assert_eq!(proxy.counters().outward.passed(), 100 + home);

        proxy.weather(Weather::FINE);
        while ways.try_recv().is_ok() {}
        proxy.move_on();
        assert_eq!(sent(&client, &proxy, 1).await?, 1);
        assert_ne!(ways.recv().await, first);
        Ok(())
    }
}
