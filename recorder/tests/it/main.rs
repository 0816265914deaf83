//! The recorder with real rows, real sealing and real files, one behaviour a file.

mod cli;
mod console;
mod custody;
mod damage;
mod house;
mod keeping;
mod straight;
