//! Join and resume tokens: single use, good until the next is used, also when many come at once.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::{Hash32, Millis};
use store::{JoinToken, StoreError, Tenant};

use crate::bench::{Bench, NOW, hash, on_both_engines};

on_both_engines!(
    a_join_token_is_good_once,
    of_many_who_show_one_join_token_at_once_one_joins,
    an_expired_join_token_is_refused,
    a_resume_token_is_good_until_the_one_given_for_it_is_used,
    of_many_who_show_one_resume_token_at_once_only_the_last_goes_on,
    two_processes_rotating_one_token_agree,
    a_resume_token_lives_no_longer_than_its_session_allows,
    a_page_that_reloads_can_be_given_another_join_token,
    expired_tokens_are_purged_and_others_stay,
    any_sequence_of_uses_keeps_exactly_two_tokens_alive,
);

const LATER: Millis = Millis(NOW.0 + 3_600_000);

async fn a_join_token_is_good_once(bench: Bench) {
    let shop = bench.shop("shop").await;
    let visitor = shop.visitor().await;
    let t = &shop.tenant;
    let join = visitor.join.hash;
    let joined = t.redeem_join(join, hash(), LATER, NOW).await.unwrap();
    let joined = joined.unwrap();
    assert_eq!(joined.participant, visitor.participant);
    assert_eq!(joined.session, visitor.session);
    let again = t.redeem_join(join, hash(), LATER, NOW).await.unwrap();
    assert_eq!(again, None);
}

async fn of_many_who_show_one_join_token_at_once_one_joins(bench: Bench) {
    let shop = bench.shop("shop").await;
    let join = shop.visitor().await.join.hash;
    let other = bench.open_again().await;
    let other = other.tenant_by_slug("shop").await.unwrap();
    let tries = (0..20).map(|i| {
        let tenant = if i % 2 == 0 { &shop.tenant } else { &other };
        let tenant = tenant.clone();
        tokio::spawn(async move { tenant.redeem_join(join, hash(), LATER, NOW).await })
    });
    let mut joined = 0;
    for one in tries.collect::<Vec<_>>() {
        joined += usize::from(one.await.unwrap().unwrap().is_some());
    }
    assert_eq!(joined, 1);
}

async fn an_expired_join_token_is_refused(bench: Bench) {
    let shop = bench.shop("shop").await;
    let join = shop.visitor().await.join;
    let t = &shop.tenant;
    let late = t.redeem_join(join.hash, hash(), LATER, join.expires).await;
    assert_eq!(late.unwrap(), None);
    let in_time = join.expires.plus(-1);
    let joined = t.redeem_join(join.hash, hash(), LATER, in_time).await;
    assert!(joined.unwrap().is_some());
}

/// A visitor who has joined, and their resume token.
async fn joined(bench: &Bench) -> (crate::bench::Shop, store::NewConsent, Hash32) {
    let shop = bench.shop("shop").await;
    let visitor = shop.visitor().await;
    let first = hash();
    let joined = shop
        .tenant
        .redeem_join(visitor.join.hash, first, LATER, NOW);
    joined.await.unwrap().unwrap();
    (shop, visitor, first)
}

async fn rotate(tenant: &Tenant, presented: Hash32, fresh: Hash32) -> bool {
    let resumed = tenant
        .rotate_resume(presented, fresh, LATER, NOW, None)
        .await;
    resumed.unwrap().is_some()
}

async fn a_resume_token_is_good_until_the_one_given_for_it_is_used(bench: Bench) {
    let (shop, visitor, first) = joined(&bench).await;
    let t = &shop.tenant;
    let (second, third, fourth) = (hash(), hash(), hash());
    // Shown by an agent, a visitor's token is nobody's, and stays as it was.
    let agent = Some(proto::StaffId::from_bytes([7; 16]));
    let stolen = t.rotate_resume(first, second, LATER, NOW, agent).await;
    assert!(stolen.unwrap().is_none());
    let back = t
        .rotate_resume(first, second, LATER, NOW, None)
        .await
        .unwrap();
    let back = back.unwrap();
    assert_eq!(back.participant, visitor.participant);
    assert_eq!(back.session, visitor.session);
    // Two welcomes in a row were lost: the first is still good, what was lost is not.
    assert!(rotate(t, first, third).await);
    assert!(rotate(t, first, fourth).await);
    assert!(!rotate(t, second, hash()).await);
    assert!(!rotate(t, third, hash()).await);
    // The fourth arrived: using it ends the first.
    assert!(rotate(t, fourth, hash()).await);
    assert!(!rotate(t, first, hash()).await);
    assert!(!rotate(t, hash(), hash()).await);
}

async fn of_many_who_show_one_resume_token_at_once_only_the_last_goes_on(bench: Bench) {
    let (shop, _, first) = joined(&bench).await;
    let tries = (0..30).map(|_| {
        let tenant = shop.tenant.clone();
        let fresh = hash();
        tokio::spawn(async move { (rotate(&tenant, first, fresh).await, fresh) })
    });
    let mut given = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        let (back, fresh) = one.await.unwrap();
        assert!(back);
        given.push(fresh);
    }
    let mut good = 0;
    for fresh in given {
        good += usize::from(rotate(&shop.tenant, fresh, hash()).await);
    }
    assert_eq!(good, 1);
}

async fn two_processes_rotating_one_token_agree(bench: Bench) {
    let (shop, _, mut token) = joined(&bench).await;
    let other = bench.open_again().await;
    let other = other.tenant_by_slug("shop").await.unwrap();
    for _ in 0..20 {
        let (one, two, next) = (hash(), hash(), hash());
        let (a, b) = tokio::join!(rotate(&shop.tenant, token, one), rotate(&other, token, two));
        assert!(a && b);
        // Whoever was last decides, and both processes see the same.
        let good = [
            rotate(&other, one, next).await,
            rotate(&shop.tenant, two, next).await,
        ];
        assert_eq!(good.into_iter().filter(|good| *good).count(), 1);
        token = next;
    }
}

async fn a_resume_token_lives_no_longer_than_its_session_allows(bench: Bench) {
    let (shop, visitor, first) = joined(&bench).await;
    let t = &shop.tenant;
    let end = NOW.plus(10_000);
    let last = end.plus(600_000);
    t.end_session(visitor.session, end, last).await.unwrap();
    let second = hash();
    // Resuming after the end works for a while, and does not make that while longer.
    let back = t
        .rotate_resume(first, second, LATER, end, None)
        .await
        .unwrap();
    assert!(back.is_some());
    let late = t
        .rotate_resume(second, hash(), LATER, last, None)
        .await
        .unwrap();
    assert_eq!(late, None);
    let just = t
        .rotate_resume(second, hash(), LATER, last.plus(-1), None)
        .await;
    assert!(just.unwrap().is_some());
}

async fn a_page_that_reloads_can_be_given_another_join_token(bench: Bench) {
    let (shop, visitor, first) = joined(&bench).await;
    let t = &shop.tenant;
    let join = JoinToken {
        hash: hash(),
        expires: NOW.plus(60_000),
    };
    t.put_join(visitor.participant, join).await.unwrap();
    let fresh = hash();
    let again = t.redeem_join(join.hash, fresh, LATER, NOW).await.unwrap();
    assert_eq!(again.unwrap().participant, visitor.participant);
    // Joining anew ends the resume tokens from before.
    assert!(!rotate(t, first, hash()).await);
    assert!(rotate(t, fresh, hash()).await);
    let nobody = shop.consent().participant;
    let refused = t.put_join(nobody, join).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
}

async fn expired_tokens_are_purged_and_others_stay(bench: Bench) {
    let (shop, _, first) = joined(&bench).await;
    let waiting = shop.visitor().await.join;
    let t = &shop.tenant;
    assert_eq!(t.purge_tokens(NOW).await.unwrap(), 0);
    assert_eq!(t.purge_tokens(waiting.expires).await.unwrap(), 1);
    assert!(rotate(t, first, hash()).await);
    assert_eq!(t.purge_tokens(LATER).await.unwrap(), 1);
    assert_eq!(t.purge_tokens(LATER).await.unwrap(), 0);
}

/// A model in two lines: what was shown last and what was given for it are good, nothing else is.
async fn any_sequence_of_uses_keeps_exactly_two_tokens_alive(bench: Bench) {
    let runtime = tokio::runtime::Handle::current();
    let check = move || {
        let config = Config {
            cases: 24,
            failure_persistence: None,
            ..Config::default()
        };
        let shop = runtime.block_on(bench.shop("shop"));
        // Which of the tokens so far is shown next, counted from the newest.
        let uses = proptest::collection::vec(0_usize..5, 1..24);
        let run = TestRunner::new(config).run(&uses, |uses| {
            runtime.block_on(async {
                let visitor = shop.visitor().await;
                let mut given = vec![hash()];
                let join = visitor.join.hash;
                let joined = shop.tenant.redeem_join(join, given[0], LATER, NOW).await;
                prop_assert!(joined.unwrap().is_some());
                let mut good = vec![given[0]];
                for back in uses {
                    let at = given.len().checked_sub(back + 1);
                    let presented = at.map_or_else(hash, |at| given[at]);
                    let fresh = hash();
                    let got = rotate(&shop.tenant, presented, fresh).await;
                    prop_assert_eq!(got, good.contains(&presented));
                    if got {
                        good = vec![presented, fresh];
                        given.push(fresh);
                    }
                }
                Ok(())
            })
        });
        run.unwrap();
    };
    tokio::task::spawn_blocking(check).await.unwrap();
}
