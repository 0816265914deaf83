//! A process that is killed in the middle leaves whole consents or none, and every one that it
//! was told is kept.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use proto::SessionId;
use store::{Store, StoreConfig};

use crate::bench::{Bench, Shop, on_both_engines};

on_both_engines!(a_killed_process_leaves_whole_consents_and_every_acknowledged_one);

/// Set in the process that is to be killed: the store's address.
const CHILD: &str = "STORE_TEST_TO_BE_KILLED";

async fn a_killed_process_leaves_whole_consents_and_every_acknowledged_one(bench: Bench) {
    let shop = bench.shop("shop").await;
    let mut acknowledged = HashSet::new();
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "crash::writes_until_it_is_killed"])
            .env(CHILD, &bench.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, kept) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let id = line.strip_prefix("kept ").map(str::parse::<SessionId>);
                if let Some(Ok(id)) = id {
                    told.send(id).unwrap();
                }
            }
        });
        // It is at work, and killed somewhere else in it each time.
        acknowledged.extend(kept.iter().take(10));
        tokio::time::sleep(Duration::from_millis(130 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(kept);
    }
    assert!(acknowledged.len() > 20, "only {} kept", acknowledged.len());

    let sessions = shop.tenant.unfinished_sessions().await.unwrap();
    let whole = |s: &store::UnfinishedSession| s.participants.len() == 1;
    assert!(sessions.iter().all(whole), "a session without its person");
    let found: HashSet<_> = sessions.iter().map(|s| s.session.id).collect();
    let lost = acknowledged.difference(&found).count();
    assert_eq!(lost, 0, "of {} acknowledged", acknowledged.len());
}

/// By itself, not as that process, it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn writes_until_it_is_killed() {
    let Some(url) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Store::open(&StoreConfig::new(url.to_str().unwrap()))
        .await
        .unwrap();
    let tenant = store.tenant_by_slug("shop").await.unwrap();
    let site = tenant.sites().await.unwrap().remove(0);
    let agent = tenant.staff().await.unwrap().remove(0);
    let writers = (0..8).map(|_| {
        let shop = Shop {
            tenant: tenant.clone(),
            site: site.id,
            notice: site.notices[0].notice,
            agent: agent.id,
        };
        tokio::spawn(async move {
            // More than there is time for.
            for _ in 0..1_000_000 {
                let visitor = shop.visitor().await;
                let line = format!("kept {}\n", visitor.session);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
