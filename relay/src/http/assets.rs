//! The pages' files, embedded into the binary.

use std::borrow::Cow;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::ErrorCode;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web/widget"]
pub(super) struct Widget;

#[derive(RustEmbed)]
#[folder = "../web/desk"]
pub(super) struct Desk;

#[derive(RustEmbed)]
#[folder = "../web/lib"]
struct Lib;

/// `GET /assets/{*path}` of the widget's host.
pub(super) async fn widget(path: Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let path = path.0;
    let (folder, name) = path.split_once('/').ok_or(ErrorCode::NotFound)?;
    let file = match folder {
        "widget" => published(name).and_then(Widget::get),
        "lib" => published(name).and_then(Lib::get),
        _ => None,
    };
    serve(file, name, &headers)
}

/// `GET /assets/{*path}` of the desk's host.
pub(super) async fn desk(path: Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let path = path.0;
    let (folder, name) = path.split_once('/').ok_or(ErrorCode::NotFound)?;
    let file = match folder {
        "desk" => published(name).and_then(Desk::get),
        "lib" => published(name).and_then(Lib::get),
        _ => None,
    };
    serve(file, name, &headers)
}

/// `GET /launch.js`: loaded by clients' pages, so from anywhere; without cookies, and not logged.
pub(super) async fn launcher(headers: HeaderMap) -> Result<Response, Problem> {
    let mut response = serve(Widget::get("launch.js"), "launch.js", &headers)?;
    response.headers_mut().insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    Ok(response)
}

/// A page's bytes, if it was built in.
pub(super) fn page(file: Option<EmbeddedFile>) -> Result<Response, Problem> {
    let file = file.ok_or(ErrorCode::NotFound)?;
    let mut response = whole(file.data).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Types and tests stand beside the sources and are for nobody else.
fn published(name: &str) -> Option<&str> {
    let private = name.ends_with(".test.js") || name.ends_with(".d.ts");
    (!private).then_some(name)
}

fn serve(
    file: Option<EmbeddedFile>,
    name: &str,
    request: &HeaderMap,
) -> Result<Response, Problem> {
    let file = file.ok_or(ErrorCode::NotFound)?;
    let kind = content_type(name).ok_or(ErrorCode::NotFound)?;
    let hash = proto::Hash32(file.metadata.sha256_hash());
    let tag = format!("\"{hash}\"");
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        whole(file.data).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

fn whole(data: Cow<'static, [u8]>) -> axum::body::Body {
    match data {
        Cow::Borrowed(bytes) => bytes.into(),
        Cow::Owned(bytes) => bytes.into(),
    }
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        _ => return None,
    })
}
