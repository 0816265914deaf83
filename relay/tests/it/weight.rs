//! What a visitor's browser has to load, weighed as it travels: gzipped, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::world::http::{Answer, send};
use crate::world::{Relay, WIDGET, World};

/// The launcher, on every page of every client.
const LAUNCHER: usize = 5 * 1024;
/// From the click to the conversation: gate, chat, and the words of one language.
const CHAT: usize = 25 * 1024;
/// What a call adds, where a site offers calls, until something is to be asked or told beside it.
const CALL: usize = 15 * 1024;

async fn zipped(relay: &Relay, path: &str) -> Answer {
    let headers = [("accept-encoding", "gzip, deflate, br")];
    let answer = send(relay.port, WIDGET, "GET", path, &headers, "").await;
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(answer.header("content-encoding"), "gzip", "{path}");
    answer
}

/// What the chat weighs in this language, file by file.
async fn chat(relay: &Relay, world: &World, language: &str) -> BTreeMap<String, usize> {
    let path = format!("/frame/{}", world.client().site);
    let page = zipped(relay, &path).await;
    let mut open: BTreeSet<String> = BTreeSet::from([
        "/assets/widget/talk.js".to_owned(),
        format!("/assets/widget/strings/{language}.js"),
    ]);
    open.extend(linked(&unzipped(&page)));
    let mut weights = weighed(relay, open).await;
    weights.insert(path, page.body.len());
    weights
}

/// What these files weigh, with all that they load at once.
async fn weighed(relay: &Relay, mut open: BTreeSet<String>) -> BTreeMap<String, usize> {
    let mut weights = BTreeMap::new();
    while let Some(path) = open.pop_first() {
        let answer = zipped(relay, &path).await;
        let found = imported(&path, &unzipped(&answer));
        weights.insert(path, answer.body.len());
        open.extend(found.into_iter().filter(|path| !weights.contains_key(path)));
    }
    weights
}

fn unzipped(answer: &Answer) -> String {
    let mut text = String::new();
    GzDecoder::new(answer.body.as_ref())
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_launcher_stays_within_its_budget() {
    let world = World::new().await;
    let relay = world.start().await;
    let weight = zipped(&relay, "/launch.js").await.body.len();
    assert!(
        weight <= LAUNCHER,
        "{weight} bytes gzipped, {LAUNCHER} allowed"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_stays_within_its_budget_in_every_language() {
    let world = World::new().await;
    let relay = world.start().await;
    for language in ["en", "de"] {
        let weights = chat(&relay, &world, language).await;
        assert!(weights.len() > 10, "the search is broken: {weights:?}");
        let weight: usize = weights.values().sum();
        assert!(
            weight <= CHAT,
            "{language}: {weight} bytes gzipped, {CHAT} allowed: {weights:#?}"
        );
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_stays_within_its_budget_in_every_language() {
    let world = World::new().await;
    let relay = world.start().await;
    for language in ["en", "de"] {
        let chat = chat(&relay, &world, language).await;
        let begun = [
            "/assets/widget/call.js".to_owned(),
            "/assets/lib/call.css".to_owned(),
            format!("/assets/lib/call-strings/{language}.js"),
        ];
        let mut weights = weighed(&relay, begun.into()).await;
        weights.retain(|path, _| !chat.contains_key(path));
        assert!(weights.len() > 5, "the search is broken: {weights:?}");
        let weight: usize = weights.values().sum();
        assert!(
            weight <= CALL,
            "{language}: {weight} bytes gzipped, {CALL} allowed: {weights:#?}"
        );
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_not_served_as_a_file_without_its_frame_policy() {
    let world = World::new().await;
    let relay = world.start().await;
    let path = "/assets/widget/frame.html";
    let answer = send(relay.port, WIDGET, "GET", path, &[], "").await;
    assert_eq!(answer.status, 404);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_the_same_for_those_who_take_no_gzip() {
    let world = World::new().await;
    let relay = world.start().await;
    let zipped = zipped(&relay, "/assets/widget/main.js").await;
    let plain = send(relay.port, WIDGET, "GET", "/assets/widget/main.js", &[], "").await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert_eq!(unzipped(&zipped).as_bytes(), plain.body);
    let known = [("if-none-match", plain.header("etag"))];
    let again = send(
        relay.port,
        WIDGET,
        "GET",
        "/assets/widget/main.js",
        &known,
        "",
    )
    .await;
    assert_eq!(again.status, 304);
    relay.stop().await;
}

/// The scripts and styles of a page.
fn linked(page: &str) -> impl Iterator<Item = String> + '_ {
    page.split('"')
        .filter(|piece| piece.starts_with("/assets/"))
        .map(str::to_owned)
}

/// What a module imports at once; what it loads later, by `import(…)`, is not counted.
fn imported(path: &str, module: &str) -> Vec<String> {
    let mut found = Vec::new();
    for before in ["from '", "from \"", "import '", "import \""] {
        for piece in module.split(before).skip(1) {
            let end = piece.find(['\'', '"']).unwrap();
            found.push(resolve(path, &piece[..end]));
        }
    }
    found
}

fn resolve(from: &str, reference: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
