//! What a page says when it cannot be shown: what happened, what still holds, what to do.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::Error;

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody is signed in.
    SignedOut,
    /// The form came from another page than this console's.
    Foreign,
    /// Asked for under another host name than the console's; this is its origin.
    Elsewhere(String),
    /// The form did not come whole in time.
    Slow,
    /// Not there, or not this client's.
    NotFound,
    /// The form was filled in so that it cannot be done.
    Form(String),
    /// The recorder refused, or failed.
    Recorder(Error),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.into() {
            Error::NotFound(_) => Self::NotFound,
            error => Self::Recorder(error),
        }
    }
}

#[derive(Template)]
#[template(path = "console/trouble.html")]
struct Page<'a> {
    title: &'a str,
    happened: &'a str,
    holds: &'a str,
    todo: &'a str,
    /// Where the console is, if not here.
    address: Option<&'a str>,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, title, happened, holds, todo) = match &self {
            Self::SignedOut => return Redirect::to("/sign-in").into_response(),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This did not come from the console",
                "The request came from a page that is not this console’s.".to_owned(),
                "Nothing was done.",
                "Go back to the console and do it there. If you did not ask for anything, tell your operator.",
            ),
            Self::Elsewhere(_) => (
                StatusCode::MISDIRECTED_REQUEST,
                "The console is at another address",
                "This address leads to the console, but is not the one under which it works.".to_owned(),
                "Nothing was done.",
                "Go to the address below. If that leads back here, tell your operator that the proxy must pass the host name on.",
            ),
            Self::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "The form did not arrive whole",
                "The connection was too slow, and what was sent did not arrive in time.".to_owned(),
                "Nothing was done.",
                "Go back and send it again.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "What this address names is not there, or is not yours; the two are not told apart.".to_owned(),
                "Nothing was changed.",
                "Begin again from the recordings or the cases.",
            ),
            Self::Form(why) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "This cannot be done as it was filled in",
                why.clone(),
                "Nothing was changed.",
                "Go back, correct it, and send it again.",
            ),
            Self::Recorder(error) => {
                let refused = !matches!(
                    error,
                    Error::Store(_) | Error::Vault(_) | Error::Spool(_) | Error::Page(_) | Error::File { .. }
                );
                if refused {
                    (
                        StatusCode::CONFLICT,
                        "This was refused",
                        sentence(&error.to_string()),
                        "Nothing was opened. What is in the log stays there.",
                        "Go back, put right what is named here, and try again.",
                    )
                } else {
                    tracing::error!(error = %error, "a console page failed");
                    (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "Something went wrong on our side",
                        "The recorder could not finish this; its own log says why.".to_owned(),
                        "Nothing was destroyed. What is in the log stays there.",
                        "Try again in a minute. If it happens again, tell your operator the time.",
                    )
                }
            }
        };
        let page = Page {
            title,
            happened: &happened,
            holds,
            todo,
            address: match &self {
                Self::Elsewhere(origin) => Some(origin),
                _ => None,
            },
        };
        let html = page.render().unwrap_or_else(|_| happened.clone());
        (status, Html(html)).into_response()
    }
}

/// An error's line as a sentence.
pub(super) fn sentence(line: &str) -> String {
    let end = if line.ends_with('.') { "" } else { "." };
    format!("{}{end}", capitalised(line))
}

/// With a capital at its beginning.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    first + chars.as_str()
}
