//! Whole-system tests: one binary, one file a behaviour, each test a sentence.

mod strangers;
mod tidy;
