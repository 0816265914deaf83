//! What all pages share: the bar, and rendering.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use super::signed::Signed;
use super::trouble::Trouble;

/// Where in the console a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Recordings,
    Cases,
    Log,
    Keys,
}

/// The bar above a page.
pub(super) struct Frame {
    pub(super) client: String,
    pub(super) officer: String,
    pub(super) here: Here,
}

impl Frame {
    pub(super) fn new(signed: &Signed, here: Here) -> Self {
        Self {
            client: signed.tenant.info().name.clone(),
            officer: signed.officer.name.clone(),
            here,
        }
    }

    /// The bar's places, in order.
    pub(super) fn places(&self) -> [(&'static str, &'static str, bool); 4] {
        let at = |here| self.here == here;
        [
            ("/", "Recordings", at(Here::Recordings)),
            ("/cases", "Cases", at(Here::Cases)),
            ("/log", "Log", at(Here::Log)),
            ("/keys", "Keys and officers", at(Here::Keys)),
        ]
    }
}

pub(super) fn render(template: &impl Template) -> Result<Response, Trouble> {
    Ok(Html(template.render()?).into_response())
}
