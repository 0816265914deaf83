//! The conformance suite: the same tests on SQLite and on PostgreSQL.

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
