//! What two officers do with the marked session: found, asked for, agreed to, handed out. Whatever
//! they type goes into the marks; what is handed out goes to a folder that is not searched.

use anyhow::{Context as _, Result, ensure};
use http::{Method, StatusCode, header};
use testkit::house::House;

use super::marks::Mark;
use super::{AGENT_TEXT, FORWARDED, GUESS, NAME, OFFICER, VISITOR_TEXT, forged};
use crate::officer::{Officer, ask};
use crate::opened::unpacked;
use crate::session::client;

/// Hands the recording out twice: at the console, and on the command line.
pub(super) async fn hand_out(house: &House, recording: &str, marks: &mut Vec<Mark>) -> Result<()> {
    let bank = client(house, "alpine")?;
    let [vera, otto] = bank.officers.as_slice() else {
        anyhow::bail!("the bank has two officers")
    };
    let console = house.console().from(OFFICER);
    let address = FORWARDED.to_string();
    let pair = format!("for={FORWARDED};proto=http");
    let browser = forged(&address, &pair);

    // Whatever a browser may send, with the marks in every place.
    for form in [
        format!("client=alpine&name={}&password={GUESS}", vera.sign_in),
        format!("client={GUESS}&name={GUESS}&password={GUESS}"),
    ] {
        let refused = ask(&console, &Method::POST, "/sign-in", &browser, &form).await?;
        ensure!(
            refused.status == StatusCode::UNAUTHORIZED,
            "a guess signs in"
        );
    }
    let vera = Officer::sign_in(&console, bank, vera, &browser).await?;
    let otto = Officer::sign_in(&console, bank, otto, &browser).await?;
    for officer in [&vera, &otto] {
        let (_, token) = officer.cookie.rsplit_once('.').context("two halves")?;
        marks.push(Mark::secret("an officer's cookie", token));
    }
    let as_vera = [browser.as_slice(), &[("cookie", vera.cookie.as_str())]].concat();
    let as_otto = [browser.as_slice(), &[("cookie", otto.cookie.as_str())]].concat();
    for path in [
        format!("/{GUESS}"),
        format!("/?session={GUESS}"),
        format!("/recordings/{recording}?check=yes&x={GUESS}"),
    ] {
        ask(&console, &Method::GET, &path, &as_vera, "").await?;
    }

    let form = vera.form("/cases", recording)?;
    let opened = ask(&console, &Method::POST, "/cases", &as_vera, &form).await?;
    let case = opened.headers.get(header::LOCATION).context("no case")?;
    let case = case.to_str()?.to_owned();
    let (approve, bundle) = (format!("{case}/approve"), format!("{case}/bundle"));
    let guess = format!("passphrase={GUESS}");
    let refused = ask(&console, &Method::POST, &approve, &as_vera, &guess).await?;
    ensure!(refused.status == StatusCode::CONFLICT, "a guess agrees");
    for (officer, headers) in [(&vera, &as_vera), (&otto, &as_otto)] {
        let form = officer.form("/cases/{id}/approve", recording)?;
        let agreed = ask(&console, &Method::POST, &approve, headers, &form).await?;
        ensure!(agreed.status == StatusCode::SEE_OTHER, "{}", agreed.status);
    }

    let elsewhere = tempfile::tempdir()?;
    let form = otto.form("/cases/{id}/bundle", recording)?;
    let handed = ask(&console, &Method::POST, &bundle, &as_otto, &form).await?;
    ensure!(handed.status == StatusCode::OK, "{}", handed.status);
    let file = elsewhere.path().join("console.tar");
    std::fs::write(&file, &handed.body)?;
    holds_the_words(&file)?;
    let file = elsewhere.path().join("exported.tar");
    let case = case.rsplit('/').next().context("a case")?;
    let out = file.to_string_lossy();
    let export = ["export", "alpine", case, "--out", &out];
    house.recorder_says(&export, "").await?;
    holds_the_words(&file)?;
    let said = house.recorder_says(&["open", "alpine", case], "").await?;
    ensure!(said.contains(VISITOR_TEXT), "nothing was opened: {said}");
    Ok(())
}

/// The marked session is what was handed out.
fn holds_the_words(bundle: &std::path::Path) -> Result<()> {
    let files = unpacked(bundle)?;
    let (_, lines) = files
        .iter()
        .find(|(name, _)| name.ends_with("/data/transcript.jsonl"))
        .context("the bundle holds no transcript")?;
    let lines = String::from_utf8_lossy(lines);
    for words in [NAME, VISITOR_TEXT, AGENT_TEXT] {
        ensure!(lines.contains(words), "the bundle is another one's");
    }
    Ok(())
}
