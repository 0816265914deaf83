//! A folder that its user may not read is named, with what to do, before anything is served.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// `serve` by a user for whom permissions count; root gives up what lets it through.
fn refused(folder: &Path) -> String {
    let script = "if [ \"$(id -u)\" = 0 ]; then
            exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search \"$0\" \"$@\"
        fi
        exec \"$0\" \"$@\"";
    let done = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_recorder"), "--config"])
        .arg(folder.join("recorder.toml"))
        .arg("serve")
        .output()
        .unwrap();
    let (out, err) = said(&done);
    assert!(!done.status.success(), "{out}{err}");
    let told = |line: &&str| !line.starts_with("recorder: warning: ");
    let told: Vec<&str> = err.lines().filter(told).collect();
    assert_eq!(told.len(), 1, "{err}");
    told.concat()
}

#[tokio::test]
async fn a_spool_or_a_vault_that_cannot_be_read_is_named_and_nothing_is_served() {
    let (house, _) = house().await;
    let spool = house.data().join("spool");
    let node = house.spool_folder();
    let vault = house.data().join("vault");
    for (folder, section) in [(spool, "[spool]"), (node, "[spool]"), (vault, "[vault]")] {
        let mode = |mode| std::fs::set_permissions(&folder, Permissions::from_mode(mode));
        mode(0).unwrap();
        let line = refused(house.folder.path());
        mode(0o755).unwrap();
        let name = folder.to_str().unwrap();
        assert!(
            line.contains(name) && line.contains("ermission denied") && line.contains(section),
            "{line}"
        );
    }
}
