//! What travels of a page's file: without the comments, indentation and blank lines that its
//! readers need and a browser does not; then gzip.
//!
//! Deliberately line by line and no more. A comment is taken out only where it has whole lines to
//! itself, or where it is a type that stands within one (`/** @…`), which no string of ours begins
//! with; names and statements stay as they were written.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How a type within a line begins.
const TYPE: &str = "/** @";

/// `text`, which is of the media type `kind`, without comments, indentation and blank lines.
pub(super) fn lighten(kind: &str, text: &str) -> String {
    let style = kind.starts_with("text/css");
    let mut out = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        let begins = line.starts_with("/*") && (line.ends_with("*/") || !line.contains("*/"));
        if in_comment || begins {
            in_comment = !line.ends_with("*/");
        } else if !style && line.contains(TYPE) && !line.starts_with("//") {
            out.push_str(&untyped(line));
            out.push('\n');
        } else if style && line.ends_with([';', '{', '}', ',']) {
            out.push_str(line);
        } else if !line.is_empty() && !line.starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A line without the types that stand in it.
fn untyped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(TYPE) {
        let Some((_, next)) = after.split_once("*/") else {
            break;
        };
        out.push_str(before);
        rest = next.trim_start();
    }
    out.push_str(rest);
    out
}

/// Gzip, as small as it goes; `None` where it cannot be made.
pub(super) fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).ok()?;
    gzip.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_stay_behind_and_code_does_not() {
        let source = "// Why.\n/**\n * What.\n */\nexport function f() {\n  /* one line */\n\n  \
                      return 'https://a' + /* here */ 1; // kept\n}\n";
        let expected = "export function f() {\nreturn 'https://a' + /* here */ 1; // kept\n}\n";
        assert_eq!(lighten("text/javascript", source), expected);
    }

    #[test]
    fn types_within_a_line_are_for_its_readers_alone() {
        assert_eq!(
            lighten(
                "text/javascript",
                "const f = (/** @type {A} */ a, /** @type {B} */ b) => /** @type {any} */ (a).c;\n\
                 // see /** @type {A} */ above\n\
                 g('/* no type */', '/** @open');\n"
            ),
            "const f = (a, b) => (a).c;\ng('/* no type */', '/** @open');\n"
        );
    }

    #[test]
    fn a_comment_that_shares_its_line_with_code_stays() {
        assert_eq!(
            lighten("text/javascript", "/* a */ f();\ng();\n"),
            "/* a */ f();\ng();\n"
        );
    }

    #[test]
    fn a_style_sheet_loses_the_line_ends_that_separate_nothing() {
        let source = ".a :hover,\n.b {\n  grid:\n    'x'\n    'y';\n}\n";
        assert_eq!(
            lighten("text/css", source),
            ".a :hover,.b {grid:\n'x'\n'y';}"
        );
    }
}
