//! Keys: the recorder's own, the officers', and the tenants' sealing keys in shares.

pub mod hpke;
pub mod officer;
pub mod passphrase;
pub mod ring;
pub mod shares;

pub use hpke::PrivateKey;
pub use passphrase::Passphrase;
pub use ring::KeyRing;
