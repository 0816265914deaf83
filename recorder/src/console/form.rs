//! A form is here within seconds, whole, before anything looks at it: a browser that trails off
//! would hold a connection's place.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::trouble::Trouble;

/// Reads the body before `next` sees the request; what is not here `within` that time is refused.
pub(super) async fn whole(within: Duration, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let limited = Request::from_parts(head.clone(), body);
    match tokio::time::timeout(within, Bytes::from_request(limited, &())).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(refused)) => refused.into_response(),
        Err(_) => Trouble::Slow.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::DefaultBodyLimit;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use futures_util::{StreamExt as _, stream};
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    async fn sent(body: Body, within: Duration) -> Response {
        let router = Router::new()
            .route("/", post(|body: Bytes| async { body }))
            .layer(from_fn(move |request, next| whole(within, request, next)))
            .layer(DefaultBodyLimit::max(8));
        router
            .oneshot(Request::post("/").body(body).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_form_that_never_ends_is_given_up_and_a_whole_one_goes_through() {
        let piece = || Ok::<_, std::io::Error>(Bytes::from_static(b"name="));
        let trailing = stream::once(async move { piece() }).chain(stream::pending());
        let slow = sent(Body::from_stream(trailing), Duration::from_millis(20)).await;
        assert_eq!(slow.status(), StatusCode::REQUEST_TIMEOUT);

        let ample = Duration::from_mins(10);
        let pieces = stream::iter([piece(), Ok(Bytes::from_static(b"ab"))]);
        let whole = sent(Body::from_stream(pieces), ample).await;
        assert_eq!(whole.status(), StatusCode::OK);
        let bytes = axum::body::to_bytes(whole.into_body(), 100).await.unwrap();
        assert_eq!(bytes, "name=ab");

        let long = sent(Body::from("name=abcd"), ample).await;
        assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
