//! The program as an operator meets it: two officers, passphrases on standard input, a bundle, a
//! check; with a running recorder and without one.

mod folders;
mod notices;
mod sources;
mod words;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::house::House;

struct Program<'a> {
    folder: &'a Path,
}

impl Program<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        command
            .arg("--config")
            .arg(self.folder.join("recorder.toml"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], secrets: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever reads nothing may be gone already.
        let _ = stdin.write_all(secrets.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    fn good(&self, arguments: &[&str], secrets: &str) -> String {
        let done = self.run(arguments, secrets);
        let (out, err) = said(&done);
        assert!(done.status.success(), "{arguments:?}: {out}{err}");
        out
    }

    /// One line on standard error, and not a success.
    fn refused(&self, arguments: &[&str], secrets: &str) -> String {
        let done = self.run(arguments, secrets);
        let (out, err) = said(&done);
        assert!(!done.status.success(), "{arguments:?}: {out}");
        let told = |line: &&str| !line.starts_with("recorder: warning: ");
        let told: Vec<&str> = err.lines().filter(told).collect();
        assert_eq!(told.len(), 1, "{err}");
        told.concat() + "\n"
    }
}

fn said(done: &Output) -> (String, String) {
    (
        String::from_utf8(done.stdout.clone()).unwrap(),
        String::from_utf8(done.stderr.clone()).unwrap(),
    )
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn memory_that_cannot_be_locked_is_said_to_be_so() {
    // A user without the right to lock; root gives up the capability for it.
    let script = "ulimit -l 0
        if [ \"$(id -u)\" = 0 ]; then
            exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \"$0\" sample-config
        fi
        exec \"$0\" sample-config";
    let program = env!("CARGO_BIN_EXE_recorder");
    let mut command = Command::new("sh");
    let done = command.args(["-c", script, program]).output().unwrap();
    let (out, err) = said(&done);
    assert!(done.status.success() && out.contains("[console]"), "{err}");
    assert!(
        err.starts_with("recorder: warning: memory could not be locked"),
        "{err}"
    );
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap()
}

/// A house whose data a program works on; its clock is the system's.
async fn house() -> (House, proto::RecordingId) {
    let mut house = House::new().await;
    let talk = house
        .talk(&["is this sealed", "\u{1b}[2Jit is\u{202e}"])
        .await;
    house.spool.take().unwrap().close().await;
    house.recorder.store.close().await;
    std::fs::write(
        house.folder.path().join("recorder.toml"),
        "data = \"data\"\n[console]\nlisten = \"127.0.0.1:0\"\n[intake]\nevery_ms = 50\n",
    )
    .unwrap();
    (house, talk.recording)
}

const OFFICERS: &str = "the passphrase of ines\nthe passphrase of omar\n";

#[tokio::test]
async fn an_operator_finds_opens_and_checks_without_a_running_recorder() {
    let (house, recording) = house().await;
    let folder = house.folder.path();
    let program = Program { folder };
    let id = recording.to_string();
    assert!(program.good(&["intake", "run"], "").contains(&id));
    assert!(program.good(&["list", "alpine"], "").contains(&id));
    let json = program.good(&["list", "alpine", "--json", "--agent", "mia"], "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["recording"], id);
    let verified = program.good(&["verify", "alpine", &id], "");
    assert!(verified.contains("track 1: 4 of 4 parts"), "{verified}");

    let open = [
        "case",
        "open",
        "alpine",
        "--authority",
        "Court",
        "--reference",
        "1/26",
        "--basis",
        "§ 1",
        "--recording",
        &id,
    ];
    let opened = program.good(&open, "");
    let case = last(&opened);
    let bundle = folder.join("bundle.tar");
    let bundle = bundle.to_str().unwrap();
    let export = |officers: &[&str]| {
        let mut arguments = vec!["export", "alpine", case, "--out", bundle];
        for officer in officers {
            arguments.extend(["--officer", *officer]);
        }
        arguments
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let alone = export(&["ines"]);
    let alone: Vec<&str> = alone.iter().map(String::as_str).collect();
    let told = program.refused(&alone, OFFICERS);
    assert!(
        told.starts_with("recorder: 2 officers must unlock their shares together (1 so far):"),
        "{told}"
    );
    assert!(!Path::new(bundle).exists());
    let both = export(&["ines", "omar"]);
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    assert_eq!(
        program.refused(&both, "the passphrase of ines\nwrong\n"),
        "recorder: the passphrase of omar's key is wrong\n"
    );
    program.good(&both, OFFICERS);
    assert!(
        program
            .refused(&both, OFFICERS)
            .contains("will not overwrite")
    );

    let checked = program.good(&["verify", bundle], "");
    assert_eq!(last(&checked), "The bundle is whole.");
    let mut bytes = std::fs::read(bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(bundle, bytes).unwrap();
    let altered = program.run(&["verify", bundle], "");
    assert!(!altered.status.success());
    assert!(said(&altered).0.contains("NOT as it was handed out"));

    let shown = program.good(
        &[
            "open",
            "alpine",
            case,
            "--officer",
            "ines",
            "--officer",
            "omar",
        ],
        OFFICERS,
    );
    assert!(shown.contains(r"\u{1b}[2Jit is\u{202e}"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    let log = program.good(&["log", "show", "alpine"], "");
    assert!(
        log.contains("opening_failed") || log.contains("opened"),
        "{log}"
    );
    program.good(&["log", "verify", "alpine"], "");
    program.good(&["check"], "");
}

#[tokio::test]
async fn the_same_commands_go_through_a_running_recorder_which_alone_holds_the_data() {
    let (house, recording) = house().await;
    let folder = house.folder.path();
    let program = Program { folder };
    let child = program.command(&["serve"]).spawn().unwrap();
    let mut running = Running(child);
    let socket = house.data().join("recorder/recorder.sock");
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = recording.to_string();
    // Its own loop takes the recording in.
    let mut listed = String::new();
    for _ in 0..200 {
        listed = program.good(&["list", "alpine"], "");
        if listed.contains("clean") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(listed.contains(&id), "{listed}");
    let open = [
        "case",
        "open",
        "alpine",
        "--authority",
        "Court",
        "--reference",
        "1/26",
        "--basis",
        "§ 1",
        "--recording",
        &id,
    ];
    let opened = program.good(&open, "");
    let case = last(&opened).to_owned();
    // Officers approve one after the other: the running recorder remembers.
    let one = program.good(&["case", "approve", "alpine", &case, "ines"], OFFICERS);
    assert!(one.contains("1 of 2"), "{one}");
    let secrets = folder.join("secret");
    std::fs::write(&secrets, "the passphrase of omar\n").unwrap();
    let two = program.good(
        &[
            "case",
            "approve",
            "alpine",
            &case,
            "omar",
            "--secrets",
            secrets.to_str().unwrap(),
        ],
        "",
    );
    assert!(two.contains("2 of 2"), "{two}");
    let bundle = folder.join("bundle.tar");
    program.good(
        &["export", "alpine", &case, "--out", bundle.to_str().unwrap()],
        "",
    );
    program.good(&["verify", bundle.to_str().unwrap()], "");
    program.good(&["case", "close", "alpine", &case], "");
    let over = program.refused(&["case", "approve", "alpine", &case, "ines"], OFFICERS);
    assert_eq!(over, "recorder: the case is closed: open a new one\n");

    let second = program.refused(&["serve"], "");
    assert!(second.contains("the data is in use"), "{second}");
    // It stops when it is told to.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(running.0.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(running.0.wait().unwrap().success());
    let mut lines = String::new();
    running
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut lines)
        .unwrap();
    assert!(lines.contains("recorder stopped"), "{lines}");
    // A thing that was said, or a name, is in no log line.
    assert!(
        !lines.contains("sealed") && !lines.contains("Heron"),
        "{lines}"
    );
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program {
        folder: folder.path(),
    };
    let config = folder.path().join("recorder.toml");
    let missing = program.refused(&["check"], "");
    assert!(
        missing.contains("recorder.toml") && missing.contains("--config"),
        "{missing}"
    );
    std::fs::write(&config, "data = \"data\"\n[consol]\n").unwrap();
    let unknown = program.refused(&["check"], "");
    assert!(
        unknown.contains("line 2") && unknown.contains("consol"),
        "{unknown}"
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap();
    std::fs::write(
        &config,
        format!("data = \"data\"\n[console]\nlisten = \"{port}\"\n"),
    )
    .unwrap();
    let first = program.refused(&["serve"], "");
    assert!(first.contains("recorder init"), "{first}");
    program.good(&["init"], "");
    let again = program.refused(&["init"], "");
    assert!(again.contains("nothing was changed"), "{again}");
    let taken = program.refused(&["serve"], "");
    assert!(
        taken.contains(&port.to_string()) && taken.contains("[console]"),
        "{taken}"
    );
    let nobody = program.refused(&["list", "nobody"], "");
    assert_eq!(nobody, "recorder: there is no such client here\n");

    let master = folder.path().join("data/recorder/master.key");
    std::fs::remove_file(&master).unwrap();
    let gone = program.refused(&["check"], "");
    assert!(
        gone.contains("master.key") && gone.contains("recorder init"),
        "{gone}"
    );
}

#[tokio::test]
async fn a_key_is_signed_where_the_root_is_and_a_third_officer_is_added_by_two() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program {
        folder: folder.path(),
    };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("recorder.toml"), "data = \"data\"\n").unwrap();
    program.good(&["init"], "");
    let (root, other) = (path("a.root"), path("b.root"));
    let public = last(&program.good(&["root", "new", &root], "")).to_owned();
    assert_eq!(last(&program.good(&["root", "show", &root], "")), public);
    program.good(&["root", "new", &other], "");
    program.good(
        &[
            "client", "add", "alpine", "--name", "Alpine", "--root", &public,
        ],
        "",
    );
    let early = program.refused(&["key", "rotate", "alpine", "--root", &root], "");
    assert!(early.contains("officer add"), "{early}");
    let add = |name: &'static str, secrets: &str| {
        program.good(&["officer", "add", "alpine", name, "--name", name], secrets)
    };
    add("ines", "the passphrase of ines\nthe password of ines\n");
    add("omar", "the passphrase of omar\n");

    let prepared = path("prepared.json");
    program.good(&["key", "prepare", "alpine", "--out", &prepared], "");
    std::fs::copy(&prepared, path("forged.json")).unwrap();
    program.good(&["key", "sign", &path("forged.json"), "--root", &other], "");
    let forged = program.refused(&["key", "install", "alpine", &path("forged.json")], "");
    assert!(forged.contains("pinned root"), "{forged}");
    program.good(&["key", "sign", &prepared, "--root", &root], "");
    program.good(&["key", "install", "alpine", &prepared], "");
    let keys = program.good(&["key", "list", "alpine"], "");
    assert!(keys.contains("2 of 2 officers"), "{keys}");

    let third = [
        "officer", "add", "alpine", "uma", "--name", "Uma", "--by", "ines", "--by", "omar",
    ];
    let own = "the passphrase of uma\nthe password of uma\n";
    let wrong = program.refused(
        &third,
        &format!("{own}the passphrase of ines\nnot it at all\n"),
    );
    assert_eq!(wrong, "recorder: the passphrase of omar's key is wrong\n");
    program.good(&third, &format!("{own}{OFFICERS}"));
    let keys = program.good(&["key", "list", "alpine"], "");
    assert!(keys.contains("2 of 3 officers"), "{keys}");
    let log = program.good(&["log", "show", "alpine"], "");
    for kind in [
        "tenant_made",
        "officer_added",
        "sealing_key_installed",
        "shares_replaced",
    ] {
        assert!(log.contains(kind), "{kind}: {log}");
    }
}
