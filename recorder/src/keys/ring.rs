//! The recorder's own keys, in one folder: the master key, and sealed under it the signing key and
//! the private halves of the intake key's generations.
//!
//! ```text
//! master.key                32 bytes, 0400
//! recorder.sealed           Ed25519 seed
//! intake-00000001.sealed    X25519 private key of a generation; destroyed after rotation
//! heads/                    how far each client's log was signed (see [`crate::log::head`])
//! ```
//!
//! A sealed file is `nonce[12] ‖ AES-256-GCM(master key, nonce, key; associated data = file name)`.
//! None of these keys opens a recording: a tenant's private key exists only in officers' shares.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac as _};
use proto::{Hash32, PublicKey, StaffId, TenantId, Token};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use super::PrivateKey;
use crate::error::{Error, Result};

const MASTER: &str = "master.key";
const SIGNING: &str = "recorder.sealed";

/// The recorder's opened keys.
pub struct KeyRing {
    folder: PathBuf,
    master: Zeroizing<[u8; 32]>,
    signing: SigningKey,
}

impl core::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

impl KeyRing {
    /// Makes the folder, the master key and the signing key. Refuses to touch keys that are there.
    pub fn create(folder: &Path, rng: &mut impl CryptoRng) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::file("cannot make", folder, e))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|e| Error::file("cannot protect", folder, e))?;
        let mut master = Zeroizing::new([0; 32]);
        rng.fill_bytes(master.as_mut_slice());
        let path = folder.join(MASTER);
        if path.exists() {
            return Err(Error::file(
                "keys are there already:",
                &path,
                "nothing was changed",
            ));
        }
        write_new(&path, master.as_slice())?;
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        let made = Self {
            folder: folder.to_owned(),
            master,
            signing: SigningKey::from_bytes(&seed),
        };
        made.write_sealed(SIGNING, seed.as_slice(), rng)?;
        Ok(made)
    }

    /// Opens the keys in `folder`.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(MASTER);
        let bytes = read(&path, "cannot read the master key", NO_KEYS)?;
        let mode = fs::metadata(&path)
            .map_err(|e| Error::file("cannot read the master key", &path, e))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(Error::file(
                "the master key",
                &path,
                "others may read it: run chmod 0400 on it",
            ));
        }
        let master: [u8; 32] = bytes.as_slice().try_into().map_err(|_| {
            Error::file(
                "the master key",
                &path,
                "it must hold 32 bytes: put it back from its backup",
            )
        })?;
        let mut ring = Self {
            folder: folder.to_owned(),
            master: Zeroizing::new(master),
            signing: SigningKey::from_bytes(&[0; 32]),
        };
        let seed = ring.read_sealed(SIGNING)?;
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| {
            Error::file("the signing key", &ring.folder.join(SIGNING), "is damaged")
        })?;
        ring.signing = SigningKey::from_bytes(seed);
        Ok(ring)
    }

    /// Signs certificates, checkpoints, placements and bundles.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The public half, which is pinned where it matters.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().to_bytes())
    }

    /// Under what a session at the console stands in the rows: nobody who can only write rows makes
    /// one, nor turns one into another officer's.
    pub fn session(&self, tenant: TenantId, officer: StaffId, token: &Token) -> Hash32 {
        let token = token.hash();
        let parts = [tenant.as_bytes().as_slice(), officer.as_bytes(), &token.0];
        Hash32(*self.derived(b"vestibule console session v1\n", &parts))
    }

    /// What an officer's sign-in password is hashed with, besides its salt.
    pub fn password_secret(&self, tenant: TenantId, officer: StaffId) -> Zeroizing<[u8; 32]> {
        let parts = [tenant.as_bytes().as_slice(), officer.as_bytes()];
        self.derived(b"vestibule officer password v1\n", &parts)
    }

    /// HMAC-SHA256(master key, purpose ‖ parts): of another length for each purpose.
    fn derived(&self, purpose: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        // HMAC's own key is a block of the hash: shorter ones are filled up with zeros.
        let mut key = Zeroizing::new([0; 64]);
        let (head, _) = key.split_at_mut(32);
        head.copy_from_slice(self.master.as_slice());
        let mut mac = Hmac::<Sha256>::new(&(*key).into());
        mac.update(purpose);
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// Where the heads of the clients' logs are kept.
    pub fn heads(&self) -> PathBuf {
        self.folder.join("heads")
    }

    /// Makes the private half of an intake generation; keeps it sealed; gives the public half.
    pub fn make_intake(&self, generation: u32, rng: &mut impl CryptoRng) -> Result<PublicKey> {
        let key = PrivateKey::random(rng);
        self.write_sealed(&intake_name(generation), key.expose(), rng)?;
        Ok(key.public()?)
    }

    /// The private half of an intake generation; `None` once it is destroyed.
    pub fn intake(&self, generation: u32) -> Result<Option<PrivateKey>> {
        let name = intake_name(generation);
        if !self.folder.join(&name).exists() {
            return Ok(None);
        }
        let bytes = self.read_sealed(&name)?;
        PrivateKey::from_bytes(&bytes)
            .map(Some)
            .ok_or_else(|| Error::file("the intake key", &self.folder.join(name), "is damaged"))
    }

    /// The generations whose private halves are there.
    pub fn intake_generations(&self) -> Result<Vec<u32>> {
        let failed = |e| Error::file("cannot read", &self.folder, e);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let generation: Option<u32> = name
                .to_str()
                .and_then(|name| name.strip_prefix("intake-"))
                .and_then(|rest| rest.strip_suffix(".sealed"))
                .and_then(|number| number.parse().ok());
            found.extend(generation);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Destroys the private half of a generation: overwritten, synced, deleted. Whatever is still
    /// sealed to it, in whatever copy, is lost, which is the purpose.
    pub fn destroy_intake(&self, generation: u32) -> Result<()> {
        let path = self.folder.join(intake_name(generation));
        let failed = |e| Error::file("cannot destroy", &path, e);
        if !path.exists() {
            return Ok(());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let mut file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
        file.write_all(&zeros).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::remove_file(&path).map_err(failed)?;
        sync_folder(&self.folder)
    }

    fn write_sealed(&self, name: &str, key: &[u8], rng: &mut impl CryptoRng) -> Result<()> {
        let path = self.folder.join(name);
        let mut nonce = [0; 12];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: key,
            aad: name.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::file("cannot seal", &path, "the cipher refused"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        write_new(&path, &bytes)
    }

    fn read_sealed(&self, name: &str) -> Result<Zeroizing<Vec<u8>>> {
        let path = self.folder.join(name);
        let bytes = read(&path, "cannot read the sealed key", NO_KEYS)?;
        let opened = bytes.split_first_chunk::<12>().and_then(|(nonce, msg)| {
            let payload = Payload {
                msg,
                aad: name.as_bytes(),
            };
            self.cipher().decrypt(&Nonce::from(*nonce), payload).ok()
        });
        opened.map(Zeroizing::new).ok_or_else(|| {
            Error::file(
                "the sealed key",
                &path,
                "does not open with this master.key: it was altered, or the master key is another; put both back from one backup",
            )
        })
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&(*self.master).into())
    }
}

fn intake_name(generation: u32) -> String {
    format!("intake-{generation:08}.sealed")
}

/// What to do where the recorder's own keys are not.
const NO_KEYS: &str =
    "is not there: run `recorder init` once, or correct `keys` in the configuration";

fn read(path: &Path, what: &'static str, missing: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|e| {
            let hint = if e.kind() == std::io::ErrorKind::NotFound {
                missing.to_owned()
            } else {
                e.to_string()
            };
            Error::file(what, path, hint)
        })?;
    Ok(bytes)
}

/// Writes a new file that only its owner may read, and syncs it and its folder.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e| Error::file("cannot write", path, e);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::file("cannot sync", folder, e))
}

/// A tenant's root key in a file that the client keeps: 32 bytes in base64url, 0400.
pub mod root {
    use super::{Error, Path, PublicKey, Result, SigningKey, Zeroizing, read, write_new};
    use data_encoding::BASE64URL_NOPAD;
    use rand_core::CryptoRng;
    use zeroize::Zeroize as _;

    /// Makes a root key in a new file and gives its public half.
    pub fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<PublicKey> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        let mut text = Zeroizing::new(BASE64URL_NOPAD.encode(seed.as_slice()));
        text.push('\n');
        write_new(path, text.as_bytes())?;
        let key = SigningKey::from_bytes(&seed);
        Ok(PublicKey(key.verifying_key().to_bytes()))
    }

    /// Reads a root key.
    pub fn read_file(path: &Path) -> Result<SigningKey> {
        let missing = "is not there: it is the file that `recorder root new` made for the client";
        let bytes = read(path, "cannot read the root key", missing)?;
        let damaged = || Error::file("the root key", path, "it must hold 32 bytes in base64url");
        let text = core::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let seed = BASE64URL_NOPAD
            .decode(text.trim().as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| damaged())?;
        let mut seed: [u8; 32] = seed.as_slice().try_into().map_err(|_| damaged())?;
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Ok(key)
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        self.master.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    #[test]
    fn keys_open_again_only_with_their_master_key() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(folder.path(), &mut system()).unwrap();
        let public = ring.make_intake(1, &mut system()).unwrap();
        let again = KeyRing::open(folder.path()).unwrap();
        assert_eq!(again.public(), ring.public());
        assert_eq!(again.intake(1).unwrap().unwrap().public().unwrap(), public);

        let master = folder.path().join(MASTER);
        fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&master, [9; 32]).unwrap();
        let error = KeyRing::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("recorder.sealed"), "{error}");
    }

    #[test]
    fn a_destroyed_generation_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(folder.path(), &mut system()).unwrap();
        ring.make_intake(1, &mut system()).unwrap();
        ring.make_intake(2, &mut system()).unwrap();
        ring.destroy_intake(1).unwrap();
        assert!(ring.intake(1).unwrap().is_none());
        assert_eq!(ring.intake_generations().unwrap(), [2]);
    }

    #[test]
    fn a_missing_or_open_master_key_is_said_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let error = KeyRing::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("recorder init"), "{error}");
        KeyRing::create(folder.path(), &mut system()).unwrap();
        let master = folder.path().join(MASTER);
        fs::set_permissions(&master, fs::Permissions::from_mode(0o644)).unwrap();
        let error = KeyRing::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 0400"), "{error}");
    }

    #[test]
    fn existing_keys_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        KeyRing::create(folder.path(), &mut system()).unwrap();
        assert!(KeyRing::create(folder.path(), &mut system()).is_err());
    }
}
