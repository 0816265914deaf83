//! Officers' keys, sealing keys, shares.

use proto::dsse::{Document as _, Envelope};
use proto::keys::SealingKey;
use proto::{KeyId, Millis, StaffId, TenantId};
use store::{KeyShare, OfficerKey, StaffRole, StoreError, Tenant};

use crate::bench::{Bench, NOW, add_staff, key, on_both_engines, rng};

on_both_engines!(
    officers_are_listed_with_their_public_keys,
    an_agent_cannot_hold_an_officers_key,
    a_sealing_key_comes_with_its_shares_or_not_at_all,
    the_newest_sealing_key_comes_first,
    a_sealing_key_of_another_tenant_is_refused,
    shares_are_replaced_as_a_whole,
);

fn officer_key(tenant: &Tenant, officer: StaffId) -> OfficerKey {
    let public_key = key();
    let statement = proto::keys::OfficerKey {
        tenant: tenant.id(),
        officer,
        public_key,
    };
    let recorder = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    OfficerKey {
        officer,
        public_key,
        statement: Some(statement.sign(&recorder).unwrap()),
        sealed_private: b"sealed under a passphrase".to_vec(),
        created: NOW,
    }
}

fn statement(tenant: TenantId, id: KeyId, not_before: Millis) -> Envelope {
    let key = SealingKey {
        tenant,
        key: id,
        quarter: "2026Q4".to_owned(),
        public_key: key(),
        not_before,
        not_after: not_before.plus(1),
        threshold: 2,
        shares: 2,
    };
    let root = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    key.sign(&root).unwrap()
}

fn share(key: KeyId, officer: StaffId, index: u8) -> KeyShare {
    KeyShare {
        key,
        officer,
        index,
        sealed: vec![index; 60],
    }
}

async fn two_officers(tenant: &Tenant) -> (StaffId, StaffId) {
    (
        add_staff(tenant, "olive", StaffRole::Officer).await,
        add_staff(tenant, "otto", StaffRole::Officer).await,
    )
}

async fn officers_are_listed_with_their_public_keys(bench: Bench) {
    let t = bench.tenant("shop").await;
    let (olive, otto) = two_officers(&t).await;
    add_staff(&t, "ann", StaffRole::Agent).await;
    let old = officer_key(&t, olive);
    let new = officer_key(&t, olive);
    t.put_officer_key(&old).await.unwrap();
    t.put_officer_key(&new).await.unwrap();
    assert!(t.officer_key(olive).await.unwrap() == Some(new.clone()));
    assert!(t.officer_key(otto).await.unwrap().is_none());
    let listed = t.officers().await.unwrap();
    let listed: Vec<_> = listed
        .into_iter()
        .map(|o| (o.id, o.public_key, o.statement))
        .collect();
    let expected = [
        (olive, Some(new.public_key), new.statement),
        (otto, None, None),
    ];
    assert_eq!(listed, expected);
}

async fn an_agent_cannot_hold_an_officers_key(bench: Bench) {
    let t = bench.tenant("shop").await;
    let ann = add_staff(&t, "ann", StaffRole::Agent).await;
    let refused = t.put_officer_key(&officer_key(&t, ann)).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
}

async fn a_sealing_key_comes_with_its_shares_or_not_at_all(bench: Bench) {
    let t = bench.tenant("shop").await;
    let (olive, otto) = two_officers(&t).await;
    let id = KeyId::random(&mut rng());
    let signed = statement(t.id(), id, NOW);
    let stranger = StaffId::random(&mut rng());
    let bad = [share(id, olive, 1), share(id, stranger, 2)];
    let refused = t.put_sealing_key(&signed, &bad).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    assert!(t.sealing_key(id).await.unwrap().is_none());
    assert!(t.shares_of(id).await.unwrap().is_empty());

    let good = [share(id, olive, 1), share(id, otto, 2)];
    t.put_sealing_key(&signed, &good).await.unwrap();
    let kept = t.sealing_key(id).await.unwrap().unwrap();
    assert_eq!(kept.statement, signed);
    assert_eq!(kept.key.key, id);
    assert!(t.shares_of(id).await.unwrap() == good);
}

async fn the_newest_sealing_key_comes_first(bench: Bench) {
    let t = bench.tenant("shop").await;
    let mut ids = Vec::new();
    for quarter in [1, 3, 2] {
        let id = KeyId::random(&mut rng());
        let signed = statement(t.id(), id, NOW.plus(quarter));
        t.put_sealing_key(&signed, &[]).await.unwrap();
        ids.push(id);
    }
    let keys = t.sealing_keys().await.unwrap();
    let keys: Vec<_> = keys.iter().map(|row| row.key.key).collect();
    assert_eq!(keys, [ids[1], ids[2], ids[0]]);
}

async fn a_sealing_key_of_another_tenant_is_refused(bench: Bench) {
    let t = bench.tenant("shop").await;
    let other = bench.tenant("other").await;
    let signed = statement(other.id(), KeyId::random(&mut rng()), NOW);
    let refused = t.put_sealing_key(&signed, &[]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

async fn shares_are_replaced_as_a_whole(bench: Bench) {
    let t = bench.tenant("shop").await;
    let (olive, otto) = two_officers(&t).await;
    let ida = add_staff(&t, "ida", StaffRole::Officer).await;
    let id = KeyId::random(&mut rng());
    let first = [share(id, olive, 1), share(id, otto, 2)];
    let signed = statement(t.id(), id, NOW);
    t.put_sealing_key(&signed, &first).await.unwrap();
    let second = [share(id, ida, 1), share(id, olive, 2), share(id, otto, 3)];
    t.replace_shares(id, &second).await.unwrap();
    assert!(t.shares_of(id).await.unwrap() == second);
    // One officer, one share.
    let twice = [share(id, olive, 1), share(id, olive, 2)];
    let refused = t.replace_shares(id, &twice).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    assert!(t.shares_of(id).await.unwrap() == second);
}
