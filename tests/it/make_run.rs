//! What `make run` runs: it starts, stops cleanly, finds its data again, and says in one line what
//! is in its way.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::door::Door;
use testkit::house::programs;
use testkit::ports;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

struct Started {
    child: Child,
    said: String,
    ports: [u16; 3],
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

/// Starts it and reads until it has said all.
async fn start(directory: &Path, ports: [u16; 3]) -> Result<Started> {
    let mut child = command(directory, ports)?.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let mut said = String::new();
    while let Some(line) = timeout(Duration::from_mins(2), lines.next_line()).await?? {
        said.push_str(&line);
        said.push('\n');
        if line.contains("Ctrl-C stops it") {
            break;
        }
    }
    Ok(Started { child, said, ports })
}

/// Interrupts it as Ctrl-C does, and sees that nothing of it is left.
async fn interrupt(mut started: Started) -> Result<()> {
    let pid = started.child.id().context("it runs")?;
    testkit::interrupt(pid)?;
    let status = timeout(Duration::from_mins(1), started.child.wait()).await??;
    ensure!(status.success(), "it did not end cleanly: {status}");
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
