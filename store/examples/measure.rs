//! How fast the store keeps consents and turns tokens over, on both engines:
//! `cargo run --release -p store --example measure [operations]`.
//!
//! SQLite in a fresh folder of the current directory, PostgreSQL on a fresh server that syncs.
//! CPU is user and system time of this process; for PostgreSQL that of all `postgres` processes is
//! given apart. Compare within one run only: machines differ, and so do their disks.

use std::io::Write;
use std::time::{Duration, Instant};

use getrandom::SysRng;
use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::notice::Modality;
use proto::{Hash32, Millis, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, TenantId};
use rand_core::{Rng as _, UnwrapErr};
use store::testing::TestDatabase;
use store::{JoinToken, NewConsent, NewSite, NewTenant, Store, StoreConfig, Tenant};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const NOW: Millis = Millis(1_790_000_000_000);
const LATER: Millis = Millis(NOW.0 + 3_600_000);

/// So many callers at once: alone, some, and a crowd.
const CALLERS: [usize; 3] = [1, 64, 512];

#[tokio::main]
async fn main() -> Outcome<()> {
    let operations = std::env::args().nth(1).map_or(Ok(4_096), |n| n.parse())?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| engine | work | callers | per second | CPU µs each | server's CPU µs each |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    let folder = tempfile::tempdir_in(".")?;
    let url = format!("sqlite:{}", folder.path().display());
    engine(&mut out, "SQLite", &url, operations).await?;
    let database = TestDatabase::durable()?;
    engine(&mut out, "PostgreSQL", &database.url(), operations).await
}

async fn engine(out: &mut impl Write, name: &str, url: &str, operations: usize) -> Outcome<()> {
    let store = Store::open(&StoreConfig::new(url)).await?;
    let (tenant, site, notice) = shop(&store).await?;
    for callers in CALLERS {
        // One caller alone waits for each sync: fewer are enough to know.
        let count = if callers == 1 {
            operations / 8
        } else {
            operations
        };
        let mut line = |work: &str, took: Took| {
            let rate = count as u128 * 1_000_000 / took.wall.as_micros().max(1);
            let each = |cpu: Duration| cpu.as_micros() / count as u128;
            let (own, server) = (each(took.own), each(took.server));
            writeln!(
                out,
                "| {name} | {work} | {callers} | {rate} | {own} | {server} |"
            )
        };
        let consents: Vec<_> = (0..count).map(|_| consent(site, notice)).collect();
        let (mut joins, mut rotations, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for consent in &consents {
            let (first, second) = (hash(), hash());
            joins.push(Job::Join(consent.join.hash, first));
            rotations.push(Job::Rotate(first, second));
            reads.push(Job::Read(consent.session));
        }
        let consents = consents.into_iter().map(Box::new).map(Job::Consent);
        let took = timed(&tenant, callers, consents.collect()).await?;
        line("consent, with session, participant, token", took)?;
        let took = timed(&tenant, callers, joins).await?;
        line("join: token used up, resume token put", took)?;
        let took = timed(&tenant, callers, rotations).await?;
        line("resume: token rotated", took)?;
        let took = timed(&tenant, callers, reads).await?;
        line("read of one session", took)?;
    }
    store.close().await;
    Ok(())
}

/// What some work took.
struct Took {
    wall: Duration,
    own: Duration,
    server: Duration,
}

/// One call of the store.
enum Job {
    Consent(Box<NewConsent>),
    Join(Hash32, Hash32),
    Rotate(Hash32, Hash32),
    Read(SessionId),
}

impl Job {
    /// Whether it found what it was about.
    async fn run(self, tenant: &Tenant) -> store::Result<bool> {
        match self {
            Self::Consent(consent) => tenant.record_consent(*consent).await.map(|()| true),
            Self::Join(join, first) => tenant
                .redeem_join(join, first, LATER, NOW)
                .await
                .map(|joined| joined.is_some()),
            Self::Rotate(old, new) => tenant
                .rotate_resume(old, new, LATER, NOW, None)
                .await
                .map(|resumed| resumed.is_some()),
            Self::Read(session) => Ok(tenant.session(session).await?.is_some()),
        }
    }
}

/// Runs every job, so many at once; each must succeed.
async fn timed(tenant: &Tenant, callers: usize, jobs: Vec<Job>) -> Outcome<Took> {
    let mut queues: Vec<Vec<Job>> = (0..callers).map(|_| Vec::new()).collect();
    for (i, job) in jobs.into_iter().enumerate() {
        if let Some(queue) = queues.get_mut(i % callers) {
            queue.push(job);
        }
    }
    let (own, server, start) = (own_cpu()?, postgres_cpu(), now());
    let tasks = queues.into_iter().map(|queue| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            for job in queue {
                if !job.run(&tenant).await? {
                    return Err(store::StoreError::NotFound);
                }
            }
            Ok(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(Took {
        wall: start.elapsed(),
        own: own_cpu()?.saturating_sub(own),
        server: postgres_cpu().saturating_sub(server),
    })
}

async fn shop(store: &Store) -> Outcome<(Tenant, SiteId, Hash32)> {
    let tenant = store
        .create_tenant(NewTenant {
            id: TenantId::random(&mut rng()),
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            root_key: PublicKey(hash().0),
            created: NOW,
        })
        .await?;
    let site = SiteId::random(&mut rng());
    let front = NewSite {
        id: site,
        name: "Front page".to_owned(),
        accent: None,
        origins: Vec::new(),
        modalities: vec![Modality::Chat],
    };
    tenant.put_site(&front).await?;
    let notice = br#"{"version":"1","language":"en","controller":"","contact":"","policy_url":"",
        "decline_url":"","name_not_needed":"","purposes":[],"recording":{"mode":"required",
        "minimum_days":1,"maximum_days":2},"retention_text":"","recipients":[],"transfers":[],
        "rights":[],"authority":"","obligation":""}"#;
    let notice = tenant.publish_notice(site, notice, NOW).await?;
    Ok((tenant, site, notice))
}

fn consent(site: SiteId, notice: Hash32) -> NewConsent {
    NewConsent {
        session: SessionId::random(&mut rng()),
        participant: ParticipantId::random(&mut rng()),
        site,
        recording: Some(RecordingId::random(&mut rng())),
        notice,
        modalities: vec![Modality::Chat],
        choice: RecordingChoice::Acknowledged,
        participant_key: PublicKey(hash().0),
        track: 1,
        receipt: ReceiptClaim {
            lookup: hash().0.iter().copied().take(16).collect(),
            proof_hash: hash(),
            public_key: PublicKey(hash().0),
        },
        at: NOW,
        join: JoinToken {
            hash: hash(),
            expires: LATER,
        },
    }
}

fn hash() -> Hash32 {
    let mut bytes = [0; 32];
    rng().fill_bytes(&mut bytes);
    Hash32(bytes)
}

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring is about the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

fn own_cpu() -> Outcome<Duration> {
    cpu("/proc/self/stat").ok_or_else(|| "no /proc/self/stat".into())
}

/// All of the server's processes; one that ends in between is missing, which is little.
fn postgres_cpu() -> Duration {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = std::fs::read_to_string(entry.path().join("comm"));
            name.is_ok_and(|name| name.trim_end() == "postgres")
        })
        .filter_map(|entry| cpu(entry.path().join("stat")))
        .sum()
}

/// User and system time, in ticks of 10 ms: the 14th and 15th field.
fn cpu(stat: impl AsRef<std::path::Path>) -> Option<Duration> {
    let stat = std::fs::read_to_string(stat).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Some(Duration::from_millis(ticks * 10))
}
