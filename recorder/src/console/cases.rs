//! All cases of the client.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use proto::{CaseId, Millis};
use store::Case;

use super::page::{Frame, Here, render};
use super::shown::When;
use super::signed::Signed;
use super::trouble::Trouble;
use crate::Recorder;

#[derive(Template)]
#[template(path = "console/cases.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    id: CaseId,
    reference: String,
    authority: String,
    recordings: usize,
    approvals: usize,
    created: When,
    expires: When,
    state: &'static str,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
) -> Result<Response, Trouble> {
    let now = recorder.now();
    let rows = signed
        .tenant
        .cases()
        .await?
        .into_iter()
        .map(|case| Row {
            state: state(&case, now),
            id: case.id,
            recordings: case.scope.len(),
            approvals: case.approvals.len(),
            created: When::new(case.created, now),
            expires: When::new(case.expires, now),
            reference: case.reference,
            authority: case.authority,
        })
        .collect();
    render(&Page {
        frame: Frame::new(&signed, Here::Cases),
        rows,
    })
}

/// Where a case stands, in a word.
pub(super) fn state(case: &Case, now: Millis) -> &'static str {
    if case.closed.is_some() {
        "closed"
    } else if case.expires <= now {
        "past its last day"
    } else {
        "open"
    }
}
