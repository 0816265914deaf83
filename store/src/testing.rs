//! A PostgreSQL server for tests: one for all test processes of a run, a database for each test.
//!
//! The first test that asks starts the server; a watchdog stops it and removes its files when no
//! test process has held a lease for some seconds, however those processes ended. PostgreSQL
//! refuses to run as root, so as root it runs as the user `postgres`. For tests its `fsync` is off:
//! they are about logic, not about power. Measuring has a server of its own that syncs.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The login that the program under test uses: no superuser, and `NOINHERIT`.
const LOGIN: &str = "vestibule";

/// Starts the server and stops it when it is no longer wanted: `$1` programs, `$2` folder,
/// `$3` whether it syncs.
const WATCHDOG: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync="$3" -c max_connections=400 \
    -c max_locks_per_transaction=256 >"$2/server.log" 2>&1 &
idle=0
while sleep 2 && kill -0 $! 2>/dev/null; do
    if flock -n -x "$2/users" true; then idle=$((idle + 1)); else idle=0; fi
    if [ $idle -ge 10 ]; then
        flock -n -x "$2/users" sh -c '"$1/pg_ctl" -D "$2/data" -m immediate stop; rm -rf "$2/data"' \
            sh "$1" "$2" >/dev/null 2>&1 && exit
    fi
done
"#;

/// An empty database of its own; dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    server: Server,
    name: String,
}

impl TestDatabase {
    /// Makes one, starting the server if need be. The error is one line that says what is missing.
    pub fn create() -> Result<Self, String> {
        Self::on(Server::lease(Sync::Off)?)
    }

    /// One that syncs as in earnest.
    pub fn durable() -> Result<Self, String> {
        Self::on(Server::lease(Sync::On)?)
    }

    fn on(server: Server) -> Result<Self, String> {
        let mut bytes = [0; 8];
        std::io::Read::read_exact(&mut open("/dev/urandom")?, &mut bytes).map_err(text)?;
        let name = format!("t{:016x}", u64::from_le_bytes(bytes));
        server.sql(&format!("CREATE DATABASE {name} OWNER {LOGIN}"))?;
        Ok(Self { server, name })
    }

    /// What `StoreConfig::url` takes.
    pub fn url(&self) -> String {
        let folder = self.server.folder.display();
        format!("postgres://{LOGIN}@localhost/{}?host={folder}", self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The server's files go anyhow; this only keeps a long run small.
        let _ = self
            .server
            .sql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy)]
enum Sync {
    Off,
    On,
}

/// A running server, held by a shared lock.
#[derive(Debug)]
struct Server {
    programs: PathBuf,
    folder: PathBuf,
    sync: &'static str,
    user: Option<(u32, u32)>,
    _lease: File,
}

impl Server {
    fn lease(sync: Sync) -> Result<Self, String> {
        let programs = programs()?;
        let me = std::fs::metadata("/proc/self").map_err(text)?.uid();
        let user = if me == 0 { Some(unprivileged()?) } else { None };
        let (sync, name) = match sync {
            Sync::Off => ("off", "postgres"),
            Sync::On => ("on", "postgres-durable"),
        };
        let folder = std::env::temp_dir().join(format!("vestibule-{name}-{me}"));
        std::fs::create_dir_all(&folder).map_err(text)?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).map_err(text)?;
        let lease = lock_file(&folder.join("users"))?;
        if let Some((uid, gid)) = user {
            for path in [&folder, &folder.join("users")] {
                chown(path, Some(uid), Some(gid)).map_err(text)?;
            }
        }
        // Waits here while the watchdog stops a server.
        lease.lock_shared().map_err(text)?;
        let server = Self {
            programs,
            folder,
            sync,
            user,
            _lease: lease,
        };
        let starting = lock_file(&server.folder.join("starting"))?;
        starting.lock().map_err(text)?;
        if server.sql("SELECT 1").is_err() {
            server.start()?;
        }
        Ok(server)
    }

    fn start(&self) -> Result<(), String> {
        let data = self.folder.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).map_err(text)?;
        }
        let mut initdb = self.command("initdb");
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data);
        let made = initdb.output().map_err(text)?;
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).replace('\n', " ");
            return Err(format!("initdb failed: {why}"));
        }
        let mut watchdog = self.as_user(Command::new("sh"));
        watchdog
            .args(["-c", WATCHDOG, "watchdog"])
            .args([&self.programs, &self.folder])
            .arg(self.sync)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(text)?;
        let login = format!("CREATE ROLE {LOGIN} LOGIN NOINHERIT CREATEROLE");
        let mut answer = Err(String::new());
        for _ in 0..300 {
            answer = self.sql(&login);
            if answer.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        answer.map_err(|why| {
            let log = self.folder.join("server.log");
            format!(
                "PostgreSQL did not start (see {}): {}",
                log.display(),
                why.trim()
            )
        })
    }

    /// Runs one statement as the superuser.
    fn sql(&self, sql: &str) -> Result<(), String> {
        let done = self
            .command("psql")
            .args(["-qX", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(&self.folder)
            .args(["-c", sql])
            .output()
            .map_err(text)?;
        if done.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&done.stderr).into_owned())
        }
    }

    fn command(&self, program: &str) -> Command {
        self.as_user(Command::new(self.programs.join(program)))
    }

    fn as_user(&self, mut command: Command) -> Command {
        command.current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The folder with PostgreSQL's programs: Debian's newest, or one of `PATH`.
fn programs() -> Result<PathBuf, String> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    found.sort();
    found.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path));
    let needed = ["initdb", "postgres", "pg_ctl", "psql"];
    found
        .into_iter()
        .find(|bin| needed.iter().all(|program| bin.join(program).exists()))
        .ok_or_else(|| {
            "PostgreSQL is missing (initdb, postgres, pg_ctl, psql): install Debian's package \
             `postgresql`"
                .to_owned()
        })
}

/// User and group of `postgres`.
fn unprivileged() -> Result<(u32, u32), String> {
    let missing = || {
        "PostgreSQL does not run as root, and there is no user `postgres`: install Debian's \
         package `postgresql`, or run the tests as another user"
            .to_owned()
    };
    let users = std::fs::read_to_string("/etc/passwd").map_err(text)?;
    let mut fields = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .ok_or_else(missing)?
        .split(':')
        .skip(2);
    let mut number = || fields.next().and_then(|id| id.parse().ok());
    number().zip(number()).ok_or_else(missing)
}

fn lock_file(path: &Path) -> Result<File, String> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn open(path: &str) -> Result<File, String> {
    File::open(path).map_err(text)
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn text(error: std::io::Error) -> String {
    error.to_string()
}
