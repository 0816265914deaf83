//! The line that goes into a site's pages.

use proto::SiteId;

use crate::terminal::escape;

/// What stands for the widget's address: the recorder does not know it.
const WIDGET: &str = "WIDGET";

/// The launcher's tag, and where its address is found.
pub(super) fn lines(site: SiteId, name: &str, accent: Option<&str>) -> [String; 2] {
    [
        format!(
            "Put this into its pages, with [listen] widget_origin of relay.toml in the place of {WIDGET}:"
        ),
        tag(site, name, accent),
    ]
}

fn tag(site: SiteId, name: &str, accent: Option<&str>) -> String {
    let accent = accent
        .map(|accent| format!(" data-accent=\"{}\"", attribute(accent)))
        .unwrap_or_default();
    format!(
        "<script async src=\"{WIDGET}/launch.js\" data-site=\"{site}\" data-name=\"{}\"{accent}></script>",
        attribute(name)
    )
}

fn attribute(text: &str) -> String {
    escape(text)
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_attributes_are_those_that_the_launcher_reads() {
        let launcher = include_str!("../../../web/widget/launch.js");
        let site = SiteId::random(&mut crate::entropy::system());
        let tag = tag(site, "Alpine Bank", Some("#1f5f8b"));
        let named: Vec<&str> = tag
            .split(" data-")
            .skip(1)
            .filter_map(|rest| rest.split('=').next())
            .collect();
        assert_eq!(named, ["site", "name", "accent"], "{tag}");
        let read = launcher
            .lines()
            .find(|line| line.ends_with("= script.dataset;"))
            .unwrap();
        let read: Vec<&str> = read
            .split(['{', '}', ','])
            .filter_map(|part| part.split('=').next())
            .map(str::trim)
            .collect();
        for name in named {
            let is_read = read.contains(&name) || launcher.contains(&format!("dataset.{name};"));
            assert!(is_read, "launch.js does not read data-{name}");
        }
        assert!(
            launcher.contains("new URL(script.src).origin"),
            "the widget's address is no longer the script's"
        );
    }

    #[test]
    fn a_name_stays_within_its_attribute() {
        let site = SiteId::random(&mut crate::entropy::system());
        let tag = tag(site, "A&B \"Shop\" <x>\u{202e}", None);
        assert!(
            tag.ends_with("data-name=\"A&amp;B &quot;Shop&quot; &lt;x>\\u{202e}\"></script>"),
            "{tag}"
        );
        assert!(!tag.contains("data-accent"), "{tag}");
    }
}
