//! Signing in while strangers try, and sockets and sites that somebody floods.

use proto::desk::SignIn;
use proto::notice::RecordingMode;
use proto::{ErrorCode, StaffId};
use relay::clock::Clock;
use seal::spool::{Event, EventKind, Record};

use crate::world::http::{Answer, send};
use crate::world::{DESK, PASSWORD, World};

/// A proxy says where they come from.
async fn sign_in_from(port: u16, address: &str, name: &str, password: &str) -> Answer {
    let request = SignIn {
        client: "alpine".to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let origin = format!("http://{DESK}");
    let headers = [
        ("origin", origin.as_str()),
        ("content-type", "application/json"),
        ("x-forwarded-for", address),
    ];
    let body = serde_json::to_vec(&request).unwrap();
    send(port, DESK, "POST", "/api/v1/sign-in", &headers, body).await
}

/// What the log is to hear of sign-ins: kind, who, how many.
fn told(world: &World) -> Vec<(EventKind, Option<StaffId>, Option<u32>)> {
    let of_sign_ins = |event: Event| match event.kind {
        EventKind::StaffRefused | EventKind::StaffSignedIn => {
            Some((event.kind, event.staff, event.count))
        }
        _ => None,
    };
    let records = world.records().into_iter();
    records
        .filter_map(|record| match record {
            Record::Event(event) => of_sign_ins(event),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_try_a_name_keep_its_agent_out_of_nothing_and_leave_one_count_an_hour() {
    let settings = "[limits]\nsign_ins_per_minute = 2\n\
         [listen.forwarded]\nheader = \"x-forwarded-for\"\nfrom = [\"127.0.0.1\"]\n";
    let world = World::with(RecordingMode::Required, settings).await;
    let clock = Clock::manual(proto::Millis(1_800_000_000_000));
    let relay = world.start_with(clock.clone()).await;
    let mut refused = 0;
    for n in 1..=8 {
        let address = format!("203.0.113.{n}");
        loop {
            let answer = sign_in_from(relay.port, &address, "mia", "wrong").await;
            match answer.refusal() {
                ErrorCode::SignInFailed => refused += 1,
                code => {
                    assert_eq!(code, ErrorCode::RateLimited);
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 16);
    let answer = sign_in_from(relay.port, "192.0.2.7", "mia", PASSWORD).await;
    assert_eq!(answer.status, 204, "{:?}", answer.body);

    let mias = Some(world.client().agents[0].0);
    relay.stop().await;
    assert_eq!(
        told(&world),
        [
            (EventKind::StaffSignedIn, mias, None),
            (EventKind::StaffRefused, None, Some(16)),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_of_refused_sign_ins_is_told_when_its_hour_is_over() {
    let world = World::new().await;
    let clock = Clock::manual(proto::Millis(1_800_000_000_000));
    let relay = world.start_with(clock.clone()).await;
    for _ in 0..3 {
        let answer = sign_in_from(relay.port, "", "nobody", "wrong").await;
        assert_eq!(answer.refusal(), ErrorCode::SignInFailed);
    }
    assert_eq!(told(&world), []);
    clock.advance(3_600_000);
    let counted = [(EventKind::StaffRefused, None, Some(3))];
    let mut looked = 0;
    while told(&world) != counted {
        looked += 1;
        assert!(looked < 200, "{:?}", told(&world));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    relay.stop().await;
    assert_eq!(told(&world), counted);
}
