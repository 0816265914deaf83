//! A page that no client has listed: the widget's frame stays shut, and nothing comes to be.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, StatusCode};
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::session::client;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_listed_gets_a_blocked_frame_and_no_session() -> Result<()> {
    let mut house = House::start().await?;
    let site = client(&house, "alpine")?
        .site
        .context("the bank has a site")?;
    let page = format!(
        "<!doctype html><title>Thief</title><body><p>Not a client's page.</p><script src=\"{}/launch.js\" data-site=\"{site}\"></script></body>",
        house.plan().widget_origin()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://thief.localhost:{}", listener.local_addr()?.port());
    let thief = tokio::spawn(async move {
        axum::serve(
            listener,
            Router::new().route("/", get(async move || Html(page))),
        )
        .await
    });

    let driver = Driver::start().await?;
    let visitor = Visitor::arrive(&driver, "blocked", &address).await?;
    visitor.press_launcher().await?;
    let mut complaints = String::new();
    let complaint = async {
        while !complaints.contains("frame-ancestors") {
            sleep(Duration::from_millis(50)).await;
            complaints += &visitor.browser.complaints().await?.join("\n");
        }
        anyhow::Ok(())
    };
    let refused = timeout(Duration::from_mins(1), complaint).await;
    refused.with_context(|| format!("the browser did not refuse the frame: {complaints}"))??;
    let gate: bool = visitor
        .browser
        .value(
            "return !!document.querySelector('form, vestibule-gate')",
            Vec::new(),
        )
        .await
        .unwrap_or(false);
    ensure!(!gate, "the gate shows on a page that is not listed");
    visitor.browser.picture("frame").await?;

    // Without a browser to hold it back, the page's own origin is refused by the relay.
    let refused = house
        .widget()
        .send(
            Method::POST,
            &format!("/api/v1/sites/{site}/consents"),
            &[
                ("origin", address.as_str()),
                ("content-type", "application/json"),
            ],
            Bytes::from_static(b"{}"),
        )
        .await?;
    ensure!(
        refused.status == StatusCode::FORBIDDEN,
        "{}",
        refused.status
    );
    ensure!(
        crate::rows::sessions(&house).await? == 0,
        "a session row came to be"
    );
    thief.abort();
    house.stop().await
}
