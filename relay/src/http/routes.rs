//! Every endpoint, in one place, as data: the routers are built from it, and tests enumerate it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use proto::ErrorCode;

use super::front::Front;
use super::{accept, assets, consent, frame, health, notice, past, queue, sign_in};
use crate::ws;

/// Which host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// The widget's.
    Widget,
    /// The desk's.
    Desk,
    /// Either, and whatever else this port is called.
    Any,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Anyone.
    Nobody,
    /// An agent who is signed in; acts within their own tenant alone.
    Agent,
    /// Whoever holds a join or resume token, in the socket's first frame.
    Token,
}

/// What the request is about, and so whose it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// Nothing of anyone's.
    Nothing,
    /// A site, named in the path.
    Site,
    /// A session, named in the path.
    Session,
    /// The agent who asks.
    Self_,
}

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path, with `{…}` for what is named.
    pub path: &'static str,
    /// On which host.
    pub host: Host,
    /// Who may ask.
    pub needs: Needs,
    /// What it is about.
    pub about: About,
    /// What someone else's, or nobody's, gets; `None` where there is nothing to refuse.
    pub refusal: Option<ErrorCode>,
    handler: fn() -> MethodRouter<Arc<Front>>,
}

impl core::fmt::Debug for Route {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.host)
    }
}

macro_rules! routes {
    ($($method:ident $path:literal $host:ident $needs:ident $about:ident $refusal:expr => $handler:path;)*) => {
        /// Every endpoint of this node.
        pub const ROUTES: &[Route] = &[$(Route {
            method: method!($method),
            path: $path,
            host: Host::$host,
            needs: Needs::$needs,
            about: About::$about,
            refusal: $refusal,
            handler: || $method($handler),
        }),*];
    };
}

macro_rules! method {
    (get) => {
        "GET"
    };
    (post) => {
        "POST"
    };
}

const NOT_FOUND: Option<ErrorCode> = Some(ErrorCode::NotFound);
const SIGN_IN: Option<ErrorCode> = Some(ErrorCode::SignInRequired);

routes! {
    get  "/healthz" Any Nobody Nothing None => health::health;

    get  "/launch.js" Widget Nobody Nothing None => assets::launcher;
    get  "/frame/{site}" Widget Nobody Site NOT_FOUND => frame::widget;
    get  "/assets/{*path}" Widget Nobody Nothing NOT_FOUND => assets::widget;
    get  "/api/v1/sites/{site}/notice" Widget Nobody Site NOT_FOUND => notice::current;
    get  "/api/v1/sites/{site}/notices/{hash}" Widget Nobody Site NOT_FOUND => notice::by_hash;
    post "/api/v1/sites/{site}/consents" Widget Nobody Site NOT_FOUND => consent::agree;
    get  "/ws" Widget Token Session Some(ErrorCode::TokenInvalid) => ws::upgrade::widget;

    get  "/" Desk Nobody Nothing None => frame::desk;
    get  "/assets/{*path}" Desk Nobody Nothing NOT_FOUND => assets::desk;
    post "/api/v1/sign-in" Desk Nobody Nothing Some(ErrorCode::SignInFailed) => sign_in::sign_in;
    post "/api/v1/sign-out" Desk Agent Self_ SIGN_IN => sign_in::sign_out;
    get  "/api/v1/me" Desk Agent Self_ SIGN_IN => sign_in::me;
    get  "/api/v1/queue" Desk Agent Self_ SIGN_IN => queue::queue;
    post "/api/v1/sessions/{session}/accept" Desk Agent Session NOT_FOUND => accept::accept;
    get  "/api/v1/sessions" Desk Agent Self_ SIGN_IN => past::sessions;
    get  "/ws" Desk Token Session SIGN_IN => ws::upgrade::desk;
}

/// The router of one host.
pub(super) fn router(host: Host) -> Router<Arc<Front>> {
    ROUTES
        .iter()
        .filter(|route| route.host == host || route.host == Host::Any)
        .fold(Router::new(), |router, route| {
            router.route(route.path, (route.handler)())
        })
}
