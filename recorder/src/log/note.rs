//! Signed notes (<https://c2sp.org/signed-note>), Ed25519: text, a blank line, signature lines.

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use proto::PublicKey;
use sha2::{Digest as _, Sha256};

/// The signature type of plain Ed25519.
const ED25519: u8 = 0x01;

/// Why a note was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note")]
    Malformed,
    /// No signature line of this name and key.
    #[error("the note is not signed by the expected key")]
    NotSigned,
    /// There is one, and it does not verify.
    #[error("the note's signature does not verify")]
    BadSignature,
}

/// Who signs: a name (without spaces or `+`) and a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    /// The name on the signature line.
    pub name: String,
    /// Ed25519.
    pub key: PublicKey,
}

impl NoteVerifier {
    /// SHA-256(name ‖ newline ‖ type ‖ key), the first four bytes.
    fn key_id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', ED25519]);
        hash.update(self.key.0);
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }

    /// The verifier key in the form that other tools take: `name+hash+base64`.
    pub fn vkey(&self) -> String {
        let mut key = vec![ED25519];
        key.extend_from_slice(&self.key.0);
        format!(
            "{}+{:08x}+{}",
            self.name,
            u32::from_be_bytes(self.key_id()),
            BASE64.encode(&key)
        )
    }

    /// The note's text, after checking that this key signed it.
    pub fn verify<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = split(note)?;
        let id = self.key_id();
        let mut found = Err(NoteError::NotSigned);
        for line in signatures.lines() {
            let (name, bytes) = signature(line)?;
            let Some((line_id, sig)) = bytes.split_first_chunk::<4>() else {
                return Err(NoteError::Malformed);
            };
            if name == self.name && *line_id == id {
                let sig = Signature::from_slice(sig).map_err(|_| NoteError::BadSignature)?;
                let key =
                    VerifyingKey::from_bytes(&self.key.0).map_err(|_| NoteError::BadSignature)?;
                key.verify_strict(text.as_bytes(), &sig)
                    .map_err(|_| NoteError::BadSignature)?;
                found = Ok(text);
            }
        }
        found
    }
}

/// Signs `text` (which ends with a newline) under `name`.
pub fn sign(text: &str, name: &str, key: &SigningKey) -> String {
    let verifier = NoteVerifier {
        name: name.to_owned(),
        key: PublicKey(key.verifying_key().to_bytes()),
    };
    let mut bytes = verifier.key_id().to_vec();
    bytes.extend_from_slice(&key.sign(text.as_bytes()).to_bytes());
    format!("{text}\n\u{2014} {name} {}\n", BASE64.encode(&bytes))
}

/// The text (with its last newline) and the signature lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    let at = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, rest) = note.split_at(at + 1);
    let signatures = rest.strip_prefix('\n').ok_or(NoteError::Malformed)?;
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Malformed);
    }
    Ok((text, signatures))
}

fn signature(line: &str) -> Result<(&str, Vec<u8>), NoteError> {
    let (name, base64) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or(NoteError::Malformed)?;
    let bytes = BASE64
        .decode(base64.as_bytes())
        .map_err(|_| NoteError::Malformed)?;
    Ok((name, bytes))
}
