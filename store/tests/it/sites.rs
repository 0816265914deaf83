//! Sites and their notices.

use proto::notice::Modality;
use proto::{Hash32, SiteId};
use store::{SiteNotice, StoreError};

use crate::bench::{Bench, NOW, hash, new_site, notice, on_both_engines, rng};

on_both_engines!(
    a_site_reads_back_as_it_was_kept_and_can_be_changed,
    a_notice_is_addressed_by_the_hash_of_its_exact_bytes,
    the_newest_notice_of_each_language_is_the_current_one,
    what_is_no_notice_is_refused,
);

async fn a_site_reads_back_as_it_was_kept_and_can_be_changed(bench: Bench) {
    let tenant = bench.tenant("shop").await;
    let id = SiteId::random(&mut rng());
    let mut new = new_site(id);
    tenant.put_site(&new).await.unwrap();
    new.name = String::from("Help");
    new.accent = None;
    new.origins.push("https://help.example:8443".to_owned());
    new.modalities = vec![Modality::Chat, Modality::Screen];
    tenant.put_site(&new).await.unwrap();
    let site = tenant.site(id).await.unwrap().unwrap();
    assert_eq!(
        (site.name, site.accent, site.origins, site.modalities),
        (new.name, new.accent, new.origins, new.modalities)
    );
    assert_eq!(tenant.sites().await.unwrap().len(), 1);
}

async fn a_notice_is_addressed_by_the_hash_of_its_exact_bytes(bench: Bench) {
    let shop = bench.shop("shop").await;
    let bytes = notice("1", "en");
    let kept = shop.tenant.notice(&shop.notice).await.unwrap().unwrap();
    assert_eq!(shop.notice, Hash32::of(&bytes));
    assert_eq!(kept.bytes, bytes);
    assert_eq!((kept.version.as_str(), kept.language.as_str()), ("1", "en"));
    assert_eq!(shop.tenant.notice(&hash()).await.unwrap(), None);
}

async fn the_newest_notice_of_each_language_is_the_current_one(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let german = t.publish_notice(shop.site, &notice("1", "de"), NOW).await;
    let second = t.publish_notice(shop.site, &notice("2", "en"), NOW).await;
    let current = |language: &str, notice| SiteNotice {
        language: language.to_owned(),
        notice,
    };
    let expected = [
        current("de", german.unwrap()),
        current("en", second.unwrap()),
    ];
    let site = t.site(shop.site).await.unwrap().unwrap();
    assert_eq!(site.notices, expected);
    assert_eq!(t.sites().await.unwrap()[0].notices, expected);
    // The one before stays readable: consents refer to it.
    assert!(t.notice(&shop.notice).await.unwrap().is_some());
}

async fn what_is_no_notice_is_refused(bench: Bench) {
    let shop = bench.shop("shop").await;
    let refused = shop.tenant.publish_notice(shop.site, b"{}", NOW).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let nowhere = SiteId::random(&mut rng());
    let bytes = notice("3", "en");
    let refused = shop.tenant.publish_notice(nowhere, &bytes, NOW).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    let hash = Hash32::of(&bytes);
    assert!(shop.tenant.notice(&hash).await.unwrap().is_none());
}
