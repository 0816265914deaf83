//! Tools written by others open what is made here, and what they make opens here.

mod tink;
mod wycheproof;
