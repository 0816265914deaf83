//! The transparency log: one RFC 6962 Merkle log per tenant, in the C2SP forms.

pub mod checkpoint;
pub mod note;
