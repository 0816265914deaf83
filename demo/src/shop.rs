//! The pages of the demo clients, each with the widget's one line: served from a host of their own,
//! as a client's pages are.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
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
        let origin = plan.shop_origin();
        let router = router.layer(middleware::from_fn(move |request: Request, next: Next| {
            at_home(origin.clone(), request, next)
        }));
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

/// The widget comes up on the listed origin alone: whoever came by another name of this machine is
/// sent there.
async fn at_home(origin: String, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let named = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if origin.strip_prefix("http://") == Some(named) {
        return next.run(request).await;
    }
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    Redirect::temporary(&format!("{origin}{path}")).into_response()
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_notice_links_to_stands_on_its_clients_page() {
        for (notice, page) in [
            (include_str!("../notices/alpine.en.json"), BANK),
            (include_str!("../notices/alpine.de.json"), BANK),
            (include_str!("../notices/harbour.en.json"), CLINIC),
            (include_str!("../notices/harbour.de.json"), CLINIC),
        ] {
            let notice: serde_json::Value = serde_json::from_str(notice).unwrap();
            for link in ["policy_url", "decline_url"] {
                let (_, place) = notice[link].as_str().unwrap().split_once('#').unwrap();
                assert!(page.contains(&format!("id=\"{place}\"")), "{place}");
            }
        }
    }
}
