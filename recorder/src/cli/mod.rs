//! The command line: words to commands, answers to lines. Writes only through what it is handed.

pub mod args;
pub mod door;
pub mod local;
pub mod secrets;

use std::io::Write;
use std::path::{Path, PathBuf};

use proto::Millis;
use proto::notice::Modality;

use crate::command::{Command, Opening, Ready, Search, Unlocking};
use crate::config::Config;
use crate::error::{Error, Result};
use args::{
    AgentVerb, CaseVerb, Cli, ClientVerb, ExportArgs, IntakeVerb, KeyVerb, ListArgs, LogVerb,
    NodeVerb, NoticeVerb, OfficerVerb, OpenArgs, SiteVerb, Verb,
};
use secrets::Secrets;

/// Does what was asked. `false`: it was done, and what was checked is not as it should be.
pub async fn run(cli: Cli, out: &mut dyn Write) -> Result<bool> {
    let Cli {
        config,
        secrets,
        verb,
    } = cli;
    let verb = match local::run(&config, verb, out).await? {
        local::Done::Here(good) => return Ok(good),
        local::Done::NotHere(verb) => verb,
    };
    let config = Config::load(&config)?;
    if let Some(ready) = ready(&verb) {
        if let Verb::Export(args) = verb.as_ref() {
            door::is_new(&bundle_file(args))?;
        }
        let ready = Command::Ready(ready);
        door::through(config.clone(), ready, &mut std::io::sink(), None).await?;
    }
    let mut secrets = Asking {
        file: secrets,
        opened: None,
    };
    let (command, file) = command(*verb, &mut secrets)?;
    let outcome = door::through(config, command, out, file.as_deref()).await?;
    Ok(outcome.good)
}

/// Opens the source of passphrases when the first is asked for.
struct Asking {
    file: Option<PathBuf>,
    opened: Option<Secrets>,
}

impl Asking {
    fn source(&mut self) -> Result<&mut Secrets> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => Secrets::from(self.file.as_deref())?,
        };
        Ok(self.opened.insert(opened))
    }

    fn unlocking(&mut self, officers: Vec<String>) -> Result<Vec<Unlocking>> {
        officers
            .into_iter()
            .map(|officer| {
                let passphrase = self
                    .source()?
                    .ask(&format!("the passphrase of {officer}'s key"))?;
                Ok(Unlocking {
                    officer,
                    passphrase,
                })
            })
            .collect()
    }
}

/// The command, and the file that its bytes go to.
fn command(verb: Verb, secrets: &mut Asking) -> Result<(Command, Option<PathBuf>)> {
    let command = match verb {
        Verb::Client(ClientVerb::Add { client, name, root }) => {
            Command::ClientAdd { client, name, root }
        }
        Verb::Client(ClientVerb::List) => Command::ClientList {},
        Verb::Site(verb) => site(verb),
        Verb::Notice(NoticeVerb::Publish { client, site, file }) => Command::NoticePublish {
            client,
            site,
            notice: local::notice_text(&file)?,
        },
        Verb::Agent(AgentVerb::Add {
            client,
            sign_in,
            name,
        }) => Command::AgentAdd {
            password: secrets
                .source()?
                .ask_new(&format!("a password for {sign_in}"))?,
            client,
            sign_in,
            name,
        },
        Verb::Agent(AgentVerb::List { client }) | Verb::Officer(OfficerVerb::List { client }) => {
            Command::StaffList { client }
        }
        Verb::Officer(OfficerVerb::Add {
            client,
            sign_in,
            name,
            by,
        }) => officer(client, sign_in, name, by, secrets)?,
        Verb::Key(KeyVerb::Show) => Command::KeyShow {},
        Verb::Key(KeyVerb::List { client }) => Command::KeyList { client },
        Verb::Key(KeyVerb::Install { client, file }) => {
            let signed = local::signed_key(&file)?;
            Command::KeyInstall {
                client,
                statement: signed.statement,
                shares: signed.shares,
            }
        }
        Verb::Key(KeyVerb::Reshare { client, by }) => Command::KeyReshare {
            client,
            by: secrets.unlocking(by)?,
        },
        Verb::Node(NodeVerb::Certify { key, days }) => Command::NodeCertify { key, days },
        Verb::Node(NodeVerb::List) => Command::NodeList {},
        Verb::List(args) => Command::List(search(args)?),
        Verb::Verify(args) => Command::Verify {
            recording: args
                .recording
                .ok_or_else(|| Error::refused("name a bundle's file, or CLIENT RECORDING"))?,
            ack: args.ack.map(|json| acknowledgement(&json)).transpose()?,
            client: args.what,
        },
        Verb::Case(verb) => case(verb, secrets)?,
        Verb::Export(args) => {
            let file = bundle_file(&args);
            return Ok((Command::Export(opening(args.open, secrets)?), Some(file)));
        }
        Verb::Open(args) => Command::Open(opening(args, secrets)?),
        Verb::Log(verb) => return Ok(log(verb)),
        Verb::Intake(IntakeVerb::Run) => Command::IntakeRun {},
        Verb::Intake(IntakeVerb::Close { recording }) => Command::IntakeClose { recording },
        Verb::Intake(IntakeVerb::Rotate) => Command::IntakeRotate {},
        Verb::Check => Command::Check {},
        Verb::Init
        | Verb::SampleConfig
        | Verb::Serve
        | Verb::Root(_)
        | Verb::Notice(NoticeVerb::Sample { .. })
        | Verb::Key(KeyVerb::Rotate { .. } | KeyVerb::Prepare { .. } | KeyVerb::Sign { .. }) => {
            return Err(Error::refused("this verb is carried out elsewhere"));
        }
    };
    Ok((command, None))
}

fn site(verb: SiteVerb) -> Command {
    match verb {
        SiteVerb::Add {
            client,
            name,
            accent,
            origins,
        } => Command::SiteAdd {
            client,
            name,
            accent,
            origins,
            modalities: vec![Modality::Chat],
        },
        SiteVerb::Origins {
            client,
            site,
            origins,
        } => Command::SiteOrigins {
            client,
            site,
            origins,
        },
        SiteVerb::Offer {
            client,
            site,
            modalities,
        } => Command::SiteOffer {
            client,
            site,
            modalities,
        },
        SiteVerb::List { client } => Command::SiteList { client },
    }
}

fn bundle_file(args: &ExportArgs) -> PathBuf {
    args.out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("vestibule-case-{}.tar", args.open.case)))
}

/// What is to be known before anyone is asked for a passphrase.
fn ready(verb: &Verb) -> Option<Ready> {
    Some(match verb {
        Verb::Agent(AgentVerb::Add {
            client, sign_in, ..
        }) => Ready::Agent {
            client: client.clone(),
            sign_in: sign_in.clone(),
        },
        Verb::Officer(OfficerVerb::Add {
            client,
            sign_in,
            by,
            ..
        }) => Ready::Shares {
            client: client.clone(),
            sign_in: Some(sign_in.clone()),
            by: by.clone(),
        },
        Verb::Key(KeyVerb::Reshare { client, by }) => Ready::Shares {
            client: client.clone(),
            sign_in: None,
            by: by.clone(),
        },
        Verb::Case(CaseVerb::Approve {
            client,
            case,
            officer,
        }) => Ready::Approval {
            client: client.clone(),
            case: *case,
            officer: officer.clone(),
        },
        Verb::Open(open) | Verb::Export(ExportArgs { open, .. }) => Ready::Opening {
            client: open.client.clone(),
            case: open.case,
            recording: open.recording,
            officers: open.officers.clone(),
        },
        _ => return None,
    })
}

fn log(verb: LogVerb) -> (Command, Option<PathBuf>) {
    let command = match verb {
        LogVerb::Show { client, from, json } => Command::LogShow { client, from, json },
        LogVerb::Verify { client } => Command::LogVerify { client },
        LogVerb::Checkpoint { client } => Command::LogCheckpoint { client },
        LogVerb::Adopt { client, size } => Command::LogAdopt { client, size },
        LogVerb::Tiles { client, out } => return (Command::LogTiles { client }, Some(out)),
    };
    (command, None)
}

fn officer(
    client: String,
    sign_in: String,
    name: String,
    by: Vec<String>,
    secrets: &mut Asking,
) -> Result<Command> {
    let source = secrets.source()?;
    let passphrase = source.ask_new(&format!("a passphrase for {sign_in}'s key"))?;
    let password = source.ask_second(
        &format!("a password for {sign_in} at the console"),
        &passphrase,
    )?;
    Ok(Command::OfficerAdd {
        client,
        sign_in,
        name,
        password,
        passphrase,
        by: secrets.unlocking(by)?,
    })
}

fn case(verb: CaseVerb, secrets: &mut Asking) -> Result<Command> {
    Ok(match verb {
        CaseVerb::Open {
            client,
            authority,
            reference,
            basis,
            recordings,
            days,
        } => Command::CaseOpen {
            client,
            authority,
            reference,
            basis,
            recordings,
            days,
        },
        CaseVerb::Approve {
            client,
            case,
            officer,
        } => Command::CaseApprove {
            client,
            case,
            by: Unlocking {
                passphrase: secrets
                    .source()?
                    .ask(&format!("the passphrase of {officer}'s key"))?,
                officer,
            },
        },
        CaseVerb::Close { client, case } => Command::CaseClose { client, case },
        CaseVerb::List { client } => Command::CaseShow { client, case: None },
        CaseVerb::Show { client, case } => Command::CaseShow {
            client,
            case: Some(case),
        },
    })
}

fn opening(args: OpenArgs, secrets: &mut Asking) -> Result<Opening> {
    Ok(Opening {
        client: args.client,
        case: args.case,
        recording: args.recording,
        by: secrets.unlocking(args.officers)?,
    })
}

fn search(args: ListArgs) -> Result<Search> {
    Ok(Search {
        client: args.client,
        from: args.from.as_deref().map(time).transpose()?,
        until: args.until.as_deref().map(time).transpose()?,
        site: args.site,
        modality: args.modality,
        agent: args.agent,
        session: args.session,
        limit: args.limit,
        sources: args.sources,
        json: args.json,
    })
}

fn acknowledgement(json: &str) -> Result<proto::wire::SealedAt> {
    serde_json::from_str(json).map_err(|_| {
        Error::refused(
            "an acknowledgement is {\"track\":…,\"epoch\":…,\"seq\":…,\"head\":\"…\"}, as the client kept it",
        )
    })
}

/// A day or an instant, UTC.
fn time(text: &str) -> Result<i64> {
    let instant: Option<jiff::Timestamp> = text.parse().ok();
    let day = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    instant
        .or_else(day)
        .map(|at| Millis(at.as_millisecond()).0)
        .ok_or_else(|| {
            Error::refused(format!(
                "{} is neither a day (2026-11-22) nor a time (2026-11-22T10:00:00Z)",
                crate::terminal::escape(text)
            ))
        })
}

/// Where a bundle is meant, not a client.
pub(crate) fn is_bundle(what: &str) -> bool {
    let path = Path::new(what);
    path.is_file() || path.extension().is_some_and(|ext| ext == "tar")
}
