//! `docs/protocol.md` says what these types say: its examples are the golden files, its table of
//! errors is the closed list.

use std::fmt::Write as _;
use std::path::PathBuf;

use proto::ErrorCode;

use crate::words;

fn paper() -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn the_table_of_errors_is_the_closed_list() {
    let mut table =
        String::from("| code | HTTP | close | what a person is told |\n|---|---|---|---|\n");
    for code in ErrorCode::ALL {
        let close = code
            .close_code()
            .map_or("–".to_owned(), |close| close.to_string());
        writeln!(
            table,
            "| `{}` | {} | {close} | {} |",
            code.name(),
            code.status(),
            code.message()
        )
        .unwrap();
    }
    let paper = paper();
    let (_, rest) = paper
        .split_once("<!-- errors -->\n")
        .expect("no table of errors");
    let (found, _) = rest
        .split_once("<!-- end -->")
        .expect("the table does not end");
    assert_eq!(found, table, "docs/protocol.md should hold\n{table}");
}

#[test]
fn every_message_has_its_golden_example_in_the_paper() {
    let paper = paper();
    for golden in words::all() {
        assert!(
            paper.contains(&format!("`{}`", golden.name)),
            "{} is not in the paper",
            golden.name
        );
        assert!(
            paper.contains(&golden.written),
            "the example of {} should be\n{}",
            golden.name,
            golden.written
        );
    }
}

#[test]
fn names_statuses_and_close_codes_do_not_collide() {
    let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    let mut closes: Vec<_> = ErrorCode::ALL
        .iter()
        .filter_map(|code| code.close_code())
        .collect();
    let (all, closing) = (names.len(), closes.len());
    names.sort_unstable();
    names.dedup();
    closes.sort_unstable();
    closes.dedup();
    assert_eq!((names.len(), closes.len()), (all, closing));
    for code in ErrorCode::ALL {
        assert!((400..600).contains(&code.status()), "{code}");
        let text = serde_json::to_string(code).unwrap();
        assert_eq!(text, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), *code);
    }
}
