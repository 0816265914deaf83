//! Checkpoints (<https://c2sp.org/tlog-checkpoint>): origin, size and root, as a signed note.

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use proto::{Hash32, PublicKey, TenantId};

use super::note::{self, NoteError, NoteVerifier};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the log: [`origin`] of its tenant.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// The tree's root.
    pub root: Hash32,
}

/// The name of a tenant's log, and of its key on signature lines.
pub fn origin(tenant: TenantId) -> String {
    format!("vestibule/{tenant}")
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64.encode(&self.root.0)
        );
        note::sign(&text, &self.origin, key)
    }

    /// Reads a signed note, after checking that `recorder` signed it for `origin`.
    pub fn verify(note: &str, origin: &str, recorder: &PublicKey) -> Result<Self, NoteError> {
        let verifier = NoteVerifier {
            name: origin.to_owned(),
            key: *recorder,
        };
        let checkpoint = parse(verifier.verify(note)?)?;
        if checkpoint.origin != origin {
            return Err(NoteError::NotSigned);
        }
        Ok(checkpoint)
    }
}

fn parse(text: &str) -> Result<Checkpoint, NoteError> {
    let mut lines = text.lines();
    let mut next = || lines.next().ok_or(NoteError::Malformed);
    let origin = next()?.to_owned();
    let size_text = next()?;
    let size: u64 = size_text.parse().map_err(|_| NoteError::Malformed)?;
    if size.to_string() != size_text {
        return Err(NoteError::Malformed);
    }
    let root = BASE64
        .decode(next()?.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(NoteError::Malformed)?;
    Ok(Checkpoint {
        origin,
        size,
        root: Hash32(root),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;
    use rand_core::Rng as _;

    fn key() -> SigningKey {
        let mut seed = [0; 32];
        system().fill_bytes(&mut seed);
        SigningKey::from_bytes(&seed)
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: origin(TenantId::from_bytes([7; 16])),
            size: 42,
            root: Hash32::of(b"root"),
        }
    }

    #[test]
    fn a_checkpoint_reads_back_with_the_right_key_and_origin_only() {
        let (key, other) = (key(), key());
        let public = PublicKey(key.verifying_key().to_bytes());
        let checkpoint = checkpoint();
        let note = checkpoint.sign(&key);
        assert_eq!(
            Checkpoint::verify(&note, &checkpoint.origin, &public),
            Ok(checkpoint.clone())
        );
        let other = PublicKey(other.verifying_key().to_bytes());
        assert!(Checkpoint::verify(&note, &checkpoint.origin, &other).is_err());
        assert!(Checkpoint::verify(&note, "vestibule/other", &public).is_err());
        let altered = note.replacen("42", "43", 1);
        assert_eq!(
            Checkpoint::verify(&altered, &checkpoint.origin, &public),
            Err(NoteError::BadSignature)
        );
    }

    #[test]
    fn strangers_read_and_check_the_same_note() {
        use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
        let key = key();
        let checkpoint = checkpoint();
        let note = checkpoint.sign(&key);
        let vkey = NoteVerifier {
            name: checkpoint.origin.clone(),
            key: PublicKey(key.verifying_key().to_bytes()),
        }
        .vkey();
        let verifier: Box<dyn Verifier> = Box::new(StandardVerifier::new(&vkey).unwrap());
        let theirs = Note::from_bytes(note.as_bytes()).unwrap();
        let (signatures, _) = theirs.verify(&VerifierList::new(vec![verifier])).unwrap();
        assert_eq!(signatures.len(), 1);
        let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
        assert_eq!(read.size(), 42);
        assert_eq!(read.origin(), checkpoint.origin);
        assert_eq!(read.hash().0, checkpoint.root.0);
    }
}
