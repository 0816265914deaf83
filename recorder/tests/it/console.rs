//! The console: what an officer sees and does there, and what nobody else can.

mod doors;
mod play;
mod recorded;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use proto::Hash32;
use proto::dsse::Envelope;
use proto::notice::Modality;
use recorder::vault::placement::Placement;
use recorder::{Recorder, console};
use store::NewSite;
use tower::ServiceExt as _;

use crate::house::{House, Talk, clock};

/// A browser of one person: their cookie, the console's origin.
pub(crate) struct Visit {
    router: axum::Router,
    pub(crate) cookie: Option<String>,
}

pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) text: String,
}

const ORIGIN: &str = "http://console.localhost:8081";

impl Visit {
    pub(crate) async fn of(house: &House) -> Self {
        // Its own view of the same data, as after a restart.
        let recorder = Recorder::open(house.recorder.config.clone(), clock(&house.time))
            .await
            .unwrap();
        Self::to(console::router(Arc::new(recorder)))
    }

    pub(crate) fn to(router: axum::Router) -> Self {
        Self {
            router,
            cookie: None,
        }
    }

    async fn signed_in(router: &axum::Router, name: &str) -> Self {
        let mut visit = Self::to(router.clone());
        let seen = visit
            .sign_in("alpine", name, &format!("the password of {name}"))
            .await;
        assert_eq!(
            (seen.status, seen.location.as_str()),
            (StatusCode::SEE_OTHER, "/")
        );
        visit
    }

    pub(crate) async fn sign_in(&mut self, client: &str, name: &str, password: &str) -> Seen {
        let body = format!(
            "client={client}&name={name}&password={}",
            password.replace(' ', "+")
        );
        self.post("/sign-in", &body).await
    }

    pub(crate) async fn get(&mut self, address: &str) -> Seen {
        let request = Request::get(address);
        self.go(request.body(Body::empty())).await
    }

    async fn post(&mut self, address: &str, body: &str) -> Seen {
        self.post_from(Some(ORIGIN), address, body).await
    }

    async fn post_from(&mut self, origin: Option<&str>, address: &str, body: &str) -> Seen {
        let mut request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.go(request.body(Body::from(body.to_owned()))).await
    }

    async fn go(&mut self, request: axum::http::Result<Request<Body>>) -> Seen {
        let (head, bytes) = self.raw(request.unwrap()).await;
        Seen {
            status: head.status(),
            location: text_of(&head, header::LOCATION),
            text: String::from_utf8(bytes).unwrap(),
        }
    }

    async fn raw(&mut self, mut request: Request<Body>) -> (Response, Vec<u8>) {
        if let Some(cookie) = &self.cookie {
            request
                .headers_mut()
                .insert(header::COOKIE, cookie.parse().unwrap());
        }
        let (head, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let head = Response::from_parts(head, Body::empty());
        let policy = text_of(&head, header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'"),
            "{policy}"
        );
        let set = text_of(&head, header::SET_COOKIE);
        if let Some((pair, rest)) = set.split_once(';') {
            assert_eq!(
                &rest[..51],
                " Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age"
            );
            self.cookie = Some(pair.to_owned());
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        (head, bytes)
    }
}

fn text_of(head: &Response, name: header::HeaderName) -> String {
    let value = head.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn one_session() -> (House, Talk, axum::Router) {
    let mut house = House::new().await;
    let talk = house.talk(&["My card was declined", "Let me look"]).await;
    house.intake().await;
    let router = Visit::of(&house).await.router;
    (house, talk, router)
}

#[tokio::test]
async fn two_officers_open_a_case_and_the_bundle_is_handed_out_once_both_have_agreed() {
    let (_house, talk, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let mut omar = Visit::signed_in(&router, "omar").await;

    let sessions = ines.get("/").await;
    assert!(
        sessions
            .text
            .contains(&format!("/recordings/{}", talk.recording))
    );
    assert!(sessions.text.contains("Mia") && !sessions.text.contains("declined"));

    let form = format!(
        "recording={}&authority=District+Court&reference=AZ+12%2F26&basis=%C2%A7+94+StPO&days=30",
        talk.recording
    );
    let opened = ines.post("/cases", &form).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text);
    let case = opened.location;

    let bundle = format!("recording={}", talk.recording);
    let early = ines.post(&format!("{case}/bundle"), &bundle).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert!(
        early
            .text
            .contains("0 of 2 officers have unlocked their shares")
    );

    let wrong = ines
        .post(&format!("{case}/approve"), "passphrase=not+it+at+all")
        .await;
    assert_eq!(wrong.status, StatusCode::CONFLICT);
    assert!(wrong.text.contains("Nothing was handed out"));

    let agreed = ines
        .post(
            &format!("{case}/approve"),
            "passphrase=the+passphrase+of+ines",
        )
        .await;
    assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", agreed.text);
    let alone = ines.post(&format!("{case}/bundle"), &bundle).await;
    assert_eq!(alone.status, StatusCode::CONFLICT);

    let agreed = omar
        .post(
            &format!("{case}/approve"),
            "passphrase=the+passphrase+of+omar",
        )
        .await;
    assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", agreed.text);
    let request = Request::post(format!("{case}/bundle"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, ORIGIN)
        .body(Body::from(bundle))
        .unwrap();
    let (head, tar) = omar.raw(request).await;
    assert_eq!(head.status(), StatusCode::OK);
    let disposition = text_of(&head, header::CONTENT_DISPOSITION);
    assert!(disposition.contains(&format!("vestibule-{}.tar", talk.recording)));
    let report = recorder::bundle::verify::bundle(std::io::Cursor::new(&tar), None).await;
    assert!(report.is_good(), "{:#?}", report.wrong);

    let page = ines.get(&case).await;
    let sha = proto::Hash32::of(&tar).to_string();
    assert!(
        page.text.contains(&sha),
        "the case shows what was handed out"
    );
    let log = ines.get("/log?check=yes").await;
    assert!(log.text.contains("The log is whole"), "{}", log.text);

    let closed = ines.post(&format!("{case}/close"), "").await;
    assert_eq!(closed.status, StatusCode::SEE_OTHER);
    let late = omar
        .post(
            &format!("{case}/approve"),
            "passphrase=the+passphrase+of+omar",
        )
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_search_finds_by_site_agent_session_and_day_and_says_what_it_cannot_read() {
    let (house, talk, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let row = format!("/recordings/{}", talk.recording);
    for hit in [
        format!("/?site={}&agent={}", house.site, house.agent),
        format!("/?session={}", talk.session),
        "/?from=2026-11-22&until=2026-11-22&modality=chat".to_owned(),
    ] {
        assert!(ines.get(&hit).await.text.contains(&row), "{hit}");
    }
    for miss in [
        "/?from=2026-11-23",
        "/?until=2026-11-21",
        "/?modality=video",
    ] {
        let seen = ines.get(miss).await;
        assert!(
            !seen.text.contains(&row) && seen.text.contains("No recording fits"),
            "{miss}"
        );
    }
    let odd = ines.get("/?from=yesterday").await;
    assert!(odd.text.contains("“yesterday” is not a day"));
}

#[tokio::test]
async fn a_recordings_manifest_goes_by_the_hash_that_the_log_and_the_placement_have() {
    let (house, talk, router) = one_session().await;
    let file = |name: &str| {
        let bytes = std::fs::read(house.vault_folder(talk.recording).join(name)).unwrap();
        serde_json::from_slice::<Envelope>(&bytes).unwrap()
    };
    let placement: Placement = file("placement.dsse.json").payload_unverified().unwrap();
    let manifest = Hash32::of(&file("manifest.dsse.json").payload);
    assert_eq!(placement.manifest, manifest);
    let mut ines = Visit::signed_in(&router, "ines").await;
    let page = ines.get(&format!("/recordings/{}", talk.recording)).await;
    let grouped: Vec<String> = manifest
        .to_string()
        .as_bytes()
        .chunks(8)
        .map(|eight| String::from_utf8_lossy(eight).into_owned())
        .collect();
    let shown = format!(
        "<dt>Manifest, SHA-256</dt><dd><code>{}</code>",
        grouped.join(" ")
    );
    assert!(page.text.contains(&shown), "{}", page.text);
}

#[tokio::test]
async fn ways_of_talking_that_no_site_offers_are_not_offered_to_search_by() {
    let (house, _, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let page = ines.get("/").await.text;
    assert!(page.contains("name=\"agent\"") && !page.contains("name=\"modality\""));
    let tenant = house.recorder.tenant("alpine").await.unwrap();
    let site = tenant.site(house.site).await.unwrap().unwrap();
    let calls = NewSite {
        id: site.id,
        name: site.name,
        accent: site.accent,
        origins: site.origins,
        modalities: vec![Modality::Chat, Modality::Audio],
    };
    tenant.put_site(&calls).await.unwrap();
    let page = ines.get("/").await.text;
    assert!(page.contains("value=\"audio\"") && !page.contains("value=\"video\""));
}

#[tokio::test]
async fn what_somebody_wrote_into_a_case_is_shown_as_text() {
    let (_house, talk, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let form = format!(
        "recording={}&authority=%3Cscript%3Ealert(1)%3C%2Fscript%3E&reference=%22%3E%3Cb%3E&basis=x&days=1",
        talk.recording
    );
    let case = ines.post("/cases", &form).await.location;
    for address in [case.as_str(), "/cases", "/log"] {
        let text = ines.get(address).await.text;
        assert!(
            !text.contains("<script>alert") && !text.contains("\"><b>"),
            "{address}"
        );
        assert!(
            text.contains("&#60;b&#62;") || text.contains("&lt;b&gt;"),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_case_that_is_not_fully_filled_in_is_asked_again_with_what_was_written() {
    let (house, talk, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let form = format!(
        "recording={}&authority=District+Court&reference=&basis=x&days=900",
        talk.recording
    );
    let seen = ines.post("/cases", &form).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        seen.text.contains("The reference must be named")
            && seen.text.contains("value=\"District Court\"")
    );
    assert!(house.tenant.cases().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_log_page_says_so_when_an_entry_was_erased_and_when_the_tree_does_not_fit() {
    let (house, _, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    house.tenant.erase_log_event(0).await.unwrap();
    let seen = ines.get("/log?check=yes").await;
    assert!(seen.text.contains("The log is whole") && seen.text.contains("1 of them are erased"));
    assert!(seen.text.contains("Its leaf stands in the tree"));

    let entry = store::NewLogEntry {
        id: "smuggled".into(),
        kind: "case_closed".into(),
        at: house.recorder.now(),
        salt: [0; 32],
        event: b"{}".to_vec(),
        leaf: proto::Hash32::ZERO,
        subjects: Vec::new(),
    };
    house.tenant.append_log(&entry).await.unwrap();
    let seen = ines.get("/log?check=yes").await;
    assert!(seen.text.contains("The log does not check") && seen.text.contains("was altered"));
}

#[tokio::test]
async fn a_record_is_checked_from_its_page_without_being_opened() {
    let (house, talk, router) = one_session().await;
    let mut ines = Visit::signed_in(&router, "ines").await;
    let page = format!("/recordings/{}?check=yes", talk.recording);
    assert!(
        ines.get(&page)
            .await
            .text
            .contains("The record is as it was sealed")
    );

    let parts = std::fs::read_dir(house.vault_folder(talk.recording))
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "parts"))
        .unwrap();
    let mut bytes = std::fs::read(&parts).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&parts, bytes).unwrap();
    let seen = ines.get(&page).await;
    assert!(seen.text.contains("The record is not as it was sealed"));
    assert!(seen.text.contains("Track "), "the place is named");
}

#[tokio::test]
async fn an_agents_session_and_another_clients_name_open_nothing_here() {
    let (house, talk, router) = one_session().await;
    let other = house
        .recorder
        .store
        .create_tenant(store::NewTenant {
            id: proto::TenantId::random(&mut recorder::entropy::system()),
            slug: "harbour".into(),
            name: "Harbour Clinic".into(),
            root_key: house.tenant.info().root_key,
            created: house.recorder.now(),
        })
        .await
        .unwrap();
    let token = proto::Token::random(&mut recorder::entropy::system());
    let expires = house.recorder.now().plus(3_600_000);
    let mine = house.officers[0].0;
    for (staff, tenant, hour, opens) in [
        (mine, house.tenant.id(), 0, true),
        (house.agent, house.tenant.id(), 0, false),
        (mine, other.id(), 0, false),
        (mine, house.tenant.id(), 1, false),
    ] {
        let session = house
            .recorder
            .keys
            .session(house.tenant.id(), staff, &token);
        house.tenant.end_staff_session(&session).await.unwrap();
        house
            .tenant
            .begin_staff_session(&session, staff, expires)
            .await
            .unwrap();
        house.advance(hour * 3_600_000);
        let mut visit = Visit::to(router.clone());
        visit.cookie = Some(format!(
            "__Host-console={tenant}.{staff}.{}",
            token.expose()
        ));
        let seen = visit.get(&format!("/recordings/{}", talk.recording)).await;
        let status = if opens {
            StatusCode::OK
        } else {
            StatusCode::SEE_OTHER
        };
        assert_eq!(seen.status, status, "{staff} {tenant} {hour}");
    }
}
