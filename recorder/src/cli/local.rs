//! What needs no running recorder: first keys, the root, checking a bundle, samples; and `serve`.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;

use proto::PublicKey;
use proto::dsse::{Document as _, Envelope};
use proto::notice::Notice;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{KeyVerb, NoticeVerb, RootVerb, Verb, VerifyArgs};
use super::{door, is_bundle};
use crate::Recorder;
use crate::bundle::verify;
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
            ..
        }) if is_bundle(&what) => {
            return Ok(Done::Here(
                check_bundle(Path::new(&what), recorder_key, out).await?,
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
            "Keys are made in {}. Back up master.key and recorder.sealed apart from the data, and never the intake keys.",
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

fn sign(file: &Path, root_file: &Path, out: &mut dyn Write) -> Result<()> {
    let prepared: PreparedKey = read_json(file)?;
    let key = root::read_file(root_file)?;
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
            Error::file("this is not a notice:", file, message)
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

async fn check_bundle(
    file: &Path,
    expected: Option<proto::Hash32>,
    out: &mut dyn Write,
) -> Result<bool> {
    let opened = File::open(file).map_err(|e| Error::file("cannot read the bundle", file, e))?;
    let report = verify::bundle(BufReader::new(opened), expected).await;
    for line in &report.good {
        say(out, &format!("ok       {}", escape(line)))?;
    }
    for line in &report.damage {
        say(out, &format!("damaged  {}", escape(line)))?;
    }
    for line in &report.wrong {
        say(out, &format!("WRONG    {}", escape(line)))?;
    }
    if let Some(fingerprint) = report.recorder {
        let compared = if expected.is_some() {
            "as given"
        } else {
            "compare it with the one that you were given"
        };
        say(out, &format!("recorder's key: {fingerprint} ({compared})"))?;
    }
    say(
        out,
        match (report.is_good(), report.damage.is_empty()) {
            (true, true) => "The bundle is whole.",
            (true, false) => "The bundle is whole, and says itself what of the recording is not.",
            (false, _) => "The bundle is NOT as it was handed out.",
        },
    )?;
    Ok(report.is_good())
}
