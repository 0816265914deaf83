//! Google's Tink, by way of Python: parts (streaming AEAD) and wraps (HPKE), both ways.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use proto::keys::IntakeKey;
use proto::{Hash32, KeyId, Millis, ParticipantId, PublicKey, RecordingId, TenantId};
use recorder::entropy::system;
use recorder::keys::hpke::{PrivateKey, open as open_wrap};
use recorder::open::tink::open as open_part;
use seal::part::{PartHeader, PartKind, seal};
use seal::wrap::{keep, wrap};
use seal::{DataKey, Recipient, WrapInfo};
use serde_json::{Value, json};

use super::python;

const KEY: [u8; 32] = [0x5a; 32];
/// Around nothing, one segment and two.
const LENGTHS: [usize; 8] = [0, 1, 256, 65_479, 65_480, 65_481, 131_000, 131_001];

/// Has Tink do these jobs; an answer is `None` where it refuses.
fn tink(jobs: &[Value]) -> Result<Vec<Option<Vec<u8>>>> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/strangers/tink_tool.py");
    let python = python();
    let mut child = Command::new(&python)
        .arg(tool)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}: run scripts/setup", python.display()))?;
    let mut input = child.stdin.take().context("no input")?;
    let text = serde_json::to_vec(jobs)?;
    let writer = std::thread::spawn(move || input.write_all(&text));
    let output = child.wait_with_output()?;
    writer.join().ok().context("the writer panicked")??;
    ensure!(output.status.success(), "Tink's Python failed");
    let answers: Vec<Option<String>> = serde_json::from_slice(&output.stdout)?;
    ensure!(answers.len() == jobs.len(), "an answer is missing");
    answers
        .into_iter()
        .map(|answer| {
            Ok(answer
                .map(|hex| HEXLOWER.decode(hex.as_bytes()))
                .transpose()?)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn part_job(what: &str, associated_data: &[u8], input: &[u8]) -> Value {
    json!({"do": what, "key": hex(&KEY), "info": hex(associated_data), "input": hex(input)})
}

fn wrap_job(what: &str, pair: &Pair, info: &[u8], input: &[u8]) -> Value {
    json!({
        "do": what,
        "key": hex(pair.private.expose()),
        "public_key": hex(&pair.public.0),
        "info": hex(info),
        "input": hex(input),
    })
}

struct Pair {
    private: PrivateKey,
    public: PublicKey,
}

impl Pair {
    fn random() -> Result<Self> {
        let private = PrivateKey::random(&mut system());
        let public = private.public()?;
        Ok(Self { private, public })
    }
}

fn header(kind: PartKind) -> PartHeader {
    PartHeader {
        tenant: TenantId::random(&mut system()),
        recording: RecordingId::random(&mut system()),
        track: 1,
        epoch: 2,
        step: 0,
        seq: 3,
        kind,
        prev: Hash32::of(b"before"),
    }
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

fn wrap_info() -> WrapInfo {
    WrapInfo {
        tenant: TenantId::random(&mut system()),
        recording: RecordingId::random(&mut system()),
        track: 1,
        epoch: 2,
        recipient: Recipient::Tenant {
            key: KeyId::random(&mut system()),
        },
    }
}

#[test]
fn tink_opens_parts_made_here_and_refuses_them_elsewhere() -> Result<()> {
    let mut jobs = Vec::new();
    for length in LENGTHS {
        let kind = if length == 0 {
            PartKind::End
        } else {
            PartKind::Data
        };
        let header = header(kind);
        let key = DataKey::from_bytes(KEY);
        let part = seal(&key, header, &plaintext(length), &mut system())?;
        jobs.push(part_job(
            "open_part",
            &header.associated_data(),
            &part.bytes,
        ));
        let elsewhere = PartHeader { seq: 4, ..header }.associated_data();
        jobs.push(part_job("open_part", &elsewhere, &part.bytes));
    }
    for (answer, length) in tink(&jobs)?.chunks(2).zip(LENGTHS) {
        ensure!(
            answer == [Some(plaintext(length)), None],
            "a part of {length} bytes"
        );
    }
    Ok(())
}

#[test]
fn parts_made_by_tink_open_here_and_nowhere_else() -> Result<()> {
    let header = header(PartKind::Data);
    let associated_data = header.associated_data();
    let jobs = LENGTHS.map(|n| part_job("seal_part", &associated_data, &plaintext(n)));
    for (sealed, length) in tink(&jobs)?.into_iter().zip(LENGTHS) {
        let sealed = sealed.context("Tink did not seal")?;
        let opened = open_part(&KEY, &associated_data, &sealed)?;
        ensure!(*opened == plaintext(length), "a part of {length} bytes");
        let elsewhere = PartHeader { track: 2, ..header }.associated_data();
        ensure!(open_part(&KEY, &elsewhere, &sealed).is_err());
    }
    Ok(())
}

#[test]
fn tink_opens_wraps_made_here_and_refuses_them_elsewhere() -> Result<()> {
    let (tenant, intake) = (Pair::random()?, Pair::random()?);
    let intake_key = IntakeKey {
        generation: 9,
        public_key: intake.public,
        not_before: Millis(0),
    };
    let info = wrap_info();
    let key = DataKey::from_bytes(KEY);
    let inner = wrap(&key, &info, &tenant.public, &mut system())?;
    let kept = keep(&inner, &info, &intake_key, &mut system())?;
    let elsewhere = WrapInfo { epoch: 3, ..info };
    let answers = tink(&[
        wrap_job("open_wrap", &tenant, &info.info(), &inner),
        wrap_job("open_wrap", &intake, &info.kept_info(9), &kept),
        wrap_job("open_wrap", &tenant, &elsewhere.info(), &inner),
        wrap_job("open_wrap", &intake, &info.kept_info(8), &kept),
        wrap_job("open_wrap", &intake, &info.info(), &inner),
    ])?;
    ensure!(answers == [Some(KEY.to_vec()), Some(inner), None, None, None]);
    Ok(())
}

#[test]
fn wraps_made_by_tink_open_here_and_nowhere_else() -> Result<()> {
    let tenant = Pair::random()?;
    let info = wrap_info();
    let participant = ParticipantId::random(&mut system());
    let elsewhere = WrapInfo {
        recipient: Recipient::Participant { participant },
        ..info
    };
    let answers = tink(&[wrap_job("seal_wrap", &tenant, &info.info(), &KEY)])?;
    let sealed = answers.into_iter().flatten().next().context("no wrap")?;
    ensure!(sealed.len() == seal::wrap::WRAP);
    ensure!(**open_wrap(&tenant.private, &info.info(), &sealed)? == KEY);
    ensure!(open_wrap(&tenant.private, &elsewhere.info(), &sealed).is_err());
    Ok(())
}
