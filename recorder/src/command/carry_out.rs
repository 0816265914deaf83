//! Carries a command out: one line for each, the work is in the subjects' files.

use tokio::sync::Mutex;

use super::{Answer, Command, cases, keeping, keys, notice, people, ready};
use crate::Recorder;
use crate::error::Result;
use crate::intake::Intake;

/// Does it. What it says goes to `answer` as it comes.
#[expect(clippy::too_many_lines, reason = "one arm for each command")]
pub async fn carry_out(
    recorder: &Recorder,
    intake: &Mutex<Intake>,
    command: Command,
    answer: &Answer,
) -> Result<()> {
    match command {
        Command::ClientAdd { client, name, root } => {
            people::client_add(recorder, client, name, root, answer).await
        }
        Command::ClientList {} => people::client_list(recorder, answer).await,
        Command::SiteAdd {
            client,
            name,
            accent,
            origins,
            modalities,
        } => {
            let site = people::Site {
                name,
                accent,
                origins,
                modalities,
            };
            people::site_add(recorder, &client, site, answer).await
        }
        Command::SiteOrigins {
            client,
            site,
            origins,
        } => people::site_origins(recorder, &client, site, origins, answer).await,
        Command::SiteOffer {
            client,
            site,
            modalities,
        } => notice::offer(recorder, &client, site, modalities, answer).await,
        Command::SiteList { client } => people::site_list(recorder, &client, answer).await,
        Command::NoticePublish {
            client,
            site,
            notice,
        } => notice::publish(recorder, &client, site, &notice, answer).await,
        Command::AgentAdd {
            client,
            sign_in,
            name,
            password,
        } => people::agent_add(recorder, &client, sign_in, name, password, answer).await,
        Command::OfficerAdd {
            client,
            sign_in,
            name,
            password,
            passphrase,
            by,
        } => {
            let new = crate::custody::NewOfficer {
                sign_in,
                name,
                password,
                passphrase,
            };
            people::officer_add(recorder, &client, new, &by, answer).await
        }
        Command::Ready(what) => ready::ready(recorder, &what).await,
        Command::StaffList { client } => people::staff_list(recorder, &client, answer).await,
        Command::KeyShow {} => answer.line(recorder.public().to_string()).await,
        Command::KeyList { client } => keys::list(recorder, &client, answer).await,
        Command::KeyPrepare { client, threshold } => {
            keys::prepare(recorder, &client, threshold, answer).await
        }
        Command::KeyInstall {
            client,
            statement,
            shares,
        } => keys::install(recorder, &client, &statement, &shares, answer).await,
        Command::KeyReshare { client, by } => keys::reshare(recorder, &client, &by, answer).await,
        Command::NodeCertify { key, days } => keys::certify(recorder, key, days, answer).await,
        Command::NodeList {} => keys::nodes(recorder, answer).await,
        Command::List(search) => keeping::list::list(recorder, search, answer).await,
        Command::Verify {
            client,
            recording,
            ack,
        } => keeping::verify(recorder, &client, recording, ack, answer).await,
        Command::CaseOpen {
            client,
            authority,
            reference,
            basis,
            recordings,
            days,
        } => {
            let request = crate::cases::Request {
                authority,
                reference,
                basis,
                recordings,
                days,
                by: None,
            };
            cases::open(recorder, &client, request, answer).await
        }
        Command::CaseApprove { client, case, by } => {
            cases::approve(recorder, &client, case, &by, answer).await
        }
        Command::CaseClose { client, case } => cases::close(recorder, &client, case, answer).await,
        Command::CaseShow { client, case } => cases::show(recorder, &client, case, answer).await,
        Command::Export(opening) => cases::export(recorder, &opening, answer).await,
        Command::Open(opening) => cases::show_transcript(recorder, &opening, answer).await,
        Command::LogShow { client, from, json } => {
            keeping::log_show(recorder, &client, from, json, answer).await
        }
        Command::LogVerify { client } => keeping::log_verify(recorder, &client, answer).await,
        Command::LogCheckpoint { client } => {
            keeping::log_checkpoint(recorder, &client, answer).await
        }
        Command::LogAdopt { client, size } => {
            keeping::log_adopt(recorder, &client, size, answer).await
        }
        Command::LogTiles { client } => keeping::log_tiles(recorder, &client, answer).await,
        Command::IntakeRun {} => keeping::intake_run(recorder, intake, answer).await,
        Command::IntakeClose { recording } => {
            keeping::intake_close(recorder, intake, recording, answer).await
        }
        Command::IntakeRotate {} => keeping::intake_rotate(recorder, intake, answer).await,
        Command::Check {} => super::keeping::check::check(recorder, intake, answer).await,
    }
}
