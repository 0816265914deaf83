//! The opener that `docs/format.md` prints, taken from the page and run on a sealed recording.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::Modality;
use proto::{KeyId, Millis, ParticipantId, RecordingId, StaffId, TenantId};
use recorder::entropy::system;
use recorder::keys::hpke::{PrivateKey, open};
use recorder::keys::shares::{Holder, split};
use recorder::vault::pack::{OBJECT_MAX, Packer};
use seal::TrackSealer;
use seal::track::{Recipients, TrackId};
use serde_json::{Value, json};

use super::python;

/// The Python on the page.
pub(super) fn printed() -> Result<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    let page = std::fs::read_to_string(page)?;
    let (_, after) = page.split_once("```python\n").context("no Python")?;
    let (code, _) = after.split_once("```").context("no end")?;
    Ok(code.to_owned())
}

fn pair(key: &PrivateKey) -> Result<Value> {
    let public = HEXLOWER.encode(&key.public()?.0);
    Ok(json!({"private": HEXLOWER.encode(key.expose()), "public": public}))
}

#[test]
fn the_printed_opener_has_fifty_lines_and_reads_a_recording_in_order() -> Result<()> {
    let code = printed()?;
    ensure!(code.lines().count() <= 50, "{} lines", code.lines().count());

    let rng = &mut system();
    let folder = tempfile::tempdir()?;
    let (tenant_key, intake_key) = (PrivateKey::random(rng), PrivateKey::random(rng));
    let (tenant, recording) = (TenantId::random(rng), RecordingId::random(rng));
    let sealing = SealingKey {
        tenant,
        key: KeyId::random(rng),
        quarter: "2026Q4".to_owned(),
        public_key: tenant_key.public()?,
        not_before: Millis(0),
        not_after: Millis(1),
        threshold: 2,
        shares: 3,
    };
    let intake = IntakeKey {
        generation: 4,
        public_key: intake_key.public()?,
        not_before: Millis(0),
    };
    let to = Recipients {
        sealing: &sealing,
        intake: &intake,
        receipts: &[],
        live: &[],
    };
    let (mut said, mut wraps) = (Vec::new(), Vec::new());
    for (number, role) in [(1, Role::Visitor), (2, Role::Agent)] {
        let participant = ParticipantId::random(rng);
        let mut track = TrackSealer::new(TrackId {
            tenant,
            recording,
            track: number,
            participant,
            role,
            modality: Modality::Chat,
        });
        for epoch in 1..=2 {
            let record = track.new_epoch(&to, rng)?;
            wraps.extend(record.kept.iter().map(|kept| {
                let mut kept = serde_json::to_value(kept).unwrap_or_default();
                kept["track"] = json!(number);
                kept["epoch"] = json!(epoch);
                kept
            }));
            let mut packer = Packer::new(tenant, recording, number, epoch, OBJECT_MAX);
            // The two tracks take turns, so that only `n` tells the order.
            let n = |k: u64| u64::from(epoch - 1) * 4 + k * 2 + u64::from(number);
            let at = Millis(1_790_000_000_000);
            for event in [
                ChatEvent::Said {
                    n: n(0),
                    at,
                    cid: 1,
                    text: format!("Grüezi {}", n(0)),
                },
                ChatEvent::Left {
                    n: n(1),
                    at,
                    reason: LeaveReason::Left,
                },
            ] {
                packer.push(&track.seal(&event.to_padded()?, rng)?)?;
                said.push(event);
            }
            if epoch == 2 {
                packer.push(&track.end(rng)?)?;
            }
            let object = packer.finish()?.context("an object")?;
            std::fs::write(folder.path().join(&object.object.name), &object.bytes)?;
            std::fs::write(folder.path().join(&object.object.index), &object.index)?;
        }
    }
    let keys = json!({
        "tenant": pair(&tenant_key)?,
        "intake": pair(&intake_key)?,
        "generation": intake.generation,
        "wraps": wraps,
    });
    let keys_file = folder.path().join("keys.json");
    std::fs::write(&keys_file, keys.to_string())?;

    let output = Command::new(python())
        .args(["-c", &code])
        .arg(folder.path())
        .arg(&keys_file)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        found.push(serde_json::from_str::<ChatEvent>(line)?);
    }
    said.sort_by_key(ChatEvent::n);
    ensure!(found == said, "{found:?}");
    ensure!(found.iter().map(ChatEvent::n).eq(1..=8));
    Ok(())
}

/// Multiplies in GF(256) with the polynomial of AES.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

fn inverse(a: u8) -> u8 {
    (1..=255).find(|b| multiply(a, *b) == 1).unwrap_or(0)
}

#[test]
fn officers_shares_make_the_key_as_the_page_says() -> Result<()> {
    let rng = &mut system();
    let key = PrivateKey::random(rng);
    let (tenant, id) = (TenantId::random(rng), KeyId::random(rng));
    let mut officers = Vec::new();
    let mut holders = Vec::new();
    for _ in 0..3 {
        let private = PrivateKey::random(rng);
        let officer = StaffId::random(rng);
        let public = private.public()?;
        holders.push(Holder { officer, public });
        officers.push(private);
    }
    let sealed = split(&key, 2, &holders, tenant, id, rng)?;
    let mut shares = Vec::new();
    for ((officer, sealed), private) in sealed.iter().zip(&officers) {
        let mut info = b"vestibule share v1\n".to_vec();
        info.extend(tenant.as_bytes());
        info.extend(id.as_bytes());
        info.extend(officer.as_bytes());
        shares.push(open(private, &info, sealed)?);
    }
    for (one, two) in [(0, 1), (0, 2), (2, 1)] {
        let (one, two) = (
            shares.get(one).context("one")?,
            shares.get(two).context("two")?,
        );
        let ([x1, y1 @ ..], [x2, y2 @ ..]) = (one.as_slice(), two.as_slice()) else {
            anyhow::bail!("an empty share");
        };
        // Lagrange at 0; in this field minus is plus is XOR.
        let over = inverse(x1 ^ x2);
        let (w1, w2) = (multiply(*x2, over), multiply(*x1, over));
        let whole: Vec<u8> = y1
            .iter()
            .zip(y2)
            .map(|(a, b)| multiply(*a, w1) ^ multiply(*b, w2))
            .collect();
        ensure!(whole == key.expose(), "shares {x1} and {x2}");
    }
    Ok(())
}
