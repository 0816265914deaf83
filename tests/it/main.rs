//! Whole-system tests: one binary, one file a behaviour, each test a sentence.
#![expect(
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "a test tells its story from top to bottom, and a table of cases names its columns"
)]

mod bad_input;
mod blocked_frame;
mod call;
mod calling;
mod canary;
mod console;
mod custody;
mod keyboard;
mod kill;
mod make_run;
mod matrix;
mod officer;
mod opened;
mod pictures;
mod played;
mod postgres;
mod rows;
mod session;
mod set_up;
mod spoken;
mod strangers;
mod tidy;
mod unrecorded;
