//! `GET /ws`: from a request to a socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use proto::{ErrorCode, SUBPROTOCOL};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::hello::Unidentified;
use super::socket;
use crate::config::Origin;
use crate::http::allowance::Ask;
use crate::http::front::Front;
use crate::http::problem::Problem;
use crate::http::service::comes_from;
use crate::http::{Caller, OnDuty, Place};

/// `GET /ws` of the widget's host.
pub(crate) async fn widget(
    State(front): State<Arc<Front>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let own = front.config.listen.widget_origin.clone();
    let hello = Unidentified::at_the_widget(Arc::clone(&front));
    Ok(upgrade(&front, &caller, request, &own, hello)?)
}

/// `GET /ws` of the desk's host: for who is signed in.
pub(crate) async fn desk(
    State(front): State<Arc<Front>>,
    caller: Caller,
    on_duty: OnDuty,
    request: Request,
) -> Result<Response, Problem> {
    let own = front.config.listen.desk_origin.clone();
    let hello = Unidentified::at_the_desk(Arc::clone(&front), on_duty);
    Ok(upgrade(&front, &caller, request, &own, hello)?)
}

fn upgrade(
    front: &Arc<Front>,
    caller: &Caller,
    mut request: Request,
    own: &Origin,
    hello: Unidentified,
) -> Result<Response, ErrorCode> {
    if front.shutdown.is_begun() {
        return Err(ErrorCode::ShuttingDown);
    }
    if !comes_from(request.headers(), own) {
        return Err(ErrorCode::OriginRefused);
    }
    caller.take(front, Ask::Socket)?;
    let key = handshake(&request)?;
    let counted = caller.enter(front)?;
    let upgraded = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or(ErrorCode::Malformed)?;
    let place = request.extensions_mut().remove::<Place>();
    front.shutdown.spawn(async move {
        socket::run(upgraded, hello).await;
        drop((place, counted));
    });

    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let key = HeaderValue::try_from(key).map_err(|_| ErrorCode::Malformed)?;
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    Ok(response)
}

/// RFC 6455, section 4.2: the answer to the client's key.
fn handshake(request: &Request) -> Result<String, ErrorCode> {
    let headers = request.headers();
    let upgrades = request.version() == Version::HTTP_11
        && has(headers, header::CONNECTION, "upgrade")
        && has(headers, header::UPGRADE, "websocket");
    if !upgrades {
        return Err(ErrorCode::UnsupportedVersion);
    }
    if !has(headers, header::SEC_WEBSOCKET_VERSION, "13")
        || !has(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
    {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or(ErrorCode::Malformed)?;
    Ok(derive_accept_key(key.as_bytes()))
}

fn has(headers: &HeaderMap, name: header::HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|entry| entry.trim().eq_ignore_ascii_case(wanted))
}
