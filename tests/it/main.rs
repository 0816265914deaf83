//! Whole-system tests: one binary, one file a behaviour, each test a sentence.

mod bad_input;
mod blocked_frame;
mod canary;
mod console;
mod custody;
mod kill;
mod make_run;
mod matrix;
mod opened;
mod pictures;
mod rows;
mod session;
mod spoken;
mod strangers;
mod tidy;
