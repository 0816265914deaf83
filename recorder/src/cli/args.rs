//! The command line's words.

mod proof;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use proto::notice::Modality;
use proto::{CaseId, PublicKey, RecordingId, SessionId, SiteId};

pub use proof::{LogVerb, VerifyArgs, fingerprint};

/// Over the options that are the same for every verb.
const EVERY: &str = "Options of every verb";

/// Keeps what was recorded: intake, vault, cases, opening by two, transparency log.
#[derive(Parser)]
#[command(
    name = "recorder",
    version,
    after_long_help = "\
A first start, in order (CLIENT is a short name such as `alpine`):
  recorder init                                  the recorder's keys, once
  recorder key show                              the public key, for relay.toml: [node] recorder_key
  recorder node certify KEY                      KEY from `relay node-key`
  recorder root new alpine.root                  the client's root key: a file that the client keeps
  recorder client add alpine --name 'Alpine Bank' --root PUBLIC
  recorder officer add alpine ines --name Ines   at least two, before the first sealing key
  recorder key rotate alpine --root alpine.root  the first sealing key, in the officers' shares
  recorder agent add alpine mia --name Mia
  recorder site add alpine --name Shop --origin https://shop.example
  recorder notice publish alpine SITE notice.en.json
  recorder serve

When a court asks:
  recorder list alpine --from 2026-11-01         metadata only; nothing is opened
  recorder case open alpine --authority … --reference … --basis … --recording ID
  recorder case approve alpine CASE ines         each officer with their own passphrase
  recorder export alpine CASE --out bundle.tar
  recorder verify bundle.tar                     anyone, anywhere: no server, no key

Passphrases are asked on the terminal. Where there is none they are read from standard input, or
from --secrets FILE (such as /dev/fd/3), one a line, in the order in which they would be asked."
)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = "recorder.toml", help_heading = EVERY, display_order = 900)]
    pub config: PathBuf,
    /// Where passphrases are read from, one a line.
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERY, display_order = 901)]
    pub secrets: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Verb {
    /// Make the recorder's keys and the first intake key, once.
    Init,
    /// Print a commented configuration file.
    SampleConfig,
    /// Run: intake, daily key rotation, the officers' console, the socket for these commands.
    Serve,
    /// Clients (tenants).
    #[command(subcommand, visible_alias = "tenant")]
    Client(ClientVerb),
    /// A client's root key: a file that the client keeps, offline if it can.
    #[command(subcommand)]
    Root(RootVerb),
    /// Pages that carry the widget.
    #[command(subcommand)]
    Site(SiteVerb),
    /// What a visitor reads first.
    #[command(subcommand)]
    Notice(NoticeVerb),
    /// Those who answer visitors.
    #[command(subcommand)]
    Agent(AgentVerb),
    /// Those who open recordings, two together at least.
    #[command(subcommand)]
    Officer(OfficerVerb),
    /// The recorder's key, and clients' sealing keys.
    #[command(subcommand)]
    Key(KeyVerb),
    /// Relay nodes.
    #[command(subcommand)]
    Node(NodeVerb),
    /// Find recordings by metadata. Nothing is opened.
    List(ListArgs),
    /// Check a bundle (a file), or a recording in the vault (CLIENT RECORDING).
    Verify(VerifyArgs),
    /// Legal cases.
    #[command(subcommand)]
    Case(CaseVerb),
    /// Open a recording under a case and hand out its evidence bundle.
    Export(ExportArgs),
    /// Open a recording under a case and show the transcript here.
    Open(OpenArgs),
    /// The transparency log.
    #[command(subcommand)]
    Log(LogVerb),
    /// From the spool into the vault.
    #[command(subcommand)]
    Intake(IntakeVerb),
    /// Say what is not as it should be, and what to do.
    Check,
}

/// See [`Verb::Client`].
#[derive(Subcommand)]
pub enum ClientVerb {
    /// Make a client. Prints its id.
    Add {
        /// Short name: lower-case letters, digits, hyphens.
        client: String,
        /// The name that visitors see.
        #[arg(long)]
        name: String,
        /// The root's public key, as `recorder root new` prints it. It is pinned for good.
        // Such a key may begin with a hyphen.
        #[arg(long, value_name = "PUBLIC KEY", allow_hyphen_values = true)]
        root: PublicKey,
    },
    /// All clients.
    List,
}

/// See [`Verb::Root`].
#[derive(Subcommand)]
pub enum RootVerb {
    /// Make a root key in a new file. Prints its public half. Works without any recorder.
    New {
        /// The file.
        file: PathBuf,
    },
    /// Print a root key's public half.
    Show {
        /// The file.
        file: PathBuf,
    },
}

/// See [`Verb::Site`].
#[derive(Subcommand)]
pub enum SiteVerb {
    /// Add a site. Prints the line for its pages, and its id.
    Add {
        /// Whose.
        client: String,
        /// Its name, for staff.
        #[arg(long)]
        name: String,
        /// Accent colour, `#rrggbb`.
        #[arg(long)]
        accent: Option<String>,
        /// An exact origin whose pages may carry the widget, such as `https://shop.example`.
        /// Again for each.
        #[arg(long = "origin", required = true)]
        origins: Vec<String>,
    },
    /// Say anew from which origins a site's pages come; those of before no longer count.
    Origins {
        /// Whose.
        client: String,
        /// Which site.
        site: SiteId,
        /// An exact origin. Again for each.
        #[arg(long = "origin", required = true)]
        origins: Vec<String>,
    },
    /// Say anew which ways of talking a site offers besides chat. Its notices must cover them.
    Offer {
        /// Whose.
        client: String,
        /// Which site.
        site: SiteId,
        /// `audio`, `video` or `screen`. Again for each; leave it out to offer chat alone.
        #[arg(long = "modality", value_parser = modality)]
        modalities: Vec<Modality>,
    },
    /// A client's sites.
    List {
        /// Whose.
        client: String,
    },
}

/// See [`Verb::Notice`].
#[derive(Subcommand)]
pub enum NoticeVerb {
    /// Publish a notice (JSON, or TOML, which is turned into JSON) on a site. Prints its hash.
    Publish {
        /// Whose.
        client: String,
        /// On which site.
        site: SiteId,
        /// The notice. Samples: `recorder notice sample`.
        file: PathBuf,
    },
    /// Print a sample notice.
    Sample {
        /// en or de.
        #[arg(default_value = "en")]
        language: String,
    },
}

/// See [`Verb::Agent`].
#[derive(Subcommand)]
pub enum AgentVerb {
    /// Add an agent; asks for a password. Prints the id.
    Add {
        /// Whose.
        client: String,
        /// Name for signing in.
        sign_in: String,
        /// The name that visitors see.
        #[arg(long)]
        name: String,
    },
    /// A client's agents and officers.
    List {
        /// Whose.
        client: String,
    },
}

/// See [`Verb::Officer`].
#[derive(Subcommand)]
pub enum OfficerVerb {
    /// Add an officer; asks for the passphrase of their key, then for a password for the console
    /// (without a terminal the second may be left out: it is then the same). Prints the id.
    Add {
        /// Whose.
        client: String,
        /// Name for signing in.
        sign_in: String,
        /// Name.
        #[arg(long)]
        name: String,
        /// An officer who unlocks their key for it: needed where the client has sealing keys already,
        /// again for each until as many are named as open together (--by ines --by omar). Asked for
        /// after the new officer's own.
        #[arg(long)]
        by: Vec<String>,
    },
    /// A client's agents and officers.
    List {
        /// Whose.
        client: String,
    },
}

/// See [`Verb::Key`].
#[derive(Subcommand)]
pub enum KeyVerb {
    /// Print the recorder's public key.
    Show,
    /// A client's sealing keys.
    List {
        /// Whose.
        client: String,
    },
    /// Make, sign and install the sealing key of this quarter, or of the next if there is one.
    Rotate {
        /// Whose.
        client: String,
        /// The client's root key.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// How many officers open together; as before if left out, 2 at first.
        #[arg(long)]
        threshold: Option<u8>,
    },
    /// The first third of `rotate`: make a key that waits for the root's signature.
    Prepare {
        /// Whose.
        client: String,
        /// How many officers open together.
        #[arg(long)]
        threshold: Option<u8>,
        /// Where it is written. Nothing in it is secret.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// The second third: sign it where the root is, without any recorder.
    Sign {
        /// From `prepare`; the signed key takes its place.
        file: PathBuf,
        /// The client's root key.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
    },
    /// The last third: install the signed key.
    Install {
        /// Whose.
        client: String,
        /// From `sign`.
        file: PathBuf,
    },
    /// Make the shares of every sealing key anew, for all officers.
    Reshare {
        /// Whose.
        client: String,
        /// Officers who unlock their keys for it.
        #[arg(long, required = true)]
        by: Vec<String>,
    },
}

/// See [`Verb::Node`].
#[derive(Subcommand)]
pub enum NodeVerb {
    /// Certify a relay by its public key (`relay node-key`). Prints the node's id.
    Certify {
        /// The node's public key.
        // It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key: PublicKey,
        /// For so many days.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// All nodes.
    List,
}

/// See [`Verb::List`].
#[derive(Args)]
pub struct ListArgs {
    /// Whose.
    pub client: String,
    /// Began at or after: 2026-11-22 or 2026-11-22T10:00:00Z.
    #[arg(long)]
    pub from: Option<String>,
    /// Began before.
    #[arg(long)]
    pub until: Option<String>,
    /// On this site.
    #[arg(long)]
    pub site: Option<SiteId>,
    /// Holds this: chat, audio, video, screen.
    #[arg(long, value_parser = modality)]
    pub modality: Option<Modality>,
    /// This agent (sign-in name) took part.
    #[arg(long)]
    pub agent: Option<String>,
    /// Of the session with this number.
    #[arg(long)]
    pub session: Option<SessionId>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// With each, what was recorded of whom, and what is missing of it and why. Nothing is opened.
    #[arg(long)]
    pub sources: bool,
    /// As JSON Lines.
    #[arg(long)]
    pub json: bool,
}

/// See [`Verb::Case`].
#[derive(Subcommand)]
pub enum CaseVerb {
    /// Open a case for named recordings. Prints its id.
    Open {
        /// Whose.
        client: String,
        /// Who asks: a court, an authority, an auditor.
        #[arg(long)]
        authority: String,
        /// Their reference.
        #[arg(long)]
        reference: String,
        /// The legal basis.
        #[arg(long)]
        basis: String,
        /// A recording that it covers. Again for each.
        #[arg(long = "recording", required = true)]
        recordings: Vec<RecordingId>,
        /// Good for so many days.
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// An officer approves: asks for their passphrase. Their share stays unlocked in a running
    /// recorder for a quarter of an hour.
    Approve {
        /// Whose.
        client: String,
        /// The case.
        case: CaseId,
        /// The officer's name for signing in.
        officer: String,
    },
    /// Close a case: nothing is opened under it any more.
    Close {
        /// Whose.
        client: String,
        /// The case.
        case: CaseId,
    },
    /// All cases.
    List {
        /// Whose.
        client: String,
    },
    /// One case.
    Show {
        /// Whose.
        client: String,
        /// The case.
        case: CaseId,
    },
}

/// What [`Verb::Export`] and [`Verb::Open`] open.
#[derive(Args)]
pub struct OpenArgs {
    /// Whose.
    pub client: String,
    /// The case.
    pub case: CaseId,
    /// Which recording, where the case covers several.
    #[arg(long)]
    pub recording: Option<RecordingId>,
    /// An officer who approves now; asks for their passphrase. Again for each.
    #[arg(long = "officer")]
    pub officers: Vec<String>,
}

/// See [`Verb::Export`].
#[derive(Args)]
pub struct ExportArgs {
    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
    /// Where the bundle goes: a new file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// See [`Verb::Intake`].
#[derive(Subcommand)]
pub enum IntakeVerb {
    /// Look at the spool once, now.
    Run,
    /// Close a recording whose relay is gone for good, as truncated.
    Close {
        /// Which.
        recording: RecordingId,
    },
    /// Rotate the intake key now.
    Rotate,
}

fn modality(text: &str) -> Result<Modality, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| "one of chat, audio, video, screen".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_that_begins_with_a_hyphen_is_taken() {
        let key = format!("-{}A", "K".repeat(41));
        for line in [
            vec!["recorder", "node", "certify", &key],
            vec!["recorder", "node", "certify", &key, "--days", "3"],
            vec![
                "recorder", "client", "add", "alpine", "--name", "A", "--root", &key,
            ],
        ] {
            assert!(Cli::try_parse_from(&line).is_ok(), "{line:?}");
        }
    }
}
