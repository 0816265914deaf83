//! Agents and officers.

use proto::StaffId;
use store::{NewStaff, StaffRole, StoreError};

use crate::bench::{Bench, NOW, add_staff, hash, on_both_engines, rng};

on_both_engines!(
    staff_are_listed_and_found_by_sign_in,
    a_sign_in_is_given_out_once,
    a_staff_session_lasts_until_it_expires_or_ends,
    a_new_password_ends_every_session,
    nothing_about_staff_shows_in_a_debug_print,
);

async fn staff_are_listed_and_found_by_sign_in(bench: Bench) {
    let t = bench.tenant("shop").await;
    let agent = add_staff(&t, "ann", StaffRole::Agent).await;
    let officer = add_staff(&t, "olive", StaffRole::Officer).await;
    let found = t.staff_credentials("olive").await.unwrap().unwrap();
    assert_eq!(found.staff.id, officer);
    assert_eq!(found.staff.role, StaffRole::Officer);
    assert!(found.password.starts_with("$argon2id$"));
    assert!(t.staff_credentials("Olive").await.unwrap().is_none());
    let one = t.staff_member(agent).await.unwrap().unwrap();
    assert_eq!(one.sign_in, "ann");
    let all: Vec<_> = t.staff().await.unwrap().iter().map(|s| s.id).collect();
    assert_eq!(all, [agent, officer]);
}

async fn a_sign_in_is_given_out_once(bench: Bench) {
    let t = bench.tenant("shop").await;
    add_staff(&t, "ann", StaffRole::Agent).await;
    let again = NewStaff {
        id: StaffId::random(&mut rng()),
        sign_in: "ann".to_owned(),
        name: "Another Ann".to_owned(),
        role: StaffRole::Agent,
        password: String::new(),
        created: NOW,
    };
    let refused = t.add_staff(&again).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)));
    assert!(!format!("{refused} {refused:?}").contains("ann"));
    // Another client may have an Ann, too.
    let other = bench.tenant("other").await;
    add_staff(&other, "ann", StaffRole::Agent).await;
}

async fn a_staff_session_lasts_until_it_expires_or_ends(bench: Bench) {
    let t = bench.tenant("shop").await;
    let ann = add_staff(&t, "ann", StaffRole::Agent).await;
    let (one, two) = (hash(), hash());
    let until = NOW.plus(1_000);
    t.begin_staff_session(&one, ann, until).await.unwrap();
    t.begin_staff_session(&two, ann, until).await.unwrap();
    let who = t.staff_session(&one, NOW.plus(999)).await.unwrap();
    assert_eq!(who.unwrap().id, ann);
    assert!(t.staff_session(&one, until).await.unwrap().is_none());
    t.end_staff_session(&one).await.unwrap();
    assert!(t.staff_session(&one, NOW).await.unwrap().is_none());
    assert!(t.staff_session(&two, NOW).await.unwrap().is_some());
    let nobody = StaffId::random(&mut rng());
    let refused = t.begin_staff_session(&hash(), nobody, until).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
}

async fn a_new_password_ends_every_session(bench: Bench) {
    let t = bench.tenant("shop").await;
    let ann = add_staff(&t, "ann", StaffRole::Agent).await;
    let cookie = hash();
    t.begin_staff_session(&cookie, ann, NOW.plus(1))
        .await
        .unwrap();
    t.set_password(ann, "$argon2id$new").await.unwrap();
    assert!(t.staff_session(&cookie, NOW).await.unwrap().is_none());
    let found = t.staff_credentials("ann").await.unwrap().unwrap();
    assert_eq!(found.password, "$argon2id$new");
    let nobody = t.set_password(StaffId::random(&mut rng()), "x").await;
    assert!(matches!(nobody, Err(StoreError::NotFound)));
}

async fn nothing_about_staff_shows_in_a_debug_print(bench: Bench) {
    let t = bench.tenant("shop").await;
    add_staff(&t, "ann-secret", StaffRole::Officer).await;
    let shown = format!(
        "{:?} {:?} {:?} {t:?}",
        t.staff().await.unwrap(),
        t.officers().await.unwrap(),
        t.staff_credentials("ann-secret").await.unwrap(),
    );
    assert!(!shown.contains("ann-secret"), "{shown}");
    assert!(!shown.contains("argon2id"), "{shown}");
}
