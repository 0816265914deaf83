//! What `make run` runs: it starts, stops cleanly, finds its data again, and says in one line what
//! is in its way.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use demo::report;
use loadtest::door::Door;
use testkit::house::{House, programs};
use testkit::ports;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::opened::listed;
use crate::session::client;
use crate::spoken::talk;

struct Started {
    child: Child,
    said: String,
    ports: [u16; 3],
    /// Its output stays open for as long as it runs, as a terminal does.
    _lines: Lines<BufReader<ChildStdout>>,
}

fn command(directory: &Path, ports: [u16; 3]) -> Result<Command> {
    let mut command = Command::new(programs()?.join("demo"));
    let [relay, recorder, shop] = ports.map(|port| port.to_string());
    command
        .arg("--directory")
        .arg(directory)
        .args([
            "--relay-port",
            &relay,
            "--recorder-port",
            &recorder,
            "--shop-port",
            &shop,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

/// Starts it and reads until it has said all; says what it said if it never comes so far.
async fn start(directory: &Path, ports: [u16; 3]) -> Result<Started> {
    let mut child = command(directory, ports)?.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let mut said = String::new();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            said.push_str(&line);
            said.push('\n');
            if line.contains("Ctrl-C stops it") {
                return anyhow::Ok(true);
            }
        }
        Ok(false)
    };
    if !matches!(timeout(Duration::from_mins(2), ready).await, Ok(Ok(true))) {
        let _ = child.start_kill();
        bail!(
            "it never got ready: {}\n{said}",
            complaint(&mut child).await?
        );
    }
    Ok(Started {
        child,
        said,
        ports,
        _lines: lines,
    })
}

/// How it ended, and what it complained of.
async fn complaint(child: &mut Child) -> Result<String> {
    let mut said = String::new();
    let mut wrong = child.stderr.take().context("its errors")?;
    let all = wrong.read_to_string(&mut said);
    timeout(Duration::from_mins(1), all).await??;
    Ok(format!("{}: {said}", child.wait().await?))
}

/// Interrupts it as Ctrl-C does, and sees that nothing of it is left.
async fn interrupt(mut started: Started) -> Result<()> {
    let pid = started.child.id().context("it runs")?;
    testkit::interrupt(pid)?;
    let status = timeout(Duration::from_mins(1), started.child.wait()).await??;
    if !status.success() {
        let wrong = complaint(&mut started.child).await?;
        bail!("it did not end cleanly: {wrong}");
    }
    for port in started.ports {
        let left = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        ensure!(left.is_err(), "something still answers on port {port}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_cleanly_and_finds_its_data_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ports = ports::free_many()?;
    let first = start(folder.path(), ports).await?;
    for due in [
        "Alpine Bank's page",
        "Harbour Clinic's page",
        "Desk",
        "Console",
        "THROW-AWAY",
        "mia",
        "recorder.toml list alpine",
        "recorder.toml verify alpine",
        "recorder.toml log verify alpine",
        "recorder.toml case open alpine",
        "recorder.toml export alpine CASE",
    ] {
        ensure!(
            first.said.contains(due),
            "{due} is not said:\n{}",
            first.said
        );
    }
    let [relay, _, shop] = ports;
    for (host, port, path) in [
        ("shop.localhost", shop, "/"),
        ("shop.localhost", shop, "/clinic"),
        ("widget.localhost", relay, "/launch.js"),
        ("desk.localhost", relay, "/"),
    ] {
        let page = Door::new(host, port)
            .send(http::Method::GET, path, &[], bytes::Bytes::new())
            .await?;
        ensure!(page.status.is_success(), "{host}{path}: {}", page.status);
    }
    let secrets = sign_ins(&first.said);
    ensure!(secrets.len() == 7, "{secrets:?}");
    as_the_banner_says(&first.said).await?;
    interrupt(first).await?;

    let second = start(folder.path(), ports).await?;
    ensure!(second.said.contains("earlier data"), "{}", second.said);
    ensure!(sign_ins(&second.said) == secrets, "the sign-ins changed");
    interrupt(second).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_its_way_is_said_in_one_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ports = ports::free_many()?;
    let [_, recorder, _] = ports;
    let taken = std::net::TcpListener::bind(("127.0.0.1", recorder))?;
    let said = refused(command(folder.path(), ports)?).await?;
    ensure!(
        said.contains(&recorder.to_string()) && said.contains("taken"),
        "{said}"
    );
    let (_, other) = said
        .split_once("make run ARGS='--recorder-port ")
        .with_context(|| format!("it does not say how another is chosen: {said}"))?;
    let other: u16 = other.trim_end().trim_end_matches('\'').parse()?;
    ensure!(!ports.contains(&other), "{said}");
    drop(taken);

    let mut missing = command(folder.path(), ports)?;
    missing.arg("--programs").arg(folder.path());
    let said = refused(missing).await?;
    ensure!(said.contains("recorder is not there"), "{said}");

    std::fs::write(folder.path().join("people.json"), "{")?;
    let said = refused(command(folder.path(), ports)?).await?;
    ensure!(said.contains("people.json is damaged"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_in_the_same_folder_says_so_and_changes_nothing_there() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = start(folder.path(), ports::free_many()?).await?;
    let files = ["relay.toml", "recorder.toml"].map(|name| folder.path().join(name));
    let before = files.each_ref().map(std::fs::read).map(Result::ok);
    ensure!(before.iter().all(Option::is_some), "no configuration");
    // With ports of its own, and with those of the first: that they are taken is not the point.
    for ports in [ports::free_many()?, first.ports] {
        let said = refused(command(folder.path(), ports)?).await?;
        let shown = folder.path().canonicalize()?.display().to_string();
        ensure!(
            said.contains("already running in this folder") && said.contains(&shown),
            "{said}"
        );
        ensure!(
            files.each_ref().map(std::fs::read).map(Result::ok) == before,
            "the running one's configuration was written anew"
        );
    }
    interrupt(first).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_outlived_its_house_keeps_the_next_from_writing_under_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut first = start(folder.path(), ports::free_many()?).await?;
    first.child.kill().await?;
    let said = refused(command(folder.path(), ports::free_many()?)?).await;
    for name in ["relay", "recorder"] {
        testkit::interrupt(started_in(folder.path(), name)?)?;
    }
    // It is free again once both have ended.
    let lock = std::fs::File::open(folder.path().join("lock"))?;
    timeout(
        Duration::from_mins(1),
        tokio::task::spawn_blocking(move || lock.lock()),
    )
    .await???;
    let said = said?;
    ensure!(said.contains("already running in this folder"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_ports_on_the_same_data_have_a_widget_on_the_page() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = start(folder.path(), ports::free_many()?).await?;
    interrupt(first).await?;
    let second = start(folder.path(), ports::free_many()?).await?;
    let [relay, _, shop] = second.ports;
    let get = async |host: &str, port: u16, path: &str| {
        Door::new(host, port)
            .send(http::Method::GET, path, &[], bytes::Bytes::new())
            .await
    };
    let page = get("shop.localhost", shop, "/").await?;
    let page = String::from_utf8(page.body.to_vec())?;
    let (_, site) = page.split_once("data-site=\"").context("no site")?;
    let (site, _) = site.split_once('"').context("no site")?;

    let frame = get("widget.localhost", relay, &format!("/frame/{site}")).await?;
    let policy = frame.headers.get("content-security-policy");
    let policy = policy.context("no policy")?.to_str()?;
    let origin = format!("http://shop.localhost:{shop}");
    ensure!(
        policy.contains(&format!("frame-ancestors {origin}")),
        "{policy}"
    );
    let elsewhere = get("localhost", shop, "/clinic").await?;
    let to = elsewhere.headers.get("location").context("no address")?;
    ensure!(to.to_str()? == format!("{origin}/clinic"), "{to:?}");
    interrupt(second).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_officers_open_a_recording_as_the_banner_says() -> Result<()> {
    let mut house = House::start().await?;
    let bank = client(&house, "alpine")?.clone();
    talk(&house, &bank, &["Typed to be exported"]).await?;
    let recording = listed(&house, &bank).await?.recording.to_string();
    let said = String::from_utf8(report::of(house.plan(), house.people(), true)?)?;
    let folder = tempfile::tempdir()?;
    let names = [("RECORDING", recording.as_str())];
    let case = printed(&said, " case open alpine ", &names, folder.path(), "").await?;
    let officers = bank.officers.iter();
    let passphrases: Vec<&str> = officers.filter_map(|o| o.passphrase.as_deref()).collect();
    let names = [("CASE", case.lines().last().context("the case")?)];
    let typed = passphrases.join("\n");
    printed(&said, " export alpine ", &names, folder.path(), &typed).await?;
    let verdict = printed(&said, " verify bundle.tar", &[], folder.path(), "").await?;
    ensure!(verdict.contains("The bundle is whole."), "{verdict}");
    house.stop().await
}

/// Runs the command lines that were printed and need nothing recorded.
async fn as_the_banner_says(said: &str) -> Result<()> {
    for due in [" list alpine", " log verify alpine"] {
        printed(said, due, &[], Path::new("."), "").await?;
    }
    Ok(())
}

/// Runs the printed command line with `due` in it, as somebody would who puts these names in, and
/// types this; what it answers.
async fn printed(
    said: &str,
    due: &str,
    names: &[(&str, &str)],
    folder: &Path,
    typed: &str,
) -> Result<String> {
    let line = said.lines().find(|line| line.contains(due));
    let mut line = line.with_context(|| due.to_owned())?.to_owned();
    for (name, meant) in names {
        line = line.replace(name, meant);
    }
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().context("a program")?);
    command.args(words).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("its input")?;
    input.write_all(typed.as_bytes()).await?;
    drop(input);
    let done = child.wait_with_output().await?;
    let wrong = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{line}: {wrong}");
    Ok(String::from_utf8(done.stdout)?)
}

/// The process that serves with the configuration `name`.toml of this folder.
fn started_in(folder: &Path, name: &str) -> Result<u32> {
    let file = folder.canonicalize()?.join(format!("{name}.toml"));
    let file = file.to_string_lossy().into_owned();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        let Ok(pid) = process.file_name().to_string_lossy().parse() else {
            continue;
        };
        let said = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&said).contains(&file) {
            return Ok(pid);
        }
    }
    bail!("no process serves with {file}")
}

async fn refused(mut command: Command) -> Result<String> {
    let done = timeout(Duration::from_mins(1), command.output()).await??;
    ensure!(!done.status.success(), "it started all the same");
    let said = String::from_utf8(done.stderr)?;
    ensure!(
        said.trim_end().lines().count() == 1,
        "more than one line: {said}"
    );
    Ok(said)
}

/// The rows of the table of sign-ins.
fn sign_ins(said: &str) -> Vec<String> {
    said.lines()
        .filter(|line| {
            line.trim_start().starts_with("alpine ") || line.trim_start().starts_with("harbour ")
        })
        .map(str::to_owned)
        .collect()
}
