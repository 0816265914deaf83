//! What the pages load: their own files, and nothing from elsewhere.

use anyhow::{Result, ensure};

#[test]
fn pages_load_nothing_from_elsewhere() -> Result<()> {
    for (path, text) in super::texts(&[".js", ".css", ".html"])? {
        if !path.starts_with("web/") || path.contains("test") {
            continue;
        }
        for reference in references(&text) {
            ensure!(!reference.contains("://"), "{path} loads {reference}");
        }
    }
    Ok(())
}

#[test]
fn references_are_found_in_markup_scripts_and_styles() {
    let found: Vec<String> = references(
        "<script src=\"/assets/widget/main.js\">\nimport { a } from './a.js';\nimport './b.js'\n\
         await import('./later.js')\n@import url(\"c.css\");\nexport * from '../lib/d.js';",
    );
    assert_eq!(
        found,
        [
            "/assets/widget/main.js",
            "./a.js",
            "./b.js",
            "c.css",
            "../lib/d.js"
        ]
    );
}

fn references(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("//") || line.starts_with('*') || line.starts_with("/*") {
            continue;
        }
        for before in [
            "src=\"",
            "from '",
            "from \"",
            "import '",
            "import \"",
            "@import url(\"",
        ] {
            found.extend(after(line, before));
        }
        if line.contains("stylesheet") || line.contains("modulepreload") {
            found.extend(after(line, "href=\""));
        }
    }
    found
}

fn after(line: &str, before: &str) -> Option<String> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(['\'', '"'])?;
    rest.get(..end).map(str::to_owned)
}
