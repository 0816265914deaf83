//! The first start: everything that an operator and two clients would do by hand, through the two
//! programs' own command lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::config;
use crate::people::{Client, People};
use crate::plan::Plan;

const NOTICES: &[(&str, &str, &str)] = &[
    ("alpine", "en", include_str!("../notices/alpine.en.json")),
    ("alpine", "de", include_str!("../notices/alpine.de.json")),
    ("harbour", "en", include_str!("../notices/harbour.en.json")),
    ("harbour", "de", include_str!("../notices/harbour.de.json")),
];

/// Who is there, and whether this call made them. The file with their secrets is written last:
/// where it is missing, an earlier first start was cut short and what it left is removed.
pub async fn people(plan: &Plan) -> Result<(People, bool)> {
    let file = plan.path("people.json");
    if let Some(people) = People::load(&file)? {
        config::write_recorder(plan)?;
        let key = recorder(plan).run(&["key", "show"], "").await?;
        config::write_relay(plan, &key)?;
        for client in &people.clients {
            renew(plan, client).await?;
        }
        return Ok((people, false));
    }
    for folder in [plan.data(), plan.path("keys")] {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
    }
    let mut people = People::fresh()?;
    make(plan, &mut people).await?;
    people.save(&file)?;
    Ok((people, true))
}

async fn make(plan: &Plan, people: &mut People) -> Result<()> {
    fs::create_dir_all(plan.data())?;
    fs::create_dir_all(plan.path("keys"))?;
    config::write_recorder(plan)?;
    let recorder = recorder(plan);
    recorder.run(&["init"], "").await?;
    let recorder_key = recorder.run(&["key", "show"], "").await?;
    config::write_relay(plan, &recorder_key)?;
    let node_key = relay(plan).run(&["node-key"], "").await?;
    recorder.run(&["node", "certify", &node_key], "").await?;
    for client in &mut people.clients {
        make_client(plan, &recorder, client).await?;
    }
    Ok(())
}

async fn make_client(plan: &Plan, recorder: &Cli, client: &mut Client) -> Result<()> {
    // The root key stays with the client: the recorder sees its public half alone.
    let root = plan.path(format!("keys/{}.root", client.slug));
    let root = root.to_string_lossy();
    let slug = client.slug.as_str();
    let root_public = recorder.run(&["root", "new", &root], "").await?;
    recorder
        .run(
            &[
                "client",
                "add",
                slug,
                "--name",
                &client.name,
                "--root",
                &root_public,
            ],
            "",
        )
        .await?;
    for officer in &client.officers {
        recorder
            .run(
                &[
                    "officer",
                    "add",
                    slug,
                    &officer.sign_in,
                    "--name",
                    &officer.name,
                ],
                // The passphrase of their key first, then the password for the console.
                &format!(
                    "{}\n{}",
                    officer.passphrase.as_deref().unwrap_or_default(),
                    officer.password
                ),
            )
            .await?;
    }
    recorder
        .run(
            &["key", "rotate", slug, "--root", &root, "--threshold", "2"],
            "",
        )
        .await?;
    for agent in &client.agents {
        recorder
            .run(
                &["agent", "add", slug, &agent.sign_in, "--name", &agent.name],
                &agent.password,
            )
            .await?;
    }
    let site = recorder
        .run(
            &[
                "site",
                "add",
                slug,
                "--name",
                &client.name,
                "--accent",
                &client.accent,
                "--origin",
                &plan.shop_origin(),
            ],
            "",
        )
        .await?;
    publish(plan, recorder, slug, &site).await?;
    offer(recorder, slug, &site).await?;
    client.site = Some(site.parse().context("the recorder printed no site id")?);
    Ok(())
}

/// Makes a site of an earlier start match this one's addresses.
async fn renew(plan: &Plan, client: &Client) -> Result<()> {
    let recorder = recorder(plan);
    let site = client.site.context("people.json names no site")?;
    let site = site.to_string();
    let origin = plan.shop_origin();
    let origins = ["site", "origins", &client.slug, &site, "--origin", &origin];
    recorder.run(&origins, "").await?;
    publish(plan, &recorder, &client.slug, &site).await?;
    offer(&recorder, &client.slug, &site).await
}

/// Calls are offered besides chat, as the notices say.
async fn offer(recorder: &Cli, slug: &str, site: &str) -> Result<()> {
    let mut offer = vec!["site", "offer", slug, site];
    offer.extend(["--modality", "audio", "--modality", "video"]);
    if slug != "harbour" {
        offer.extend(["--modality", "screen"]);
    }
    recorder.run(&offer, "").await.map(drop)
}

/// Publishes a client's notices; those that were published with these words stay.
async fn publish(plan: &Plan, recorder: &Cli, slug: &str, site: &str) -> Result<()> {
    for (_, language, text) in NOTICES.iter().filter(|(of, _, _)| *of == slug) {
        let file = plan.path(format!("keys/{slug}.{language}.json"));
        let text = text.replace("%SHOP%", &plan.shop_origin());
        if fs::read_to_string(&file).is_ok_and(|published| published == text) {
            continue;
        }
        let next = file.with_extension("next");
        fs::write(&next, text)?;
        recorder
            .run(
                &["notice", "publish", slug, site, &next.to_string_lossy()],
                "",
            )
            .await?;
        fs::rename(&next, &file)?;
    }
    Ok(())
}

/// One program's command line.
struct Cli {
    program: PathBuf,
    config: PathBuf,
}

fn recorder(plan: &Plan) -> Cli {
    Cli {
        program: plan.program("recorder"),
        config: config::recorder_file(plan),
    }
}

fn relay(plan: &Plan) -> Cli {
    Cli {
        program: plan.program("relay"),
        config: config::relay_file(plan),
    }
}

impl Cli {
    /// Runs one verb with `input` on its standard input; hands back the last line that it prints.
    async fn run(&self, arguments: &[&str], input: &str) -> Result<String> {
        let name = name(&self.program);
        if !self.program.is_file() {
            bail!(
                "{} is not there: build it with `cargo build -p {name}`",
                self.program.display()
            );
        }
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A verb that reads nothing may be gone before it is written to.
            let _ = stdin.write_all(format!("{input}\n").as_bytes()).await;
        }
        let done = child.wait_with_output().await?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            bail!("{name} {}: {}", arguments.join(" "), said.trim());
        }
        let said = String::from_utf8_lossy(&done.stdout);
        Ok(said.lines().last().unwrap_or_default().trim().to_owned())
    }
}

fn name(program: &Path) -> String {
    program
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
