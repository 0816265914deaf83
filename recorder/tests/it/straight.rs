//! The straight path: sealed, taken in, listed, opened by two, handed out, checked.

use std::io::Cursor;

use recorder::bundle::verify;
use recorder::retrieval::{self, Purpose};
use store::RecordingFilter;

use crate::house::House;

#[tokio::test]
async fn what_was_said_is_found_by_metadata_opened_by_two_and_checked_by_a_stranger() {
    let mut house = House::new().await;
    let talk = house
        .talk(&["My card was declined", "Let me look", "Danke, Grüezi 👋"])
        .await;
    let pass = house.intake().await;
    assert_eq!(pass.kept, [(talk.recording, vec![])], "{pass:?}");

    let page = house
        .tenant
        .recordings(&RecordingFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(page.recordings.len(), 1);
    assert_eq!(page.recordings[0].parts, 9);
    assert_eq!(page.recordings[0].ending, store::Ending::Clean);

    let (bundle, exported) = house.export(talk.recording).await;
    assert!(exported.damage.is_empty(), "{:?}", exported.damage);
    assert_eq!(exported.sha256, proto::Hash32::of(&bundle));

    let report = verify::bundle(Cursor::new(&bundle), None).await;
    assert!(report.is_good(), "{:#?}", report.wrong);
    assert_eq!(report.recorder, Some(house.recorder.public().fingerprint()));

    let case = house.case(&[talk.recording]).await;
    house.approve(case, 0).await;
    house.approve(case, 1).await;
    let opened = retrieval::open(
        &house.recorder,
        &house.tenant,
        case,
        talk.recording,
        Purpose::Open,
    )
    .await
    .unwrap();
    let texts: Vec<String> = opened
        .lines
        .iter()
        .filter_map(|line| match &line.event {
            proto::event::ChatEvent::Said { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        texts,
        ["My card was declined", "Let me look", "Danke, Grüezi 👋"]
    );
    let checked = house.recorder.log.verify(&house.tenant).await.unwrap();
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
}
