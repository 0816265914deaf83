//! What `make run` prints: where to go, and who may sign in.

use std::io::{self, Write};
use std::path::Path;

use crate::config;
use crate::people::{Client, People};
use crate::plan::Plan;

/// Addresses and sign-ins.
pub fn of(plan: &Plan, people: &People, fresh: bool) -> io::Result<Vec<u8>> {
    let mut report = Vec::new();
    let out = &mut report;
    writeln!(out)?;
    writeln!(
        out,
        "  Vestibule is running.{}",
        if fresh {
            ""
        } else {
            " Its earlier data is there."
        }
    )?;
    writeln!(out)?;
    for client in &people.clients {
        let page = format!("{}{}", plan.shop_origin(), client.page);
        line(out, &format!("{}'s page", client.name), &page)?;
    }
    line(out, "Desk", &plan.desk_origin())?;
    line(out, "Console", &plan.console_origin())?;
    writeln!(out)?;
    writeln!(
        out,
        "  {:<9}{:<8}{:<9}{:<9}{:<21}passphrase",
        "client", "who", "sign-in", "where", "password"
    )?;
    for client in &people.clients {
        sign_ins(out, client)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  +-----------------------------------------------------------------------------+"
    )?;
    writeln!(
        out,
        "  |  THROW-AWAY KEYS. All keys and secrets of these clients lie in one folder   |"
    )?;
    writeln!(
        out,
        "  |  of this machine. Never have a real conversation with a real person here.   |"
    )?;
    writeln!(
        out,
        "  +-----------------------------------------------------------------------------+"
    )?;
    writeln!(out)?;
    command_line(out, plan, people)?;
    writeln!(out, "  Data and logs: {}", plan.directory.display())?;
    writeln!(
        out,
        "  Ctrl-C stops it; the next `make run` goes on where this one stopped."
    )?;
    writeln!(out)?;
    Ok(report)
}

/// How what is recorded is reached without the console.
fn command_line(out: &mut impl Write, plan: &Plan, people: &People) -> io::Result<()> {
    let Some(client) = people.clients.first() else {
        return Ok(());
    };
    let program = plan.program("recorder");
    let config = config::recorder_file(plan);
    let recorder = format!("{} --config {}", short(&program), short(&config));
    let slug = &client.slug;
    writeln!(out, "  On the command line, while this runs or not:")?;
    writeln!(out, "    {recorder} list {slug}")?;
    writeln!(out, "    {recorder} verify {slug} RECORDING")?;
    writeln!(out, "    {recorder} log verify {slug}")?;
    let officers: Vec<String> = client
        .officers
        .iter()
        .map(|officer| format!("--officer {}", officer.sign_in))
        .collect();
    let officers = officers.join(" ");
    writeln!(
        out,
        "  Two officers open a recording: in the console (choose it, open a case, both agree), or with their passphrases:"
    )?;
    writeln!(
        out,
        "    {recorder} case open {slug} --authority Court --reference 1 --basis Order --recording RECORDING"
    )?;
    writeln!(
        out,
        "    {recorder} export {slug} CASE {officers} --out bundle.tar"
    )?;
    writeln!(
        out,
        "  Whoever gets the bundle checks it, with no server and no secret:"
    )?;
    writeln!(out, "    {recorder} verify bundle.tar")?;
    writeln!(out)
}

/// A path as it is typed where this program was started.
fn short(path: &Path) -> String {
    let here = std::env::current_dir()
        .and_then(|here| here.canonicalize())
        .ok();
    let within = here.and_then(|here| path.strip_prefix(here).ok());
    within.unwrap_or(path).display().to_string()
}

fn line(out: &mut impl Write, what: &str, address: &str) -> io::Result<()> {
    writeln!(out, "  {what:<24}{address}")
}

fn sign_ins(out: &mut impl Write, client: &Client) -> io::Result<()> {
    let staff = client
        .agents
        .iter()
        .map(|agent| (agent, "desk"))
        .chain(client.officers.iter().map(|officer| (officer, "console")));
    for (person, door) in staff {
        writeln!(
            out,
            "  {:<9}{:<8}{:<9}{:<9}{:<21}{}",
            client.slug,
            person.name,
            person.sign_in,
            door,
            person.password,
            person.passphrase.as_deref().unwrap_or("-")
        )?;
    }
    Ok(())
}
