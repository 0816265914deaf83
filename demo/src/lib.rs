//! A whole house on one machine: relay, recorder, two made-up clients and their pages.
//!
//! `make run` is the program of this crate; the whole-system tests start the same house in a
//! folder of their own. Everything goes through the two programs' own command lines: nothing here
//! knows how they keep what they keep.

pub mod config;
pub mod house;
pub mod lock;
pub mod people;
pub mod plan;
pub mod process;
pub mod report;
pub mod setup;
pub mod shop;
