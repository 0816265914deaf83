//! Agreeing.

use proto::consent::RecordingChoice;
use proto::event::Role;
use proto::notice::Modality;
use proto::{ParticipantId, SiteId};
use store::{SessionState, StoreError};

use crate::bench::{Bench, NOW, hash, notice, on_both_engines, rng};

on_both_engines!(
    a_consent_brings_session_participant_and_token_with_it,
    a_consent_to_an_outdated_notice_leaves_nothing,
    a_consent_on_an_unknown_site_leaves_nothing,
    a_consent_that_fails_half_way_leaves_nothing,
    one_bad_consent_among_many_at_once_spoils_no_other,
    an_unrecorded_session_has_no_recording,
    what_is_agreed_to_later_is_added_and_what_is_withdrawn_is_gone_and_both_stay_known,
    an_agent_joins_with_an_acknowledgement,
    an_agent_cannot_join_a_session_that_ended,
    a_participant_who_left_cannot_come_back,
);

async fn a_consent_brings_session_participant_and_token_with_it(bench: Bench) {
    let shop = bench.shop("shop").await;
    let visitor = shop.visitor().await;
    let t = &shop.tenant;

    let session = t.session(visitor.session).await.unwrap().unwrap();
    assert_eq!(session.state, SessionState::Waiting);
    assert_eq!(session.recording, visitor.recording);
    assert_eq!(session.modalities, visitor.modalities);
    // Outside the seal there are whole seconds only.
    assert_eq!(session.started, NOW);

    let person = t.participant(visitor.participant).await.unwrap().unwrap();
    assert_eq!((person.role, person.staff), (Role::Visitor, None));
    assert_eq!(person.public_key, visitor.participant_key);
    assert_eq!(person.joined, NOW);

    let consent = t.consent_of(visitor.participant).await.unwrap().unwrap();
    assert_eq!(consent.notice, shop.notice);
    assert_eq!(consent.modalities, visitor.modalities);
    assert_eq!(consent.choice, RecordingChoice::Acknowledged);
    assert_eq!(consent.receipt.as_ref(), Some(&visitor.receipt));
    assert_eq!(consent.at, NOW);
    let found = t.consent_by_receipt(&visitor.receipt.lookup).await.unwrap();
    assert_eq!(found, Some(consent));

    let joined = t.redeem_join(visitor.join.hash, hash(), NOW.plus(1), NOW);
    assert!(joined.await.unwrap().is_some());
}

async fn a_consent_to_an_outdated_notice_leaves_nothing(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    t.publish_notice(shop.site, &notice("2", "en"), NOW)
        .await
        .unwrap();
    let consent = shop.consent();
    let refused = t.record_consent(consent.clone()).await;
    assert!(matches!(refused, Err(StoreError::NoticeOutdated)));
    assert!(t.session(consent.session).await.unwrap().is_none());
}

async fn a_consent_on_an_unknown_site_leaves_nothing(bench: Bench) {
    let shop = bench.shop("shop").await;
    let mut consent = shop.consent();
    consent.site = SiteId::random(&mut rng());
    let refused = shop.tenant.record_consent(consent.clone()).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    let session = shop.tenant.session(consent.session).await.unwrap();
    assert!(session.is_none());
}

async fn a_consent_that_fails_half_way_leaves_nothing(bench: Bench) {
    let shop = bench.shop("shop").await;
    let first = shop.visitor().await;
    // The session's row goes in; the token's, the last one, does not.
    let mut second = shop.consent();
    second.join = first.join;
    let refused = shop.tenant.record_consent(second.clone()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let t = &shop.tenant;
    assert!(t.session(second.session).await.unwrap().is_none());
    assert!(t.participant(second.participant).await.unwrap().is_none());
    assert!(t.consent_of(second.participant).await.unwrap().is_none());
    assert!(t.session(first.session).await.unwrap().is_some());
}

async fn one_bad_consent_among_many_at_once_spoils_no_other(bench: Bench) {
    let shop = bench.shop("shop").await;
    let first = shop.visitor().await;
    let writes = (0..60).map(|i| {
        let mut consent = shop.consent();
        match i {
            20 => consent.join = first.join,
            30 => consent.site = SiteId::random(&mut rng()),
            40 => consent.notice = hash(),
            _ => {}
        }
        let tenant = shop.tenant.clone();
        tokio::spawn(async move { tenant.record_consent(consent).await })
    });
    let mut refused = Vec::new();
    for (i, write) in writes.collect::<Vec<_>>().into_iter().enumerate() {
        if let Err(error) = write.await.unwrap() {
            refused.push((i, error));
        }
    }
    assert!(matches!(
        refused.as_slice(),
        [
            (20, StoreError::Conflict(_)),
            (30, StoreError::NotFound),
            (40, StoreError::NoticeOutdated)
        ]
    ));
    let sessions = shop.tenant.unfinished_sessions().await.unwrap();
    assert_eq!(sessions.len(), 1 + 57);
    assert!(sessions.iter().all(|s| s.participants.len() == 1));
}

async fn an_unrecorded_session_has_no_recording(bench: Bench) {
    let shop = bench.shop("shop").await;
    let mut consent = shop.consent();
    consent.recording = None;
    consent.choice = RecordingChoice::Refused;
    let (session, participant) = (consent.session, consent.participant);
    let t = &shop.tenant;
    t.record_consent(consent).await.unwrap();
    assert_eq!(t.session(session).await.unwrap().unwrap().recording, None);
    let kept = t.consent_of(participant).await.unwrap().unwrap();
    assert_eq!(kept.choice, RecordingChoice::Refused);
}

async fn what_is_agreed_to_later_is_added_and_what_is_withdrawn_is_gone_and_both_stay_known(
    bench: Bench,
) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let visitor = shop.visitor().await;
    let who = visitor.participant;
    let later = NOW.plus(60_000);
    let agreed = t.change_consent(who, Modality::Screen, true, later).await;
    let mut both = visitor.modalities.clone();
    both.push(Modality::Screen);
    assert_eq!(agreed.unwrap().modalities, both);
    let session = t.session(visitor.session).await.unwrap().unwrap();
    assert_eq!(session.modalities, both);
    // Tried again, because nobody knew whether it was written: it stands once.
    for at in [later.plus(1_500), later.plus(9_000)] {
        let withdrawn = t.change_consent(who, Modality::Screen, false, at).await;
        assert_eq!(withdrawn.unwrap().modalities, visitor.modalities);
    }
    let kept = t.consent_of(who).await.unwrap().unwrap();
    assert_eq!(kept.modalities, visitor.modalities);
    assert_eq!(kept.at, NOW, "what was agreed to at the gate was then");
    let changes: Vec<_> = t.consent_changes(who).await.unwrap();
    let seen: Vec<_> = changes.iter().map(|c| (c.given, c.at)).collect();
    assert_eq!(seen, [(true, later), (false, later.plus(1_000))]);
    assert!(changes.iter().all(|c| c.modalities == [Modality::Screen]));
    let nobody = ParticipantId::random(&mut rng());
    let refused = t.change_consent(nobody, Modality::Audio, true, later).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
}

async fn an_agent_joins_with_an_acknowledgement(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let visitor = shop.visitor().await;
    let agent = shop.answering(&visitor);
    t.add_participant(agent.clone()).await.unwrap();
    let people = t.participants_of(visitor.session).await.unwrap();
    let ids: Vec<_> = people.iter().map(|p| p.id).collect();
    assert_eq!(ids, [visitor.participant, agent.participant]);
    assert_eq!(people[1].role, Role::Agent);
    assert_eq!(people[1].staff, Some(shop.agent));
    assert_eq!(people[1].consent.receipt, None);
    assert_eq!(people[1].consent.choice, RecordingChoice::Acknowledged);
    // A track belongs to one participant.
    let mut second = shop.answering(&visitor);
    second.track = agent.track;
    let refused = t.add_participant(second).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

async fn an_agent_cannot_join_a_session_that_ended(bench: Bench) {
    let shop = bench.shop("shop").await;
    let visitor = shop.visitor().await;
    let t = &shop.tenant;
    t.end_session(visitor.session, NOW, NOW).await.unwrap();
    let refused = t.add_participant(shop.answering(&visitor)).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
}

async fn a_participant_who_left_cannot_come_back(bench: Bench) {
    let shop = bench.shop("shop").await;
    let t = &shop.tenant;
    let visitor = shop.visitor().await;
    let agent = shop.answering(&visitor);
    t.add_participant(agent.clone()).await.unwrap();
    let resume = hash();
    let joined = t.redeem_join(agent.join.hash, resume, NOW.plus(1_000), NOW);
    joined.await.unwrap().unwrap();
    t.participant_left(agent.participant, NOW.plus(7_999))
        .await
        .unwrap();
    let person = t.participant(agent.participant).await.unwrap().unwrap();
    assert_eq!(person.left, Some(NOW.plus(7_000)));
    let back = t
        .rotate_resume(resume, hash(), NOW.plus(1_000), NOW, None)
        .await;
    assert_eq!(back.unwrap(), None);
}
