//! Legal cases and their approvals.

use proto::{CaseId, RecordingId, StaffId};
use store::{NewCase, StaffRole, StoreError};

use crate::bench::{Bench, NOW, add_staff, on_both_engines, rng};
use crate::recordings::recording;

on_both_engines!(
    a_case_reads_back_with_its_scope,
    a_case_about_something_that_is_not_the_tenants_is_refused,
    approvals_count_each_officer_once,
    an_expired_or_closed_case_takes_no_approval,
    nothing_of_a_case_but_its_id_shows_in_a_debug_print,
);

fn case(scope: Vec<RecordingId>) -> NewCase {
    NewCase {
        id: CaseId::random(&mut rng()),
        authority: "District court".to_owned(),
        reference: "12 C 345/26".to_owned(),
        basis: "court order".to_owned(),
        scope,
        opened_by: None,
        created: NOW,
        expires: NOW.plus(1_000),
    }
}

async fn a_case_reads_back_with_its_scope(bench: Bench) {
    let t = bench.tenant("shop").await;
    let officer = add_staff(&t, "olive", StaffRole::Officer).await;
    let (one, two) = (recording(NOW), recording(NOW));
    t.put_recording(&one).await.unwrap();
    t.put_recording(&two).await.unwrap();
    let mut new = case(vec![one.id, two.id]);
    new.opened_by = Some(officer);
    new.scope.sort();
    t.open_case(&new).await.unwrap();
    let kept = t.case(new.id).await.unwrap().unwrap();
    assert_eq!(kept.scope, new.scope);
    assert_eq!(kept.reference, new.reference);
    assert_eq!(kept.opened_by, Some(officer));
    assert!(kept.approvals.is_empty());
    let mut later = case(vec![]);
    later.created = NOW.plus(1);
    t.open_case(&later).await.unwrap();
    let all: Vec<_> = t.cases().await.unwrap().iter().map(|c| c.id).collect();
    assert_eq!(all, [later.id, new.id]);
}

async fn a_case_about_something_that_is_not_the_tenants_is_refused(bench: Bench) {
    let t = bench.tenant("shop").await;
    let other = bench.tenant("other").await;
    let theirs = recording(NOW);
    other.put_recording(&theirs).await.unwrap();
    let new = case(vec![theirs.id]);
    let refused = t.open_case(&new).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    assert!(t.case(new.id).await.unwrap().is_none());
}

async fn approvals_count_each_officer_once(bench: Bench) {
    let t = bench.tenant("shop").await;
    let olive = add_staff(&t, "olive", StaffRole::Officer).await;
    let otto = add_staff(&t, "otto", StaffRole::Officer).await;
    let ann = add_staff(&t, "ann", StaffRole::Agent).await;
    let id = {
        let new = case(vec![]);
        t.open_case(&new).await.unwrap();
        new.id
    };
    assert_eq!(t.approve_case(id, olive, NOW).await.unwrap(), 1);
    assert_eq!(t.approve_case(id, olive, NOW.plus(1)).await.unwrap(), 1);
    assert_eq!(t.approve_case(id, otto, NOW.plus(2)).await.unwrap(), 2);
    for nobody in [ann, StaffId::random(&mut rng())] {
        let refused = t.approve_case(id, nobody, NOW).await;
        assert!(matches!(refused, Err(StoreError::NotFound)));
    }
    let kept = t.case(id).await.unwrap().unwrap().approvals;
    let kept: Vec<_> = kept.iter().map(|a| (a.officer, a.at)).collect();
    assert_eq!(kept, [(olive, NOW), (otto, NOW.plus(2))]);
}

async fn an_expired_or_closed_case_takes_no_approval(bench: Bench) {
    let t = bench.tenant("shop").await;
    let olive = add_staff(&t, "olive", StaffRole::Officer).await;
    let new = case(vec![]);
    t.open_case(&new).await.unwrap();
    let late = t.approve_case(new.id, olive, new.expires).await;
    assert!(matches!(late, Err(StoreError::Refused(_))));
    t.close_case(new.id, NOW.plus(5)).await.unwrap();
    let closed = t.approve_case(new.id, olive, NOW.plus(6)).await;
    assert!(matches!(closed, Err(StoreError::Refused(_))));
    let kept = t.case(new.id).await.unwrap().unwrap();
    assert_eq!(kept.closed, Some(NOW.plus(5)));
    let nothing = t.approve_case(CaseId::random(&mut rng()), olive, NOW).await;
    assert!(matches!(nothing, Err(StoreError::NotFound)));
}

async fn nothing_of_a_case_but_its_id_shows_in_a_debug_print(bench: Bench) {
    let t = bench.tenant("shop").await;
    let new = case(vec![]);
    t.open_case(&new).await.unwrap();
    let shown = format!("{new:?} {:?}", t.cases().await.unwrap());
    assert!(shown.contains(&new.id.to_string()));
    assert!(!shown.contains("court"), "{shown}");
    assert!(!shown.contains("345"), "{shown}");
}
