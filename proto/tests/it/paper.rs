//! `docs/protocol.md` says what these types say: its examples are the golden files, its table of
//! errors is the closed list. `docs/format.md` names every field of the statements about keys.

use std::fmt::Write as _;
use std::path::PathBuf;

use proto::dsse::Document;
use proto::keys::{IntakeKey, NodeCertificate, OfficerKey, SealingKey};
use proto::{ErrorCode, KeyId, Millis, NodeId, PublicKey, StaffId, TenantId};

use crate::words;

fn paper() -> String {
    page("protocol.md")
}

fn page(name: &str) -> String {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

/// The fields that the page's table names for this kind of document are those that it has.
fn named<D: Document>(page: &str, document: &D) {
    let kind = D::TYPE.rsplit("vestibule.").next().unwrap();
    let row = page
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| `{kind}` | `")))
        .unwrap_or_else(|| panic!("no fields of {kind}"));
    // A field begins the row or follows a semicolon; what else is in code is an example.
    let mut said: Vec<&str> = row
        .trim_end_matches(" |")
        .split("; `")
        .map(|field| field.split('`').next().unwrap())
        .collect();
    said.sort_unstable();
    let value = serde_json::to_value(document).unwrap();
    let mut has: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    has.sort_unstable();
    assert_eq!(said, has, "{kind}");
}

#[test]
fn every_field_of_a_statement_about_keys_is_named() {
    let page = page("format.md");
    let public_key = PublicKey([7; 32]);
    let tenant = TenantId::from_bytes([1; 16]);
    let (not_before, not_after) = (Millis(0), Millis(1));
    named(
        &page,
        &SealingKey {
            tenant,
            key: KeyId::from_bytes([2; 16]),
            quarter: "2026Q4".to_owned(),
            public_key,
            not_before,
            not_after,
            threshold: 2,
            shares: 3,
        },
    );
    named(
        &page,
        &NodeCertificate {
            node: NodeId::from_bytes([3; 16]),
            public_key,
            not_before,
            not_after,
        },
    );
    named(
        &page,
        &IntakeKey {
            generation: 1,
            public_key,
            not_before,
        },
    );
    named(
        &page,
        &OfficerKey {
            tenant,
            officer: StaffId::from_bytes([4; 16]),
            public_key,
        },
    );
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
