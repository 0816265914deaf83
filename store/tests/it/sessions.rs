//! Sessions from waiting to ended.

use store::SessionState;

use crate::bench::{Bench, NOW, on_both_engines};

on_both_engines!(
    a_session_waits_is_answered_and_ends_once,
    unfinished_sessions_come_back_with_their_people,
    an_agent_sees_their_own_ended_sessions_newest_first,
);

async fn a_session_waits_is_answered_and_ends_once(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let id = shop.visitor().await.session;
    t.session_answered(id, NOW.plus(4_321)).await.unwrap();
    t.session_answered(id, NOW.plus(9_999)).await.unwrap();
    let session = t.session(id).await.unwrap().unwrap();
    assert_eq!(session.state, SessionState::Answered);
    assert_eq!(session.answered, Some(NOW.plus(4_000)));
    let (first, second) = (NOW.plus(60_500), NOW.plus(90_000));
    t.end_session(id, first, first).await.unwrap();
    t.end_session(id, second, second).await.unwrap();
    let session = t.session(id).await.unwrap().unwrap();
    assert_eq!(session.state, SessionState::Ended);
    assert_eq!(session.ended, Some(NOW.plus(60_000)));
}

async fn unfinished_sessions_come_back_with_their_people(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let (waiting, answered, ended) = (
        shop.visitor().await,
        shop.visitor().await,
        shop.visitor().await,
    );
    let agent = shop.answering(&answered);
    t.add_participant(agent.clone()).await.unwrap();
    t.session_answered(answered.session, NOW).await.unwrap();
    t.end_session(ended.session, NOW, NOW).await.unwrap();

    let again = bench.open_again().await;
    let t = again.tenant_by_slug("shop").await.unwrap();
    let mut left = t.unfinished_sessions().await.unwrap();
    left.sort_by_key(|one| one.participants.len());
    let [one, two] = left.as_slice() else {
        panic!("two are unfinished, not {}", left.len());
    };
    assert_eq!(one.session.id, waiting.session);
    assert_eq!(one.participants[0].id, waiting.participant);
    assert_eq!(two.session.state, SessionState::Answered);
    let people: Vec<_> = two.participants.iter().map(|p| p.id).collect();
    assert_eq!(people, [answered.participant, agent.participant]);
    assert_eq!(
        two.participants[0].consent.receipt.as_ref(),
        Some(&answered.receipt)
    );
}

async fn an_agent_sees_their_own_ended_sessions_newest_first(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let mut mine = Vec::new();
    for i in 0..4 {
        let visitor = shop.visitor().await;
        if i < 3 {
            t.add_participant(shop.answering(&visitor)).await.unwrap();
            mine.push(visitor.session);
        }
        if i != 1 {
            let at = NOW.plus(i * 10_000);
            t.end_session(visitor.session, at, at).await.unwrap();
        }
    }
    let ended = t.sessions_of(shop.agent, 10).await.unwrap();
    let ids: Vec<_> = ended.iter().map(|s| s.session.id).collect();
    assert_eq!(ids, [mine[2], mine[0]]);
    assert_eq!(ended[0].site_name, "Front page");
    assert_eq!(t.sessions_of(shop.agent, 1).await.unwrap().len(), 1);
}
