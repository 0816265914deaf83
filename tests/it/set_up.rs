//! `docs/set-up.md`, followed line by line: what stands there leads from nothing to a widget.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loadtest::door::Door;
use testkit::house::programs;
use testkit::ports;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Whoever reads the page types a passphrase and a password where they are asked for.
const TYPED: &str = "recorder() { printf '%s\\n' 'a passphrase of ours' 'a password of ours' | command recorder \"$@\"; }\n";

/// The commands of the page, in order, as far as the last, which starts both programs.
fn printed() -> Result<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/set-up.md");
    let page = fs::read_to_string(page)?;
    let commands: String = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .collect();
    let (before, last) = commands
        .split_once("recorder serve & relay serve &\n")
        .context("it does not start both")?;
    ensure!(last.is_empty(), "something is behind the start: {last}");
    Ok(before.to_owned())
}

fn serve(program: &str, folder: &Path) -> Result<Child> {
    Ok(Command::new(programs()?.join(program))
        .arg("serve")
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join(format!("{program}.log")))?)
        .kill_on_drop(true)
        .spawn()?)
}

/// Waits until something answers there.
async fn answers(port: u16, program: &mut Child) -> Result<()> {
    loop {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return Ok(());
        }
        if let Ok(ended) = timeout(Duration::from_millis(50), program.wait()).await {
            anyhow::bail!("it ended: {}", ended?);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leads_from_nothing_to_a_widget() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [relay, recorder] = ports::free_many()?;
    // Both samples' ports are those of `make run`.
    let script = format!("set -eu\n{TYPED}{}", printed()?)
        .replace(
            "relay sample-config >",
            &format!("relay sample-config | sed 's/:8080/:{relay}/' >"),
        )
        .replace(
            "recorder sample-config >",
            &format!(
                "recorder sample-config | sed -E 's/^# (listen|origin) /\\1 /; s/:8081/:{recorder}/' >"
            ),
        );
    let mut path = programs()?.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let done = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8(done.stdout)?;
    let wrong = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{said}{wrong}");
    ensure!(
        said.contains("client alpine: sealing key and intake key in order"),
        "{said}"
    );

    let mut keeping = serve("recorder", folder.path())?;
    let mut talking = serve("relay", folder.path())?;
    answers(recorder, &mut keeping).await?;
    answers(relay, &mut talking).await?;
    let tag = said
        .lines()
        .find(|line| line.starts_with("<script "))
        .context("no line for the pages")?;
    let (_, site) = tag.split_once("data-site=\"").context("no site")?;
    let (site, _) = site.split_once('"').context("no site")?;
    ensure!(
        tag.contains("/launch.js\"") && tag.contains("data-name=\"Alpine Bank\""),
        "{tag}"
    );
    let widget = Door::new("widget.localhost", relay);
    let get = async |path: &str| {
        widget
            .send(http::Method::GET, path, &[], bytes::Bytes::new())
            .await
    };
    ensure!(get("/launch.js").await?.status.is_success(), "no launcher");
    let frame = get(&format!("/frame/{site}")).await?;
    let policy = frame.headers.get("content-security-policy");
    let policy = policy.context("no policy")?.to_str()?;
    ensure!(
        policy.contains("frame-ancestors https://shop.example"),
        "{policy}"
    );
    let notice = get(&format!("/api/v1/sites/{site}/notice")).await?;
    ensure!(notice.status.is_success(), "no notice: {}", notice.status);
    Ok(())
}
