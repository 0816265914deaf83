//! What a visitor's browser has to load: every byte that the launcher and the chat bring, gzipped.

use std::collections::BTreeSet;
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::read;

/// The launcher, on every page of every client.
const LAUNCHER: usize = 5 * 1024;
/// The frame with the gate and the chat.
const CHAT: usize = 25 * 1024;

#[test]
fn the_launcher_stays_within_its_budget() -> Result<()> {
    let weight = weigh(&loaded("web/widget/launch.js")?)?;
    ensure!(
        weight <= LAUNCHER,
        "{weight} bytes gzipped, {LAUNCHER} allowed"
    );
    Ok(())
}

#[test]
fn the_chat_stays_within_its_budget() -> Result<()> {
    let files = loaded("web/widget/frame.html")?;
    ensure!(
        files.len() > 3,
        "only {files:?} would be loaded: the search is broken"
    );
    let weight = weigh(&files)?;
    ensure!(
        weight <= CHAT,
        "{weight} bytes gzipped, {CHAT} allowed, of {files:#?}"
    );
    Ok(())
}

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

/// A file and all that it loads at once. What is loaded later, by `import(…)`, is not counted.
fn loaded(start: &str) -> Result<BTreeSet<String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start.to_owned()];
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        for reference in references(&read(&path)?) {
            if let Some(next) = resolve(&path, &reference) {
                open.push(next);
            }
        }
    }
    Ok(seen)
}

/// The sum of each file gzipped alone, as it travels.
fn weigh(files: &BTreeSet<String>) -> Result<usize> {
    let mut sum = 0;
    for path in files {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(read(path).context("a page loads it")?.as_bytes())?;
        sum += gzip.finish()?.len();
    }
    Ok(sum)
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

/// `/assets/…` is `web/…`; everything else counts from the file's folder.
fn resolve(from: &str, reference: &str) -> Option<String> {
    if let Some(asset) = reference.strip_prefix("/assets/") {
        return Some(format!("web/{asset}"));
    }
    if reference.starts_with("data:") || reference.starts_with("node:") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
