//! Who is there: two clients, their sites, agents and officers. Their secrets are made at the
//! first start, kept in one file beside the data, and good for nothing but a demonstration.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use getrandom::SysRng;
use proto::SiteId;
use rand_core::TryRng as _;
use serde::{Deserialize, Serialize};

/// Everyone.
#[derive(Clone, Serialize, Deserialize)]
pub struct People {
    /// The clients, each a tenant.
    pub clients: Vec<Client>,
}

/// A client business.
#[derive(Clone, Serialize, Deserialize)]
pub struct Client {
    /// Short name, as signed in with.
    pub slug: String,
    /// The name on its pages.
    pub name: String,
    /// What its page on the shop's host is about.
    pub page: String,
    /// `#rrggbb`.
    pub accent: String,
    /// Its site, once it is made.
    pub site: Option<SiteId>,
    /// Answer visitors.
    pub agents: Vec<Person>,
    /// Open recordings, two together.
    pub officers: Vec<Person>,
}

/// An agent or officer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    /// Sign-in name.
    pub sign_in: String,
    /// The name that others see.
    pub name: String,
    /// Password at the desk, or at the console.
    pub password: String,
    /// An officer's: unlocks their share. Never the same as the password.
    pub passphrase: Option<String>,
}

impl People {
    /// The people of the demonstration, with fresh secrets.
    pub fn fresh() -> Result<Self> {
        let client = |slug: &str,
                      name: &str,
                      page: &str,
                      accent: &str,
                      agents: &[&str],
                      officers: &[&str]| {
            anyhow::Ok(Client {
                slug: slug.to_owned(),
                name: name.to_owned(),
                page: page.to_owned(),
                accent: accent.to_owned(),
                site: None,
                agents: agents
                    .iter()
                    .map(|name| Person::agent(name))
                    .collect::<Result<_>>()?,
                officers: officers
                    .iter()
                    .map(|name| Person::officer(name))
                    .collect::<Result<_>>()?,
            })
        };
        Ok(Self {
            clients: vec![
                client(
                    "alpine",
                    "Alpine Bank",
                    "/",
                    "#1f5f8b",
                    &["Mia", "Jonas"],
                    &["Vera", "Otto"],
                )?,
                client(
                    "harbour",
                    "Harbour Clinic",
                    "/clinic",
                    "#2d6a4f",
                    &["Lea"],
                    &["Ruth", "Emil"],
                )?,
            ],
        })
    }

    /// The people of an earlier start; `None` where there was none.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        serde_json::from_slice(&text).map(Some).with_context(|| {
            format!(
                "{} is damaged: remove its folder to start over",
                file.display()
            )
        })
    }

    /// Keeps them, for this user's eyes only.
    pub fn save(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(file)
            .and_then(|mut out| out.write_all(&text))
            .with_context(|| format!("{} cannot be written", file.display()))
    }
}

impl Person {
    fn agent(name: &str) -> Result<Self> {
        Ok(Self {
            sign_in: name.to_lowercase(),
            name: name.to_owned(),
            password: secret()?,
            passphrase: None,
        })
    }

    fn officer(name: &str) -> Result<Self> {
        Ok(Self {
            passphrase: Some(secret()?),
            ..Self::agent(name)?
        })
    }
}

/// Sixteen letters in groups of four: 80 bits, and no letter that is mistaken for another.
fn secret() -> Result<String> {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 16];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let letters: Vec<char> = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_found_again_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.json");
        assert!(People::load(&file).unwrap().is_none());
        let people = People::fresh().unwrap();
        people.save(&file).unwrap();
        let again = People::load(&file).unwrap().unwrap();
        assert_eq!(
            again.clients[0].officers[0].passphrase,
            people.clients[0].officers[0].passphrase
        );
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn secrets_differ_and_have_their_length() {
        let (a, b) = (secret().unwrap(), secret().unwrap());
        assert_eq!(a.len(), 19);
        assert_ne!(a, b);
    }
}
