//! A notice is published when it says what the law demands, and not before.

use super::*;

#[tokio::test]
async fn a_notice_that_lacks_something_is_refused_with_what_to_write_and_a_whole_one_is_published()
{
    let (house, _) = house().await;
    let folder = house.folder.path();
    let program = Program { folder };
    let site = house.site.to_string();
    let file = folder.join("notice.toml");
    let publish = ["notice", "publish", "alpine", &site, file.to_str().unwrap()];
    let sample = program.good(&["notice", "sample", "en"], "");
    let before = program.good(&["log", "show", "alpine"], "");

    for (whole, altered, word) in [
        (
            "https://example.com/contact",
            "javascript:alert(1)",
            "`decline_url`",
        ),
        (
            "authority = \"Your data protection authority\"",
            "authority = \"\"",
            "`authority`",
        ),
        (
            "authority = \"Your data protection authority\"",
            "",
            "missing field `authority`; `recorder notice sample en`",
        ),
        (
            "basis = \"legal_obligation\"",
            "basis = \"consent\"",
            "\"legal_obligation\"",
        ),
        (
            "id = \"recording\"",
            "id = \"taping\"",
            "id = \"recording\"",
        ),
    ] {
        assert!(sample.contains(whole), "{whole}");
        std::fs::write(&file, sample.replace(whole, altered)).unwrap();
        let told = program.refused(&publish, "");
        assert!(told.contains(word), "{word}: {told}");
    }
    // A site of nobody, and of somebody else, is not told apart.
    std::fs::write(&file, &sample).unwrap();
    let nowhere = "5e5e5e5e-5e5e-4e5e-9e5e-5e5e5e5e5e5e";
    let elsewhere = ["notice", "publish", "alpine", nowhere, publish[4]];
    assert_eq!(
        program.refused(&elsewhere, ""),
        "recorder: there is no such site here\n"
    );
    assert_eq!(program.good(&["log", "show", "alpine"], ""), before);

    let published = program.good(&publish, "");
    assert!(published.contains("Published in en"), "{published}");
    let after = program.good(&["log", "show", "alpine"], "");
    assert!(after.contains("notice_published"), "{after}");
}
