//! The pages of the demo clients, each with the widget's one line: served from a host of their own,
//! as a client's pages are.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::people::People;
use crate::plan::Plan;

const BANK: &str = include_str!("../pages/bank.html");
const CLINIC: &str = include_str!("../pages/clinic.html");
const STYLE: &str = include_str!("../pages/page.css");

/// The running shop; it ends when this is dropped.
pub struct Shop(JoinHandle<()>);

impl Shop {
    /// Serves every client's page on the plan's port.
    pub async fn start(plan: &Plan, people: &People) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.shop));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("port {} for the shop page cannot be had", plan.shop))?;
        let mut router = Router::new().route("/page.css", get(style));
        for client in &people.clients {
            let template = if client.page == "/" { BANK } else { CLINIC };
            let site = client.site.map(|site| site.to_string()).unwrap_or_default();
            let page = template
                .replace("%WIDGET%", &plan.widget_origin())
                .replace("%SITE%", &site)
                .replace("%NAME%", &client.name)
                .replace("%ACCENT%", &client.accent);
            router = router.route(&client.page, get(async move || Html(page)));
        }
        Ok(Self(tokio::spawn(async move {
            // It serves until the task is aborted.
            let _ = axum::serve(listener, router).await;
        })))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}
