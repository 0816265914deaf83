//! Headers that every page and answer carries.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::Origin;

/// Who may frame a page.
pub(super) enum Framing<'a> {
    /// Nobody.
    Nobody,
    /// Pages of exactly these origins.
    Origins(&'a [String]),
}

/// The policy of a page of `own`: nothing but its own files, and no string ever becomes markup.
pub(super) fn page_policy(own: &Origin, framing: &Framing<'_>) -> HeaderValue {
    let ancestors = match framing {
        Framing::Origins(origins) if !origins.is_empty() => origins
            .iter()
            .filter_map(|origin| Origin::parse(origin))
            .map(|origin| origin.as_str().to_owned())
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    };
    let ancestors = if ancestors.is_empty() {
        "'none'"
    } else {
        &ancestors
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {}; \
         img-src 'self' data:; require-trusted-types-for 'script'; base-uri 'none'; \
         form-action 'self'; frame-ancestors {ancestors}",
        own.websocket(),
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'",
    ))
}

/// What a page of ours may ask a person for: what calls need, for itself alone.
pub(super) const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self), \
     geolocation=(), browsing-topics=()",
);

/// For a year this host is reached over TLS alone; what other hosts do is for their owner to say.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What is the same for every answer, where the endpoint has not said otherwise.
pub(super) fn harden(headers: &mut HeaderMap, tls: bool) {
    let defaults = [
        // Answers name people and sessions; what may be kept says so itself.
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (
            header::HeaderName::from_static("permissions-policy"),
            "geolocation=(), camera=(), microphone=(), display-capture=(), browsing-topics=()",
        ),
    ];
    // Said only where this process itself speaks TLS: a proxy that does says it for itself.
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    for (name, value) in defaults {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}
