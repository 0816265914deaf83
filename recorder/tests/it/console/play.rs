//! Playing a recording in the page: who may, how long, and what is sent.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use proto::RecordingId;

use super::{Visit, text_of};
use crate::bundle::unpack;
use crate::call::files;
use crate::house::House;

async fn a_call() -> (House, RecordingId, axum::Router, String) {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I <b>call</b> you").await;
    talk.call(&house).await;
    talk.end(&house).await;
    house.intake().await;
    let router = Visit::of(&house).await.router;
    let case = house.case(&[talk.recording]).await;
    (house, talk.recording, router, format!("/cases/{case}"))
}

#[tokio::test]
async fn an_approved_call_plays_in_the_page_and_it_is_on_record_before_the_first_byte() {
    let (house, recording, router, case) = a_call().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let mut omar = Visit::signed_in(&router, "omar").await;
    let wanted = format!("recording={recording}");
    let open = format!("{case}/play");
    let page = format!("{case}/play/{recording}");

    let agree = |name: &str| format!("passphrase=the+passphrase+of+{name}");
    let approve = format!("{case}/approve");
    ines.post(&approve, &agree("ines")).await;
    let alone = ines.post(&open, &wanted).await;
    assert_eq!(alone.status, StatusCode::CONFLICT);
    assert_eq!(ines.get(&page).await.status, StatusCode::SEE_OTHER);
    omar.post(&approve, &agree("omar")).await;
    let opened = ines.post(&open, &wanted).await;
    assert_eq!(
        (opened.status, opened.location.as_str()),
        (StatusCode::SEE_OTHER, page.as_str())
    );
    let said = ines.get(&case).await.text;
    assert!(
        said.contains("is about to be opened (play), by the shares of"),
        "{said}"
    );

    let shown = ines.get(&page).await;
    assert_eq!(shown.status, StatusCode::OK);
    for text in [
        "visitor.webm",
        "agent.webm",
        "agent sound: muted",
        "I &#60;b&#62;call&#60;/b&#62; you",
        "Blue Heron",
    ] {
        assert!(shown.text.contains(text), "{text}: {}", shown.text);
    }
    // One track of sound and picture each: what holds them all together is for other players.
    assert!(!shown.text.contains("call.webm"));

    // What is sent is what a bundle holds, and silence where sound pauses; from wherever it is asked.
    let (bundle, _) = house.export(recording).await;
    let unpacked = unpack(&bundle);
    let handed_out = files(&unpacked)["agent.webm"];
    let address = format!("{page}/agent.webm");
    let (head, whole) = ines.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(text_of(&head, header::CONTENT_TYPE), "video/webm");
    assert_eq!(text_of(&head, header::CACHE_CONTROL), "no-store");
    let silence = |film: &[u8]| {
        let threes = film.windows(3);
        threes.filter(|three| *three == [0xf8, 0xff, 0xfe]).count()
    };
    assert!(silence(&whole) > 0 && silence(handed_out) == 0);
    assert!(whole.len() > handed_out.len());
    let (head, bytes) = ines.raw(ask(&address, Some("bytes=1000-70000"))).await;
    assert_eq!(head.status(), StatusCode::PARTIAL_CONTENT);
    let says = text_of(&head, header::CONTENT_RANGE);
    let last = whole.len().min(70_001);
    assert_eq!(says, format!("bytes 1000-{}/{}", last - 1, whole.len()));
    assert!(bytes == whole[1000..last]);
    let beyond = format!("bytes={}-", whole.len());
    let (head, _) = ines.raw(ask(&address, Some(&beyond))).await;
    assert_eq!(head.status(), StatusCode::RANGE_NOT_SATISFIABLE);

    // It was opened by one, and is shown to nobody else; nor to anyone without a sign-in.
    assert_eq!(omar.get(&page).await.status, StatusCode::SEE_OTHER);
    let (head, _) = omar.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    let mut stranger = Visit::to(router.clone());
    let (head, bytes) = stranger.raw(ask(&address, None)).await;
    assert_ne!(head.status(), StatusCode::OK);
    assert!(!bytes.windows(4).any(|four| four == b"webm"));

    // A page that is left forgets it, but for another one that shows it still.
    let again = ines.get(&page).await;
    let first = leaves(&again.text);
    for left in [StatusCode::OK, StatusCode::NOT_FOUND] {
        assert_eq!(
            ines.post(&page, &first).await.status,
            StatusCode::NO_CONTENT
        );
        let (head, _) = ines.raw(ask(&address, None)).await;
        assert_eq!(head.status(), left);
    }

    // What is opened anew is not forgotten for an old page's sake, nor counted where none is shown.
    ines.post(&open, &wanted).await;
    let (head, body) = ines.raw(asked("HEAD", &page)).await;
    assert_eq!((head.status(), body.len()), (StatusCode::OK, 0));
    let second = leaves(&ines.get(&page).await.text);
    for (says, answer, left) in [
        (&first, StatusCode::NOT_FOUND, StatusCode::OK),
        (&second, StatusCode::NO_CONTENT, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ines.post(&page, says).await.status, answer);
        let (head, _) = ines.raw(ask(&address, None)).await;
        assert_eq!(head.status(), left);
    }
    ines.post(&open, &wanted).await;
    let (head, _) = ines.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::OK);

    // When the shares are locked again, nothing is left to play.
    house.advance(15 * 60 * 1000);
    let (head, _) = ines.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    assert_eq!(ines.get(&page).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_plays_stops_when_its_case_is_closed() {
    let (_house, recording, router, case) = a_call().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let mut omar = Visit::signed_in(&router, "omar").await;
    let approve = format!("{case}/approve");
    ines.post(&approve, "passphrase=the+passphrase+of+ines")
        .await;
    omar.post(&approve, "passphrase=the+passphrase+of+omar")
        .await;
    let wanted = format!("recording={recording}");
    ines.post(&format!("{case}/play"), &wanted).await;
    let address = format!("{case}/play/{recording}/visitor.webm");
    let (head, _) = ines.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::OK);
    omar.post(&format!("{case}/close"), "").await;
    let (head, _) = ines.raw(ask(&address, None)).await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
}

/// What a page says when it is left.
fn leaves(page: &str) -> String {
    let (_, rest) = page.split_once("data-opening=\"").unwrap();
    format!("opening={}", rest.split_once('"').unwrap().0)
}

fn asked(method: &str, address: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(address);
    request.body(Body::empty()).unwrap()
}

fn ask(address: &str, range: Option<&str>) -> Request<Body> {
    let mut request = Request::get(address);
    if let Some(range) = range {
        request = request.header(header::RANGE, range);
    }
    request.body(Body::empty()).unwrap()
}
