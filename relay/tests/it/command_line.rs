//! The command line: it teaches, and where something is missing it says which and what to do, in
//! one line, and exits with a failure.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use proto::PublicKey;
use relay::config::Config;

use crate::world::World;

struct Ran {
    out: String,
    err: String,
    succeeded: bool,
}

fn run(arguments: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = ["relay"].iter().chain(arguments).map(OsString::from);
    let code = relay::cli::run(all, &mut out, &mut err);
    Ran {
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
        succeeded: code == ExitCode::SUCCESS,
    }
}

/// Runs the verb on a configuration; it must fail with one line that holds each of `words`.
#[track_caller]
fn fails(verb: &str, config: &Path, words: &[&str]) {
    let ran = run(&["--config", config.to_str().unwrap(), verb]);
    assert!(!ran.succeeded, "{}", ran.out);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let said: Vec<&str> = ran.err.trim().split([':', '.']).map(str::trim).collect();
    for part in said.iter().filter(|part| part.contains(' ')) {
        let times = said.iter().filter(|other| other == &part).count();
        assert_eq!(times, 1, "{part:?} is said twice: {}", ran.err);
    }
    for word in words {
        assert!(ran.err.contains(word), "{word:?} is missing: {}", ran.err);
    }
}

#[test]
fn the_help_teaches_the_way_from_nothing_to_a_running_node() {
    let help = run(&["--help"]);
    assert!(help.succeeded);
    for word in [
        "serve",
        "node-key",
        "check",
        "relay sample-config",
        "recorder node certify",
    ] {
        assert!(help.out.contains(word), "{word}: {}", help.out);
    }
    let wrong = run(&["sevre"]);
    assert!(!wrong.succeeded);
    assert!(wrong.err.contains("serve"), "{}", wrong.err);
}

#[test]
fn the_sample_is_a_configuration_and_holds_every_key() {
    let printed = run(&["sample-config"]);
    assert!(printed.succeeded, "{}", printed.err);
    let sample = printed.out.as_str();
    let config = Config::parse(sample, "relay.sample.toml", Path::new("/etc/relay")).unwrap();
    assert_eq!(config.node.key, Path::new("/etc/relay/data/relay/node.key"));
    assert_eq!(config.store.url.expose(), "sqlite:/etc/relay/data");
    // With every commented key switched on it is one too: none is misspelt.
    let all: String = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || is_key(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = Config::parse(&all, "relay.sample.toml", Path::new("/")).unwrap();
    assert!(config.listen.tls.is_some() && config.listen.forwarded.is_some());
    assert!(config.listen.metrics.is_some());
}

fn is_key(line: &str) -> bool {
    let name = line.split(" = ").next().unwrap_or_default();
    line.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_said_in_one_line() {
    let world = World::new().await;
    let folder = world.folder.path().to_owned();
    let text = world.config_text();
    tokio::task::spawn_blocking(move || {
        let file = folder.join("relay.toml");
        fails(
            "check",
            &file,
            &["relay.toml", "cannot be read", "relay sample-config"],
        );
        for (from, to, words) in [
            ("lock_memory", "lock_mem", &["lock_mem", "line 4"][..]),
            (
                "recorder_key = \"",
                "recorder_key = \"x",
                &["recorder_key", "recorder key show"],
            ),
            ("http://desk", "desk", &["desk", "origin", "without a path"]),
            ("127.0.0.1:0", "localhost", &["line 6"]),
            ("[store]", "[store", &["line 9"]),
            (
                "desk.localhost:8080",
                "widget.localhost:8080",
                &["different hosts"],
            ),
            ("segment_mib = 1", "segment_mib = 0", &["segment_mib"]),
            (
                "sqlite:data",
                "mysql:data",
                &["[store] url", "sqlite:DIRECTORY"],
            ),
        ] {
            fs::write(&file, text.replacen(from, to, 1)).unwrap();
            fails("check", &file, words);
            fails("serve", &file, words);
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_needs_its_key_its_certificate_its_port_and_its_spool() {
    let world = World::new().await;
    let file = world.folder.path().join("relay.toml");
    let key = world.node_key();
    fs::write(&file, world.config_text()).unwrap();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let text = world.config_text();
    tokio::task::spawn_blocking(move || {
        let config = file.to_str().unwrap();
        let checked = run(&["check", "--config", config]);
        assert!(checked.succeeded, "{}", checked.err);
        assert!(checked.out.contains("client alpine"), "{}", checked.out);
        let first = run(&["node-key", "--config", config]);
        first.out.trim().parse::<PublicKey>().unwrap();
        assert_eq!(run(&["node-key", "--config", config]).out, first.out);

        fs::write(
            &file,
            text.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1),
        )
        .unwrap();
        fails("check", &file, &["[listen] address", "another process"]);
        fs::write(
            &file,
            text.replacen("\"data/spool\"", "\"/proc/vestibule\"", 1),
        )
        .unwrap();
        fails(
            "check",
            &file,
            &["[spool] directory", "/proc/vestibule", "cannot be made"],
        );
        fs::write(&file, &text).unwrap();

        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        fails("check", &file, &["may be read by others", "chmod 400"]);
        fs::remove_file(&key).unwrap();
        fails("serve", &file, &["[node] key", "relay node-key"]);
        // A new key is another node, which nobody has certified.
        let new = run(&["node-key", "--config", config]);
        assert_ne!(new.out, first.out);
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o400
        );
        fails("check", &file, &["recorder node certify", new.out.trim()]);
        fs::remove_file(&key).unwrap();
        fs::write(&key, "short").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        fails("check", &file, &["not a key of 32 bytes"]);
    })
    .await
    .unwrap();
}
