//! Two planes, and many tenants: each reaches itself and nobody else.

use proto::{SiteId, TenantId};
use store::{StaffRole, StoreConfig, StoreError};

use crate::bench::{Bench, NOW, add_staff, hash, new_site, on_both_engines, rng};

on_both_engines!(
    a_tenant_is_found_by_id_short_name_and_site,
    one_tenants_rows_are_unreachable_through_another,
    a_short_name_is_given_out_once,
    a_short_name_with_odd_characters_is_refused,
    a_site_of_another_tenant_cannot_be_taken_over,
    forgetting_a_tenant_leaves_nothing_of_it_and_all_of_the_others,
    more_tenants_than_may_be_open_all_work,
    a_second_process_sees_what_the_first_one_wrote,
    two_processes_make_the_same_store_at_once,
);

async fn a_tenant_is_found_by_id_short_name_and_site(bench: Bench) {
    let shop = bench.shop("shop").await;
    let other = bench.shop("other").await;
    let id = shop.tenant.id();
    let store = &bench.store;
    assert_eq!(store.tenant(id).await.unwrap().info(), shop.tenant.info());
    assert_eq!(store.tenant_by_slug("shop").await.unwrap().id(), id);
    assert_eq!(store.tenant_of_site(shop.site).await.unwrap().id(), id);
    let all: Vec<_> = store.tenants().await.unwrap();
    let all: Vec<_> = all.iter().map(store::Tenant::id).collect();
    assert_eq!(all, [other.tenant.id(), id]);

    let nobody = store.tenant(TenantId::random(&mut rng())).await;
    assert!(matches!(nobody, Err(StoreError::NoSuchTenant)));
    let nobody = store.tenant_by_slug("nobody").await;
    assert!(matches!(nobody, Err(StoreError::NoSuchTenant)));
    let nobody = store.tenant_of_site(SiteId::random(&mut rng())).await;
    assert!(matches!(nobody, Err(StoreError::NoSuchTenant)));
}

async fn one_tenants_rows_are_unreachable_through_another(bench: Bench) {
    let (shop, other) = (bench.shop("shop").await, bench.shop("other").await);
    let visitor = shop.visitor().await;
    let officer = add_staff(&shop.tenant, "officer", StaffRole::Officer).await;
    let cookie = hash();
    let t = &shop.tenant;
    t.begin_staff_session(&cookie, officer, NOW.plus(1))
        .await
        .unwrap();

    let t = &other.tenant;
    assert!(t.session(visitor.session).await.unwrap().is_none());
    assert!(t.participant(visitor.participant).await.unwrap().is_none());
    assert!(t.consent_of(visitor.participant).await.unwrap().is_none());
    let lookup = &visitor.receipt.lookup;
    assert!(t.consent_by_receipt(lookup).await.unwrap().is_none());
    assert!(t.site(shop.site).await.unwrap().is_none());
    assert!(t.staff_member(officer).await.unwrap().is_none());
    assert!(t.staff_credentials("officer").await.unwrap().is_none());
    assert!(t.staff_session(&cookie, NOW).await.unwrap().is_none());
    assert!(t.unfinished_sessions().await.unwrap().is_empty());
    let fresh = hash();
    let joined = t.redeem_join(visitor.join.hash, fresh, NOW.plus(1), NOW);
    assert!(joined.await.unwrap().is_none());

    // Writing with the other's ids does not reach them either.
    t.end_session(visitor.session, NOW, NOW).await.unwrap();
    let foreign = t.add_participant(shop.answering(&visitor)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)));
    let session = shop.tenant.session(visitor.session).await.unwrap().unwrap();
    assert_eq!(session.ended, None);
}

async fn a_short_name_is_given_out_once(bench: Bench) {
    let tenant = bench.tenant("shop").await;
    let mut again = store::NewTenant {
        id: TenantId::random(&mut rng()),
        slug: "shop".to_owned(),
        name: "Another".to_owned(),
        root_key: tenant.info().root_key,
        created: NOW,
    };
    let refused = bench.store.create_tenant(again.clone()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    if let Some(folder) = bench.url.strip_prefix("sqlite:") {
        let made = std::fs::read_dir(format!("{folder}/tenants")).unwrap();
        assert_eq!(made.count(), 1, "the refused tenant left a folder");
    }
    again.slug = String::from("shop2");
    bench.store.create_tenant(again).await.unwrap();
}

async fn a_short_name_with_odd_characters_is_refused(bench: Bench) {
    let tenant = bench.tenant("shop-1").await;
    for slug in ["", "Shop", "a b", "x'; --", "é", &"a".repeat(41)] {
        let new = store::NewTenant {
            id: TenantId::random(&mut rng()),
            slug: slug.to_owned(),
            name: String::new(),
            root_key: tenant.info().root_key,
            created: NOW,
        };
        let refused = bench.store.create_tenant(new).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{slug:?}");
    }
}

async fn a_site_of_another_tenant_cannot_be_taken_over(bench: Bench) {
    let (shop, other) = (bench.shop("shop").await, bench.shop("other").await);
    let refused = other.tenant.put_site(&new_site(shop.site)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let owner = bench.store.tenant_of_site(shop.site).await.unwrap();
    assert_eq!(owner.id(), shop.tenant.id());
    assert!(other.tenant.site(shop.site).await.unwrap().is_none());
}

async fn forgetting_a_tenant_leaves_nothing_of_it_and_all_of_the_others(bench: Bench) {
    let (shop, other) = (bench.shop("shop").await, bench.shop("other").await);
    let visitor = shop.visitor().await;
    let kept = other.visitor().await;
    bench.store.forget_tenant(shop.tenant.id()).await.unwrap();

    let store = &bench.store;
    let gone = store.tenant(shop.tenant.id()).await;
    assert!(matches!(gone, Err(StoreError::NoSuchTenant)));
    let gone = store.tenant_of_site(shop.site).await;
    assert!(matches!(gone, Err(StoreError::NoSuchTenant)));
    // A handle from before reaches nothing, and makes nothing anew.
    let stale = shop.tenant.session(visitor.session).await;
    assert!(matches!(stale, Err(StoreError::NoSuchTenant)));
    let stale = shop.tenant.record_consent(shop.consent()).await;
    assert!(matches!(stale, Err(StoreError::NoSuchTenant)));
    if let Some(folder) = bench.url.strip_prefix("sqlite:") {
        let left: Vec<_> = std::fs::read_dir(format!("{folder}/tenants"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, [other.tenant.id().to_string()]);
    }
    let session = other.tenant.session(kept.session).await.unwrap();
    assert!(session.is_some());
    // The short name is free again.
    bench.tenant("shop").await;
}

async fn more_tenants_than_may_be_open_all_work(bench: Bench) {
    let mut config = StoreConfig::new(&bench.url);
    config.open_tenants = 2;
    let small = store::Store::open(&config).await.unwrap();
    let mut shops = Vec::new();
    for i in 0..5 {
        shops.push(bench.shop(&format!("shop{i}")).await);
    }
    for _ in 0..2 {
        for shop in &shops {
            let tenant = small.tenant(shop.tenant.id()).await.unwrap();
            let consent = shop.consent();
            let session = consent.session;
            tenant.record_consent(consent).await.unwrap();
            assert!(shop.tenant.session(session).await.unwrap().is_some());
        }
    }
    for shop in &shops {
        let tenant = small.tenant(shop.tenant.id()).await.unwrap();
        assert_eq!(tenant.unfinished_sessions().await.unwrap().len(), 2);
    }
}

async fn a_second_process_sees_what_the_first_one_wrote(bench: Bench) {
    let shop = bench.shop("shop").await;
    let second = bench.open_again().await;
    let tenant = second.tenant_by_slug("shop").await.unwrap();
    // Both write at once, and neither is turned away.
    let writes = (0..40).map(|i| {
        let tenant = if i % 2 == 0 { &tenant } else { &shop.tenant };
        let (tenant, consent) = (tenant.clone(), shop.consent());
        tokio::spawn(async move { tenant.record_consent(consent).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    assert_eq!(tenant.unfinished_sessions().await.unwrap().len(), 40);
    second.close().await;
    assert_eq!(shop.tenant.unfinished_sessions().await.unwrap().len(), 40);
}

async fn two_processes_make_the_same_store_at_once(bench: Bench) {
    let (mut url, mut folders) = (bench.url.clone(), Vec::new());
    for _ in 0..5 {
        if url.starts_with("sqlite:") {
            folders.push(tempfile::tempdir().unwrap());
            url = format!("sqlite:{}", folders.last().unwrap().path().display());
        }
        let (one, two) = (StoreConfig::new(&url), StoreConfig::new(&url));
        let one = tokio::spawn(async move { store::Store::open(&one).await });
        let two = tokio::spawn(async move { store::Store::open(&two).await });
        one.await.unwrap().unwrap();
        two.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn no_file_is_for_everyone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = StoreConfig::new(format!("sqlite:{}", data.display()));
    let store = store::Store::open(&config).await.unwrap();
    let new = store::NewTenant {
        id: TenantId::random(&mut rng()),
        slug: "shop".to_owned(),
        name: "Shop".to_owned(),
        root_key: proto::PublicKey([7; 32]),
        created: NOW,
    };
    store.create_tenant(new).await.unwrap();
    let mut folders = vec![data];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o007, 0, "{}: {mode:o}", path.display());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    store.close().await;
}
