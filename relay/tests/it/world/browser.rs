//! What a browser does with sealed parts: unwraps keys, opens parts.

use std::collections::HashMap;

use proto::event::ChatEvent;
use proto::wire::{KeyWrap, SealedPart};
use proto::{ParticipantId, PublicKey, RecordingId, TenantId};

use super::rng;

/// A key pair as a browser makes it.
pub(crate) fn x25519_pair() -> ([u8; 32], PublicKey) {
    use hpke::{Kem, Serializable as _, kem::X25519HkdfSha256};
    let (private, public) = X25519HkdfSha256::gen_keypair_with_rng(&mut rng());
    (
        private.to_bytes().into(),
        PublicKey(public.to_bytes().into()),
    )
}

/// Opens what is handed back to one participant.
#[derive(Debug, Clone)]
pub(crate) struct Opener {
    pub(crate) tenant: TenantId,
    pub(crate) recording: RecordingId,
    pub(crate) participant: ParticipantId,
    pub(crate) private: [u8; 32],
    keys: HashMap<(u32, u32), [u8; 32]>,
}

impl Opener {
    pub(crate) fn new(
        tenant: TenantId,
        recording: RecordingId,
        participant: ParticipantId,
        private: [u8; 32],
    ) -> Self {
        Self {
            tenant,
            recording,
            participant,
            private,
            keys: HashMap::new(),
        }
    }

    pub(crate) fn unwrap(&mut self, wrap: &KeyWrap) {
        use hpke::aead::AesGcm256;
        use hpke::kdf::HkdfSha256;
        use hpke::kem::X25519HkdfSha256;
        use hpke::{Deserializable as _, Kem, OpModeR};
        let info = seal::WrapInfo {
            tenant: self.tenant,
            recording: self.recording,
            track: wrap.track,
            epoch: wrap.epoch,
            recipient: seal::Recipient::Participant {
                participant: self.participant,
            },
        };
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&self.private).unwrap();
        let (enc, sealed) = wrap.wrap.split_at(32);
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).unwrap();
        let key = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &enc,
            &info.info(),
            sealed,
            &[],
        )
        .expect("a wrap for someone else");
        self.keys
            .insert((wrap.track, wrap.epoch), key.as_slice().try_into().unwrap());
    }

    /// `None`: there is no key for it, as for what was said before a restart and a later arrival.
    pub(crate) fn open(&self, part: &SealedPart) -> Option<ChatEvent> {
        let key = self.keys.get(&(part.track, part.epoch))?;
        let header = seal::PartHeader {
            tenant: self.tenant,
            recording: self.recording,
            track: part.track,
            epoch: part.epoch,
            step: part.step,
            seq: part.seq,
            kind: seal::PartKind::Data,
            prev: part.prev,
        };
        let plaintext = open_part(key, &header, &part.data);
        Some(ChatEvent::from_padded(&plaintext).unwrap())
    }
}

/// Opens a part of one segment as any Tink would.
fn open_part(key: &[u8; 32], header: &seal::PartHeader, data: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    let mut derived = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::new(Some(&data[1..33]), key)
        .expand(&header.associated_data(), &mut derived)
        .unwrap();
    let mut nonce = [0; 12];
    nonce[..7].copy_from_slice(&data[33..40]);
    nonce[11] = 1;
    aes_gcm::Aes256Gcm::new((&derived).into())
        .decrypt((&nonce).into(), &data[40..])
        .expect("a part that is not what it says")
}
