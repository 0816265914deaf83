//! Signed documents in the DSSE envelope (<https://github.com/secure-systems-lab/dsse>), Ed25519.
//!
//! Manifests, receipts, and every key statement share this one form, so that one small verifier
//! checks all of them. The signature covers the payload's exact bytes: nothing is canonicalised.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::bytes::{Hash32, PublicKey};

/// A payload, its media type, and one or more signatures over both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Media type of the payload; part of what is signed.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The payload's exact bytes (base64).
    #[serde(with = "standard_base64")]
    pub payload: Vec<u8>,
    /// Signatures, each naming its key by fingerprint.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// SHA-256 of the signer's Ed25519 public key.
    pub keyid: Hash32,
    /// The 64 bytes of the signature (base64).
    #[serde(with = "standard_base64")]
    pub sig: Vec<u8>,
}

/// Why an envelope was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// The payload is of another type than the caller asked for.
    #[error("the document is of another type")]
    WrongType,
    /// No signature by the key that was asked for.
    #[error("the document is not signed by the expected key")]
    NotSigned,
    /// There is such a signature, and it does not verify.
    #[error("the document's signature does not verify")]
    BadSignature,
    /// The payload is not the expected JSON.
    #[error("the document's content is malformed")]
    Malformed,
}

/// A document type that is signed: names its media type once.
pub trait Document: Serialize + DeserializeOwned {
    /// Media type, `application/vnd.vestibule.<what>+json`.
    const TYPE: &'static str;

    /// Signs this document with `key`.
    fn sign(&self, key: &SigningKey) -> Result<Envelope, DsseError> {
        let payload = serde_json::to_vec(self).map_err(|_| DsseError::Malformed)?;
        let mut envelope = Envelope {
            payload_type: Self::TYPE.to_owned(),
            payload,
            signatures: Vec::new(),
        };
        envelope.countersign(key);
        Ok(envelope)
    }
}

impl Envelope {
    /// Adds a signature by `key` over the same bytes.
    pub fn countersign(&mut self, key: &SigningKey) {
        let sig = key.sign(&pre_authentication_encoding(
            &self.payload_type,
            &self.payload,
        ));
        self.signatures.push(EnvelopeSignature {
            keyid: Hash32::of(key.verifying_key().as_bytes()),
            sig: sig.to_bytes().to_vec(),
        });
    }

    /// The document, after checking that `signer` signed exactly these bytes.
    pub fn verify<D: Document>(&self, signer: &PublicKey) -> Result<D, DsseError> {
        if self.payload_type != D::TYPE {
            return Err(DsseError::WrongType);
        }
        self.verify_signature(signer)?;
        self.payload_unverified()
    }

    /// Checks one signer's signature without reading the payload.
    pub fn verify_signature(&self, signer: &PublicKey) -> Result<(), DsseError> {
        let keyid = signer.fingerprint();
        let entry = self
            .signatures
            .iter()
            .find(|s| s.keyid == keyid)
            .ok_or(DsseError::NotSigned)?;
        let key = VerifyingKey::from_bytes(&signer.0).map_err(|_| DsseError::BadSignature)?;
        let sig = Signature::from_slice(&entry.sig).map_err(|_| DsseError::BadSignature)?;
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        key.verify_strict(&message, &sig)
            .map_err(|_| DsseError::BadSignature)
    }

    /// The document without any check of who signed it; for showing, never for trusting.
    pub fn payload_unverified<D: Document>(&self) -> Result<D, DsseError> {
        if self.payload_type != D::TYPE {
            return Err(DsseError::WrongType);
        }
        serde_json::from_slice(&self.payload).map_err(|_| DsseError::Malformed)
    }
}

/// DSSE v1 `PAE(type, body)`: what is really signed.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload_type.len() + 32);
    out.extend_from_slice(b"DSSEv1 ");
    out.extend_from_slice(
        format!("{} {payload_type} {} ", payload_type.len(), payload.len()).as_bytes(),
    );
    out.extend_from_slice(payload);
    out
}

/// DSSE writes standard base64 with padding.
mod standard_base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        BASE64
            .decode(text.as_bytes())
            .map_err(|_| D::Error::custom("not base64"))
    }
}
