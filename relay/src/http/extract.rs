//! Bytes to words: ids in paths, JSON in bodies. What does not parse is `malformed`.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use proto::ErrorCode;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The one id in the path. What is no id names nothing.
#[derive(Debug)]
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: core::str::FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem(ErrorCode::NotFound))?;
        text.parse()
            .map(Self)
            .map_err(|_| Problem(ErrorCode::NotFound))
    }
}

/// A JSON body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|refused| match refused {
                BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                    Problem(ErrorCode::TooLarge)
                }
                _ => Problem(ErrorCode::Malformed),
            })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|_| Problem(ErrorCode::Malformed))
    }
}
