//! The conformance suite: the same tests on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bench;
mod cases;
mod consents;
mod control;
mod crash;
mod keys;
mod log;
mod recordings;
mod sessions;
mod sites;
mod staff;
mod tenants;
mod tokens;
mod wraps;
