//! The recorder with real rows, real sealing and real files, one behaviour a file.

mod house;
mod straight;
