//! Two people: a thief who has every file of both processes and one officer's secrets opens
//! nothing, at the front door and behind it; with a second officer the same files open.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use demo::people::Person;
use proto::{CaseId, PublicKey, RecordingId};
use recorder::clock::Clock;
use recorder::config::Config;
use recorder::keys::shares::{Share, combine};
use recorder::keys::{Passphrase, PrivateKey};
use recorder::retrieval::{self, Purpose};
use recorder::{Error, Recorder, cases, custody};
use store::Tenant;
use testkit::house::House;

use crate::session::client;

const TEXT: &str = "what nobody may read alone";

#[tokio::test(flavor = "multi_thread")]
async fn every_file_and_one_officer_open_nothing_and_two_officers_open() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    crate::spoken::talk(&house, &bank, &[TEXT]).await?;
    let recording = crate::opened::listed(&house, &bank).await?.recording;
    house.stop().await?;
    let [first, second] = bank.officers.as_slice() else {
        anyhow::bail!("the bank has two officers")
    };

    let stolen = tempfile::tempdir()?;
    copy(&house.plan().data(), stolen.path())?;
    let thief = Recorder::open(Config::in_folder(stolen.path()), Clock::system()).await?;
    let tenant = thief.tenant(&bank.slug).await?;
    let case = own_case(&thief, &tenant, recording).await?;

    // At the front door, with one officer's secrets, and with them tried as the other's.
    approve(&thief, &tenant, case, first, first).await?;
    let forged = approve(&thief, &tenant, case, second, first).await;
    ensure!(
        forged.is_err(),
        "one officer's passphrase opens the other's key"
    );
    let refused = retrieval::open(&thief, &tenant, case, recording, Purpose::Open).await;
    ensure!(
        matches!(
            refused,
            Err(Error::TooFewOfficers {
                have: 1,
                need: 2,
                ..
            })
        ),
        "one officer was enough"
    );

    // Behind it: the officer's own key and share, and every key in any file, opened or not.
    let sealing = custody::verified_keys(&tenant).await?;
    let sealing = sealing.first().context("the bank has a sealing key")?;
    let (own_key, share) = unlocked(&thief, &tenant, first, sealing.key).await?;
    for copies in 1..=3 {
        let shares = vec![share.clone(); copies];
        ensure!(
            combine(&shares, 1, &sealing.public_key).is_err(),
            "one share makes the key"
        );
    }
    let mut pieces = vec![
        own_key.expose().to_vec(),
        thief.keys.signing().to_bytes().to_vec(),
    ];
    for generation in thief.keys.intake_generations()? {
        let intake = thief.keys.intake(generation)?.context("an intake key")?;
        pieces.push(intake.expose().to_vec());
    }
    read_all(&stolen.path().join("recorder"), &mut pieces)?;
    read_all(&stolen.path().join("relay"), &mut pieces)?;
    ensure!(pieces.len() > 5, "too few keys were found to try");
    ensure!(
        !opens(&pieces, &sealing.public_key)?,
        "the sealing key's private half stands in a file"
    );

    // Two officers: the same files open, and the search above would have found the key.
    let (_, other) = unlocked(&thief, &tenant, second, sealing.key).await?;
    let whole = combine(&[share, other], 2, &sealing.public_key)?;
    pieces.push([b"before", whole.expose().as_slice(), b"after"].concat());
    ensure!(
        opens(&pieces, &sealing.public_key)?,
        "the search finds nothing"
    );
    approve(&thief, &tenant, case, second, second).await?;
    let opened = retrieval::open(&thief, &tenant, case, recording, Purpose::Open).await?;
    ensure!(
        opened.lines.iter().any(|line| matches!(
            &line.event,
            proto::event::ChatEvent::Said { text, .. } if text == TEXT
        )),
        "two officers did not open what was said"
    );
    Ok(())
}

/// A case that the thief has made up: nothing asks who may.
async fn own_case(thief: &Recorder, tenant: &Tenant, recording: RecordingId) -> Result<CaseId> {
    let request = cases::Request {
        authority: "me".to_owned(),
        reference: "none".to_owned(),
        basis: "none".to_owned(),
        recordings: vec![recording],
        days: 1,
        by: None,
    };
    Ok(cases::open(thief, tenant, request).await?)
}

/// Approves as `officer`, with `whose` passphrase.
async fn approve(
    thief: &Recorder,
    tenant: &Tenant,
    case: CaseId,
    officer: &Person,
    whose: &Person,
) -> Result<()> {
    let id = staff(tenant, officer).await?;
    cases::approve(thief, tenant, case, id, &passphrase(whose)?).await?;
    Ok(())
}

async fn unlocked(
    thief: &Recorder,
    tenant: &Tenant,
    officer: &Person,
    key: proto::KeyId,
) -> Result<(PrivateKey, Share)> {
    let id = staff(tenant, officer).await?;
    let private = custody::unlock(thief, tenant, id, &passphrase(officer)?).await?;
    let share = custody::shares_of(tenant, id, &private, &[key])
        .await?
        .remove(&key)
        .context("the officer has a share")?;
    Ok((private, share))
}

async fn staff(tenant: &Tenant, person: &Person) -> Result<proto::StaffId> {
    let found = tenant.staff_credentials(&person.sign_in).await?;
    Ok(found.context("an officer")?.staff.id)
}

fn passphrase(person: &Person) -> Result<Passphrase> {
    let text = person.passphrase.clone().context("officers have one")?;
    Ok(Passphrase::new(text))
}

/// Whether any 32 bytes in any of these, wherever they begin, are the private half of `public`.
fn opens(pieces: &[Vec<u8>], public: &PublicKey) -> Result<bool> {
    for piece in pieces {
        for window in piece.windows(32) {
            let key = PrivateKey::from_bytes(window).context("32 bytes")?;
            if key.public().is_ok_and(|found| found == *public) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn read_all(folder: &Path, pieces: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_all(&path, pieces)?;
        } else if path.is_file() {
            pieces.push(fs::read(path)?);
        }
    }
    Ok(())
}

/// Copies a folder as it is, protection of its files included.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("a name")?);
        if path.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&path, &target)?;
        } else if path.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
