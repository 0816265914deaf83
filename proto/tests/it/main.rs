//! The words as they stand on the wire: golden files, and the paper that explains them.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test is to fail it"
)]

mod golden;
mod paper;
mod words;
