//! What needs no running recorder: first keys, the root, checking a bundle, samples; and `serve`.

use std::fs::{self, File};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use proto::dsse::{Document as _, Envelope};
use proto::notice::Notice;
use proto::{Hash32, PublicKey};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{KeyVerb, NoticeVerb, RootVerb, Verb, VerifyArgs, fingerprint};
use super::{door, is_bundle};
use crate::Recorder;
use crate::bundle::verify::{self, Pins};
use crate::clock::Clock;
use crate::command::Command;
use crate::config::{Config, SAMPLE};
use crate::custody::{PreparedKey, PreparedShare};
use crate::entropy::system;
use crate::error::{Error, Result};
use crate::keys::ring::root;
use crate::lock::Lock;
use crate::terminal::escape;

/// Whether a verb was carried out here.
pub enum Done {
    /// It was; with whether all is as it should be.
    Here(bool),
    /// It was not.
    NotHere(Box<Verb>),
}

/// A signed sealing key on its way to `key install`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedKey {
    /// Signed by the root.
    pub statement: Envelope,
    /// Sealed to the officers.
    pub shares: Vec<PreparedShare>,
}

/// Carries out what belongs here.
pub async fn run(config: &Path, verb: Verb, out: &mut dyn Write) -> Result<Done> {
    match verb {
        Verb::Init => init(&Config::load(config)?, out).await?,
        Verb::SampleConfig => say(out, SAMPLE.trim_end())?,
        Verb::Serve => serve(Config::load(config)?).await?,
        Verb::Root(RootVerb::New { file }) => {
            let public = root::create(&file, &mut system())?;
            say(
                out,
                "The client keeps this file, offline if it can: who has it names the sealing keys.",
            )?;
            say(out, &public.to_string())?;
        }
        Verb::Root(RootVerb::Show { file }) => {
            let key = root::read_file(&file)?;
            say(out, &PublicKey(key.verifying_key().to_bytes()).to_string())?;
        }
        Verb::Notice(NoticeVerb::Sample { language }) => say(out, sample(&language)?.trim_end())?,
        Verb::Key(KeyVerb::Sign { file, root }) => sign(&file, &root, out)?,
        Verb::Key(KeyVerb::Prepare {
            client,
            threshold,
            out: to,
        }) => {
            let prepared = prepare(Config::load(config)?, client, threshold, out).await?;
            write_json(&to, &prepared)?;
            holders(&prepared, out)?;
            say(
                out,
                "Sign it where the root is: recorder key sign FILE --root ROOT",
            )?;
        }
        Verb::Key(KeyVerb::Rotate {
            client,
            root: path,
            threshold,
        }) => {
            let config = Config::load(config)?;
            let key = root::read_file(&path)?;
            let prepared = prepare(config.clone(), client.clone(), threshold, out).await?;
            holders(&prepared, out)?;
            let command = Command::KeyInstall {
                client,
                statement: prepared.statement.sign(&key)?,
                shares: prepared.shares,
            };
            door::through(config, command, out, None).await?;
        }
        Verb::Verify(VerifyArgs {
            what,
            recording: None,
            recorder_key,
            root,
            checkpoint,
            ..
        }) if is_bundle(&what) => {
            let pins = Pins {
                recorder: recorder_key,
                root: root.as_deref().map(root_pin).transpose()?,
                checkpoint: checkpoint.as_deref().map(text).transpose()?,
            };
            return Ok(Done::Here(
                check_bundle(Path::new(&what), &pins, out).await?,
            ));
        }
        other => return Ok(Done::NotHere(Box::new(other))),
    }
    Ok(Done::Here(true))
}

fn say(out: &mut dyn Write, line: &str) -> Result<()> {
    writeln!(out, "{line}")
        .map_err(|e| Error::refused(format!("the answer could not be written: {e}")))
}

async fn init(config: &Config, out: &mut dyn Write) -> Result<()> {
    let recorder = Recorder::create(config.clone(), Clock::system()).await?;
    say(
        out,
        &format!(
            "Keys are made in {}. Back up master.key, recorder.sealed and the folder heads apart from the data, and never the intake keys.",
            config.keys().display()
        ),
    )?;
    say(
        out,
        "The recorder's public key, for relay.toml ([node] recorder_key):",
    )?;
    say(out, &recorder.public().to_string())?;
    recorder.store.close().await;
    Ok(())
}

async fn serve(config: Config) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|e| Error::refused(format!("`filter` under [log] is not a filter: {e}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if config.log.json {
        lines.json().init();
    } else {
        lines.init();
    }
    let lock = Lock::take(&config.lock())?;
    let recorder = Recorder::open(config, Clock::system()).await?;
    let stop = CancellationToken::new();
    let failed = |e| Error::refused(format!("cannot listen for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    crate::serve::serve(recorder, lock, stop).await
}

async fn prepare(
    config: Config,
    client: String,
    threshold: Option<u8>,
    out: &mut dyn Write,
) -> Result<PreparedKey> {
    let command = Command::KeyPrepare { client, threshold };
    let outcome = door::through(config, command, out, None).await?;
    let value = outcome
        .value
        .ok_or_else(|| Error::refused("the recorder's answer is malformed"))?;
    Ok(serde_json::from_value(value)?)
}

/// Whose keys the shares are sealed to, for whoever signs to compare.
fn holders(prepared: &PreparedKey, out: &mut dyn Write) -> Result<()> {
    for share in &prepared.shares {
        let (name, key) = (escape(&share.sign_in), share.key);
        say(
            out,
            &format!("A share is sealed to {name}, whose key has the fingerprint {key}."),
        )?;
    }
    Ok(())
}

fn sign(file: &Path, root_file: &Path, out: &mut dyn Write) -> Result<()> {
    let prepared: PreparedKey = read_json(file)?;
    let key = root::read_file(root_file)?;
    holders(&prepared, out)?;
    let signed = SignedKey {
        statement: prepared.statement.sign(&key)?,
        shares: prepared.shares,
    };
    write_json(file, &signed)?;
    say(
        out,
        &format!(
            "Signed: the sealing key {} for {}, {} of {} officers. Install it: recorder key install CLIENT FILE",
            prepared.statement.public_key.fingerprint(),
            escape(&prepared.statement.quarter),
            prepared.statement.threshold,
            prepared.statement.shares
        ),
    )
}

/// A signed key from its file.
pub(super) fn signed_key(file: &Path) -> Result<SignedKey> {
    read_json(file)
}

fn read_json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let bytes = fs::read(file).map_err(|e| Error::file("cannot read", file, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|_| Error::file("cannot use", file, "it is not what this step takes"))
}

fn write_json(file: &Path, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(value)?;
    fs::write(file, bytes).map_err(|e| Error::file("cannot write", file, e))
}

/// A notice's exact JSON text: as it stands in a `.json` file, or turned from TOML.
pub(super) fn notice_text(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).map_err(|e| Error::file("cannot read", file, e))?;
    if file.extension().is_some_and(|ext| ext == "toml") {
        let notice: Notice = toml::from_str(&text).map_err(|e| {
            let message = e.message().replace('\n', " ");
            let hint = format!("{message}; `recorder notice sample en` prints one with every line");
            Error::file("this is not a notice:", file, hint)
        })?;
        return Ok(serde_json::to_string(&notice)?);
    }
    Ok(text)
}

fn sample(language: &str) -> Result<&'static str> {
    match language {
        "en" => Ok(include_str!("../../notices/sample.en.toml")),
        "de" => Ok(include_str!("../../notices/sample.de.toml")),
        _ => Err(Error::refused("there are samples in en and de")),
    }
}

/// A fingerprint, or a file with a public key, or with the root itself: whichever of the two it
/// holds cannot be told, so it is taken as both.
fn root_pin(given: &str) -> Result<Vec<Hash32>> {
    if let Ok(fingerprint) = fingerprint(given) {
        return Ok(vec![fingerprint]);
    }
    if let Ok(key) = given.parse::<PublicKey>() {
        return Ok(vec![key.fingerprint()]);
    }
    let file = Path::new(given);
    let held = text(file)?;
    if let Ok(fingerprint) = fingerprint(&held) {
        return Ok(vec![fingerprint]);
    }
    let root = PublicKey(root::read_file(file)?.verifying_key().to_bytes());
    let itself = held.trim().parse::<PublicKey>().ok();
    Ok([Some(root), itself]
        .into_iter()
        .flatten()
        .map(|key| key.fingerprint())
        .collect())
}

fn text(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(|e| Error::file("cannot read", file, e))
}

/// Whether the file begins as a tar does.
fn is_tar(file: &mut File) -> std::io::Result<bool> {
    let mut head = Vec::new();
    file.take(512).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head.get(257..262) == Some(b"ustar"))
}

/// All else rests on this comparison: both sides of it are shown where they differ.
fn compared(whose: &str, found: Hash32, given: Option<&Vec<Hash32>>) -> String {
    match given {
        None => format!("{whose}: {found} (compare it with the one that you were given)"),
        Some(given) if given.contains(&found) => format!("{whose}: {found} (as given)"),
        Some(given) => {
            let given: Vec<String> = given.iter().map(ToString::to_string).collect();
            format!(
                "{whose}: they DIFFER: given {}, in the bundle {found}",
                given.join(" or ")
            )
        }
    }
}

async fn check_bundle(file: &Path, pins: &Pins, out: &mut dyn Write) -> Result<bool> {
    let failed = |e| Error::file("cannot read the bundle", file, e);
    let mut opened = File::open(file).map_err(failed)?;
    if !is_tar(&mut opened).map_err(failed)? {
        let what = "it is not a tar, as `recorder export` and the console hand out";
        return Err(Error::file("this is no bundle:", file, what));
    }
    let report = verify::pinned(BufReader::new(opened), pins).await;
    for line in &report.good {
        say(out, &format!("ok       {}", escape(line)))?;
    }
    for line in &report.damage {
        say(out, &format!("damaged  {}", escape(line)))?;
    }
    for line in &report.wrong {
        say(out, &format!("WRONG    {}", escape(line)))?;
    }
    let given = pins.recorder.map(|given| vec![given]);
    let mut differs = false;
    for (whose, found, given) in [
        ("recorder's key", report.recorder, given.as_ref()),
        ("client's root", report.root, pins.root.as_ref()),
    ] {
        if let Some(found) = found {
            differs |= given.is_some_and(|given| !given.contains(&found));
            say(out, &compared(whose, found, given))?;
        }
    }
    if let (Some(checkpoint), None) = (&report.checkpoint, &pins.checkpoint) {
        say(
            out,
            &format!(
                "log: {} entries, root {} (with an earlier checkpoint, --checkpoint shows whether it was changed since)",
                checkpoint.size, checkpoint.root
            ),
        )?;
    }
    say(
        out,
        match (report.is_good(), report.damage.is_empty()) {
            (true, true) => "The bundle is whole.",
            (true, false) => "The bundle is whole, and says itself what of the recording is not.",
            (false, _) if differs => {
                "The bundle is NOT of the recorder and the client that were given: nothing more was checked."
            }
            (false, _) => "The bundle is NOT as it was handed out.",
        },
    )?;
    Ok(report.is_good())
}
