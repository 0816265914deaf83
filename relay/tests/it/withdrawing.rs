//! Withdrawing with the real store: it reaches its row whatever the store does meanwhile, and no
//! restart undoes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::call::CallEvent;
use proto::consent::{ConsentRequest, Receipt};
use proto::notice::{Modality, RecordingMode};
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Millis, ParticipantId, PublicKey};
use relay::app;
use relay::clock::Clock;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::desk::session;
use crate::world::agent::{notice_view, sign_in};
use crate::world::visitor::{Person, arrive, arrive_asking};
use crate::world::{Relay, World, notice, publish};

const CHAT_AND_SOUND: [Modality; 2] = [Modality::Chat, Modality::Audio];

/// A world whose notice covers sound.
async fn world() -> World {
    let mut world = World::new().await;
    let mut spoken = notice("2", RecordingMode::Required);
    for purpose in &mut spoken.purposes {
        purpose.modalities = CHAT_AND_SOUND.to_vec();
    }
    let store = world.store().await;
    let tenant = store.tenant(world.client().tenant).await.unwrap();
    let published = publish(&tenant, world.client().site, &spoken, Millis(0));
    world.clients[0].notice = published.await;
    store.close().await;
    world
}

/// A visitor who agrees to sound too, and joins.
async fn arrive_speaking(world: &World, relay: &Relay) -> Person {
    let speaking = |request: &mut ConsentRequest| request.modalities = CHAT_AND_SOUND.to_vec();
    arrive_asking(relay.port, world.client(), None, speaking).await
}

/// The two of them, and from here on no change of consent can be written.
async fn meet(world: &World, relay: &Relay) -> [Person; 2] {
    let visitor = arrive_speaking(world, relay).await;
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let agent = mia.accept(session(&visitor)).await;
    break_rows(world).await;
    [visitor, agent]
}

fn folder_of(world: &World) -> PathBuf {
    let tenant = world.client().tenant.to_string();
    world.folder.path().join("data/tenants").join(tenant)
}

async fn sql(tenant: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(tenant.join("tenant.db"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// From here on no change of consent can be written.
async fn break_rows(world: &World) {
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON consent_changes
        BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sql(&folder_of(world), broken).await;
}

async fn mend_rows(world: &World) {
    sql(&folder_of(world), "DROP TRIGGER broken").await;
}

fn withdraw() -> ClientMessage {
    ClientMessage::Withdraw {
        modality: Modality::Audio,
    }
}

/// Waits until the others have heard of it: it is durable.
async fn hears_of_it(person: &mut Person) {
    let modality = Modality::Audio;
    let withdrew = CallEvent::Withdrew { modality };
    let heard = |frame: &ServerMessage| {
        matches!(frame, ServerMessage::Noted { what, .. } if *what == withdrew).then_some(())
    };
    person.socket.until(heard).await;
}

/// What the rows say: what holds, and what was said since the gate.
async fn rows(world: &World, who: ParticipantId) -> (Vec<Modality>, Vec<bool>) {
    let store = world.store().await;
    let tenant = store.tenant(world.client().tenant).await.unwrap();
    let consent = tenant.consent_of(who).await.unwrap().unwrap();
    let changes = tenant.consent_changes(who).await.unwrap();
    store.close().await;
    let changes = changes.iter().map(|change| change.given).collect();
    (consent.modalities, changes)
}

/// Waits until the rows say that no session runs any more.
async fn until_ended(world: &World) {
    let store = world.store().await;
    let tenant = store.tenant(world.client().tenant).await.unwrap();
    while !tenant.unfinished_sessions().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await;
}

/// The folder as a machine finds it that lost its power just now.
fn image(world: &World) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let folder = TempDir::new().unwrap();
    copy(world.folder.path(), folder.path());
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_whose_row_was_not_written_when_the_relay_died_holds_after_the_restart() {
    let mut world = world().await;
    let relay = world.start().await;
    let [mut visitor, mut agent] = meet(&world, &relay).await;
    visitor.socket.send(&withdraw()).await;
    hears_of_it(&mut agent).await;

    let killed = image(&world);
    let alive = std::mem::replace(&mut world.folder, killed);
    mend_rows(&world).await;
    assert_eq!(rows(&world, visitor.id).await.0, CHAT_AND_SOUND);
    let restarted = world.start().await;
    let who = visitor.id;
    let mut visitor = visitor.return_to(restarted.port, 0).await;
    let ServerMessage::Welcome { modalities, .. } = &visitor.welcome else {
        unreachable!();
    };
    assert_eq!(*modalities, [Modality::Chat]);
    let call = ClientMessage::Call { again: true };
    visitor.socket.send(&call).await;
    assert_eq!(
        visitor.socket.until_error().await,
        ErrorCode::AgreementNeeded
    );
    assert_eq!(rows(&world, who).await, (vec![Modality::Chat], vec![false]));
    restarted.stop().await;

    // The one that had lived on writes it as soon as it can.
    world.folder = alive;
    mend_rows(&world).await;
    for _ in 0..100 {
        if rows(&world, who).await.0 == [Modality::Chat] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(rows(&world, who).await, (vec![Modality::Chat], vec![false]));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_written_although_the_session_has_ended_and_the_relay_stops() {
    let world = world().await;
    let relay = world.start().await;
    let [mut visitor, mut agent] = meet(&world, &relay).await;
    visitor.socket.send(&withdraw()).await;
    hears_of_it(&mut agent).await;
    agent.socket.send(&ClientMessage::End {}).await;
    agent.socket.closed().await;
    let stopping = tokio::spawn(relay.stop());
    tokio::time::sleep(Duration::from_millis(300)).await;
    mend_rows(&world).await;
    stopping.await.unwrap();
    let (held, said) = rows(&world, visitor.id).await;
    assert_eq!((held, said), (vec![Modality::Chat], vec![false]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_holds_after_a_restart_although_the_end_of_its_session_was_written_first() {
    let mut world = world().await;
    let relay = world.start().await;
    let mut visitor = arrive_speaking(&world, &relay).await;
    let mia = sign_in(relay.port, world.client(), "mia").await;
    let mut agent = mia.accept(session(&visitor)).await;
    break_rows(&world).await;
    visitor.socket.send(&withdraw()).await;
    hears_of_it(&mut agent).await;
    agent.socket.send(&ClientMessage::End {}).await;
    agent.socket.closed().await;
    until_ended(&world).await;

    let killed = image(&world);
    mend_rows(&world).await;
    relay.stop().await;
    world.folder = killed;
    mend_rows(&world).await;
    assert_eq!(rows(&world, visitor.id).await.0, CHAT_AND_SOUND);
    world.start().await.stop().await;
    let (held, said) = rows(&world, visitor.id).await;
    assert_eq!((held, said), (vec![Modality::Chat], vec![false]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_without_a_receipt_is_answered_all_the_same() {
    let world = world().await;
    let relay = world.start().await;
    let mut visitor = arrive_speaking(&world, &relay).await;
    sql(&folder_of(&world), "UPDATE notices SET bytes = x'00'").await;
    visitor.socket.send(&withdraw()).await;
    let answer = visitor.socket.until(|frame| match frame {
        ServerMessage::Agreed {
            modalities,
            receipt,
        } => Some((modalities.clone(), receipt.is_some())),
        _ => None,
    });
    assert_eq!(answer.await, (vec![Modality::Chat], false));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_whose_row_is_there_no_more_is_not_tried_for_ever() {
    let world = world().await;
    let relay = world.start().await;
    let mut visitor = arrive_speaking(&world, &relay).await;
    let erased = "PRAGMA foreign_keys = OFF; DELETE FROM consents; DELETE FROM participants";
    sql(&folder_of(&world), erased).await;
    visitor.socket.send(&withdraw()).await;
    assert_eq!(visitor.socket.until_error().await, ErrorCode::Internal);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agreeing_and_withdrawing_fast_ends_in_what_was_said_last_in_rows_and_receipt() {
    let world = world().await;
    let relay = world.start().await;
    let mut visitor = arrive_speaking(&world, &relay).await;
    let notice = notice_view(relay.port, world.client()).await.notice;
    let modality = Modality::Audio;
    let agree = ClientMessage::Agree { modality, notice };
    for message in [withdraw(), agree.clone(), withdraw(), agree, withdraw()] {
        visitor.socket.send(&message).await;
    }
    let node = relay.running.front().house.node.key.verifying_key();
    let node = PublicKey(node.to_bytes());
    let mut receipts = Vec::new();
    for _ in 0..5 {
        let receipt = visitor.socket.until(|frame| match frame {
            ServerMessage::Agreed { receipt, .. } => Some(receipt.clone()),
            _ => None,
        });
        let receipt: Receipt = receipt.await.unwrap().verify(&node).unwrap();
        receipts.push(receipt.purposes[0].modalities.contains(&modality));
    }
    let said = [false, true, false, true, false];
    assert_eq!(receipts, said);
    let (held, rows) = rows(&world, visitor.id).await;
    assert_eq!((held, rows.as_slice()), (vec![Modality::Chat], &said[..]));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_calls_are_off_chat_alone_is_offered_also_after_a_restart() {
    let world = World::new().await;
    let relay = world.start().await;
    let visitor = arrive(relay.port, world.client(), None).await;
    let offers = |person: &Person| match &person.welcome {
        ServerMessage::Welcome { offered, .. } => offered.clone(),
        _ => unreachable!(),
    };
    assert_eq!(offers(&visitor), CHAT_AND_SOUND);
    relay.stop().await;
    // The site still lists sound; this node carries none.
    let mut config = world.config();
    config.media.enabled = false;
    let running = app::build(config, Clock::system(), None).await.unwrap();
    let relay = Relay {
        port: running.address().port(),
        running,
    };
    assert!(relay.running.media().addresses().is_empty());
    let view = notice_view(relay.port, world.client()).await;
    assert_eq!(view.modalities, [Modality::Chat]);
    let newcomer = arrive(relay.port, world.client(), None).await;
    assert_eq!(offers(&newcomer), [Modality::Chat]);
    let mut back = visitor.return_to(relay.port, 0).await;
    assert_eq!(offers(&back), [Modality::Chat]);
    let modality = Modality::Audio;
    let notice = view.notice;
    let agree = ClientMessage::Agree { modality, notice };
    back.socket.send(&agree).await;
    assert_eq!(back.socket.until_error().await, ErrorCode::ModalityRefused);
    relay.stop().await;
}
