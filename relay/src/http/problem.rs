//! Errors on HTTP: RFC 9457 problem documents, with a code of the closed list.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::{ErrorBody, ErrorCode};

/// A refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem(pub ErrorCode);

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Self {
        Self(super::front::code_of(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.0;
        metrics::counter!(crate::telemetry::counted::REFUSED, "code" => code.name()).increment(1);
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&ErrorBody::from(code)).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(code, ErrorCode::RateLimited | ErrorCode::Overloaded) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        // For whoever writes the log.
        response.extensions_mut().insert(self);
        response
    }
}
