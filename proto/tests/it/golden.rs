//! Every message and body has a file under `fixtures/wire/` that holds it byte for byte. A change
//! of one of these files is a change of the protocol.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::words;

/// A message's name, its bytes, and whether they read back as what was written.
pub(crate) struct Golden {
    pub(crate) name: &'static str,
    pub(crate) written: String,
    pub(crate) reads_back: fn(&str) -> Option<String>,
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire")
}

#[test]
fn every_message_is_written_as_its_golden_file_and_read_back_from_it() {
    for golden in words::all() {
        let file = folder().join(format!("{}.json", golden.name));
        let stored = std::fs::read_to_string(&file)
            .unwrap_or_else(|_| panic!("{} should hold\n{}", file.display(), golden.written));
        assert_eq!(golden.written, stored.trim_end(), "{}", golden.name);
        let again = (golden.reads_back)(&stored).expect(golden.name);
        assert_eq!(again, stored.trim_end(), "{}", golden.name);
    }
}

#[test]
fn no_golden_file_stands_there_that_is_no_message() {
    let names: BTreeSet<String> = words::all()
        .iter()
        .map(|golden| format!("{}.json", golden.name))
        .collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names);
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    for golden in words::all() {
        if words::OPEN.contains(&golden.name) {
            continue;
        }
        let Some(rest) = golden.written.strip_prefix('{') else {
            continue;
        };
        let comma = if rest == "}" { "" } else { "," };
        let more = format!("{{\"not_known\":1{comma}{rest}");
        assert_eq!((golden.reads_back)(&more), None, "{}", golden.name);
    }
}
