//! The pages' files, embedded into the binary, made light once and served from memory.

mod light;

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use proto::{ErrorCode, Hash32};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web/widget"]
struct Widget;

#[derive(RustEmbed)]
#[folder = "../web/desk"]
struct Desk;

#[derive(RustEmbed)]
#[folder = "../web/lib"]
struct Lib;

const PAGE: &str = "text/html; charset=utf-8";

/// A file as it travels.
struct Asset {
    kind: &'static str,
    tag: HeaderValue,
    plain: Bytes,
    gzip: Option<Bytes>,
}

/// The files of the three folders by their path; never changed, so one copy serves everyone.
static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let widget = Widget::iter().map(|name| ("widget", Widget::get(&name), name));
    let desk = Desk::iter().map(|name| ("desk", Desk::get(&name), name));
    let lib = Lib::iter().map(|name| ("lib", Lib::get(&name), name));
    widget
        .chain(desk)
        .chain(lib)
        .filter_map(|(folder, file, name)| {
            Some((format!("{folder}/{name}"), asset(&name, &file?)?))
        })
        .collect()
});

/// `GET /assets/{*path}` of the widget's host.
pub(super) async fn widget(path: Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&["widget/", "lib/"], &path, &headers)
}

/// `GET /assets/{*path}` of the desk's host.
pub(super) async fn desk(path: Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&["desk/", "lib/"], &path, &headers)
}

/// `GET /launch.js`: loaded by clients' pages, so from anywhere; without cookies, and not logged.
pub(super) async fn launcher(headers: HeaderMap) -> Result<Response, Problem> {
    let mut response = serve(&["widget/"], "widget/launch.js", &headers)?;
    response.headers_mut().insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    Ok(response)
}

/// A page, such as `widget/frame.html`; the caller says who may frame it.
pub(super) fn page(path: &str, request: &HeaderMap) -> Result<Response, Problem> {
    let page = ASSETS.get(path).ok_or(ErrorCode::NotFound)?;
    Ok(answer(page, request))
}

/// Types and tests stand beside the sources and are for nobody else.
fn asset(name: &str, file: &EmbeddedFile) -> Option<Asset> {
    if name.ends_with(".test.js") || name.ends_with(".d.ts") {
        return None;
    }
    let kind = content_type(name)?;
    let text = kind.starts_with("text/");
    let plain: Bytes = match core::str::from_utf8(&file.data) {
        Ok(source) if text => light::lighten(kind, source).into(),
        _ => file.data.to_vec().into(),
    };
    Some(Asset {
        kind,
        tag: HeaderValue::try_from(format!("\"{}\"", Hash32::of(&plain))).ok()?,
        gzip: text.then(|| light::gzip(&plain)).flatten().map(Bytes::from),
        plain,
    })
}

/// A page is never served as a file: it would lack the policy that says who may frame it.
fn serve(folders: &[&str], path: &str, request: &HeaderMap) -> Result<Response, Problem> {
    let asset = ASSETS
        .get(path)
        .filter(|asset| asset.kind != PAGE)
        .filter(|_| folders.iter().any(|folder| path.starts_with(folder)))
        .ok_or(ErrorCode::NotFound)?;
    Ok(answer(asset, request))
}

fn answer(asset: &Asset, request: &HeaderMap) -> Response {
    let known = request.get(header::IF_NONE_MATCH) == Some(&asset.tag);
    let zipped = asset.gzip.as_ref().filter(|_| takes_gzip(request));
    let mut response = match zipped {
        _ if known => StatusCode::NOT_MODIFIED.into_response(),
        Some(zipped) => ([(header::CONTENT_ENCODING, "gzip")], zipped.clone()).into_response(),
        None => asset.plain.clone().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, asset.tag.clone());
    response
}

/// Every browser writes `gzip` as an item of its own; whoever refuses it with `q=0` gets it plain.
fn takes_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim() == "gzip")
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "html" => PAGE,
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
