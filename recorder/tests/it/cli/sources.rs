//! What a recording holds of whom, asked for on the command line.

use recorder::vault;

use super::*;

#[tokio::test]
async fn a_list_with_sources_says_whose_they_are_and_what_is_missing_of_them() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    talk.call(&house).await;
    talk.end(&house).await;
    house.intake().await;
    house.spool.take().unwrap().close().await;
    house.recorder.store.close().await;
    let folder = house.folder.path();
    std::fs::write(folder.join("recorder.toml"), "data = \"data\"\n").unwrap();
    let program = Program { folder };

    let plain = program.good(&["list", "alpine"], "");
    assert_eq!(plain.lines().count(), 1);
    let listed = program.good(&["list", "alpine", "--sources"], "");
    assert!(listed.starts_with(&plain), "{listed}");
    let lines: Vec<&str> = listed.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(lines.len(), 7, "{listed}");
    assert!(lines[2].starts_with("track 3, visitor sound: ") && lines[2].ends_with(" parts"));
    assert!(
        lines[4].starts_with("track 5, agent sound (Mia): ")
            && lines[4].contains(" parts; not recorded, at most: muted: "),
        "{listed}"
    );
    assert!(
        lines[6].starts_with("not recorded: track 5, agent sound: 20")
            && lines[6].ends_with("Z: muted"),
        "{listed}"
    );

    let json = program.good(&["list", "alpine", "--sources", "--json"], "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["sources"].as_array().unwrap().len(), 6);
    assert_eq!(json["sources"][3]["modality"], "video");
    assert_eq!(json["sources"][4]["role"], "agent");
    assert_eq!(json["gaps"][0]["cause"], "muted");
    assert_eq!(json["wrong"], serde_json::Value::Null);
    let json = program.good(&["list", "alpine", "--json"], "");
    assert!(!json.contains("sources"), "{json}");

    // A manifest that leads nowhere: the list goes on.
    let manifest = house.vault_folder(talk.recording).join(vault::MANIFEST);
    std::fs::remove_file(&manifest).unwrap();
    std::os::unix::fs::symlink(&manifest, &manifest).unwrap();
    let listed = program.good(&["list", "alpine", "--sources"], "");
    assert!(listed.starts_with(&plain), "{listed}");
    assert!(
        listed.contains("WRONG  manifest.dsse.json: cannot be read"),
        "{listed}"
    );
}
