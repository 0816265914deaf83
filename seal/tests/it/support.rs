//! What the tests share: deterministic randomness, fixed keys, and an opener.

use std::convert::Infallible;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use hpke::{Deserializable as _, Kem, OpModeR, Serializable as _, kem::X25519HkdfSha256};
use proto::event::Role;
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::{Modality, RecordingMode, RecordingPolicy};
use proto::{
    Hash32, KeyId, Millis, NodeId, ParticipantId, PublicKey, RecordingId, SessionId, SiteId,
    TenantId,
};
use rand_core::{TryCryptoRng, TryRng};
use seal::spool::Begin;
use seal::track::{Recipients, TrackId};
use sha2::{Digest as _, Sha256};

/// SHA-256 in counter mode: the same seed gives the same bytes on every machine.
pub(crate) struct TestRng {
    seed: Vec<u8>,
    counter: u64,
    left: Vec<u8>,
}

impl TestRng {
    pub(crate) fn new(seed: &str) -> Self {
        Self {
            seed: seed.as_bytes().to_vec(),
            counter: 0,
            left: Vec::new(),
        }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let Ok(number) = self.try_next_u64();
        number % end
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut out);
        out
    }
}

impl TryRng for TestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            if self.left.is_empty() {
                let block = [self.seed.as_slice(), &self.counter.to_be_bytes()].concat();
                self.left = Sha256::digest(block).to_vec();
                self.counter += 1;
            }
            *byte = self.left.remove(0);
        }
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}

/// An X25519 key pair.
pub(crate) struct Pair {
    pub(crate) private: [u8; 32],
    pub(crate) public: PublicKey,
}

impl Pair {
    pub(crate) fn new(rng: &mut TestRng) -> Self {
        let (private, public) = X25519HkdfSha256::derive_keypair(&rng.bytes::<32>());
        Self {
            private: private.to_bytes().into(),
            public: PublicKey(public.to_bytes().into()),
        }
    }

    /// HPKE base mode, single shot.
    pub(crate) fn open(&self, info: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (enc, ciphertext) = sealed.split_at_checked(32)?;
        hpke::single_shot_open::<hpke::aead::AesGcm256, hpke::kdf::HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &<X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&self.private).ok()?,
            &<X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).ok()?,
            info,
            ciphertext,
            &[],
        )
        .ok()
    }
}

/// Opens a Tink streaming ciphertext, written from Tink's documentation and not from `seal`.
pub(crate) fn open_part(key: &[u8; 32], associated_data: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.first() != Some(&40) || sealed.len() < 56 {
        return None;
    }
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(Some(&sealed[1..33]), key)
        .expand(associated_data, &mut derived)
        .ok()?;
    let cipher = Aes256Gcm::new(&derived.into());
    let mut plaintext = Vec::new();
    let mut starts: Vec<usize> = (0..sealed.len()).step_by(65_536).collect();
    starts[0] = 40;
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(sealed.len());
        let mut nonce = sealed[33..40].to_vec();
        nonce.extend(u32::try_from(number).ok()?.to_be_bytes());
        nonce.push(u8::from(end == sealed.len()));
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        plaintext.extend(
            cipher
                .decrypt(&Nonce::from(nonce), &sealed[*start..end])
                .ok()?,
        );
    }
    Some(plaintext)
}

/// A recording, its people and its keys.
pub(crate) struct World {
    pub(crate) begin: Begin,
    pub(crate) sealing_pair: Pair,
    pub(crate) sealing: SealingKey,
    pub(crate) intake_pair: Pair,
    pub(crate) intake: IntakeKey,
    pub(crate) receipt_pair: Pair,
    pub(crate) receipts: Vec<(ParticipantId, PublicKey)>,
    pub(crate) visitor: ParticipantId,
    pub(crate) agent: ParticipantId,
    pub(crate) visitor_pair: Pair,
    pub(crate) agent_pair: Pair,
    pub(crate) live: Vec<(ParticipantId, PublicKey)>,
}

impl World {
    pub(crate) fn new(rng: &mut TestRng) -> Self {
        let tenant = TenantId::random(rng);
        let recording = RecordingId::random(rng);
        let [
            sealing_pair,
            intake_pair,
            receipt_pair,
            visitor_pair,
            agent_pair,
        ] = std::array::from_fn(|_| Pair::new(rng));
        let [visitor, agent] = std::array::from_fn(|_| ParticipantId::random(rng));
        Self {
            begin: Begin {
                tenant,
                recording,
                session: SessionId::random(rng),
                site: SiteId::random(rng),
                node: NodeId::random(rng),
                notice: Hash32::of(b"a notice"),
                policy: RecordingPolicy {
                    mode: RecordingMode::Required,
                    minimum_days: 180,
                    maximum_days: 730,
                },
                started: Millis(1_790_000_000_000),
            },
            sealing: SealingKey {
                tenant,
                key: KeyId::random(rng),
                quarter: "2026Q4".to_owned(),
                public_key: sealing_pair.public,
                not_before: Millis(1_789_000_000_000),
                not_after: Millis(1_799_000_000_000),
                threshold: 2,
                shares: 3,
            },
            intake: IntakeKey {
                generation: 7,
                public_key: intake_pair.public,
                not_before: Millis(1_789_900_000_000),
            },
            receipts: vec![(visitor, receipt_pair.public)],
            live: vec![(visitor, visitor_pair.public), (agent, agent_pair.public)],
            sealing_pair,
            intake_pair,
            receipt_pair,
            visitor,
            agent,
            visitor_pair,
            agent_pair,
        }
    }

    pub(crate) fn track(&self, track: u32, modality: Modality) -> TrackId {
        TrackId {
            tenant: self.begin.tenant,
            recording: self.begin.recording,
            track,
            participant: self.visitor,
            role: Role::Visitor,
            modality,
        }
    }

    pub(crate) fn recipients(&self) -> Recipients<'_> {
        Recipients {
            sealing: &self.sealing,
            intake: &self.intake,
            receipts: &self.receipts,
            live: &self.live,
        }
    }
}
