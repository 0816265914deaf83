//! Names: a pseudonym for who gives none, and the rules for those that are given.

use proto::wire::NAME_MAX;
use rand_core::Rng;

const COLOURS: [&str; 16] = [
    "Blue", "Green", "Amber", "Silver", "Crimson", "Ivory", "Violet", "Golden", "Teal", "Scarlet",
    "Copper", "Indigo", "Olive", "Coral", "Slate", "Hazel",
];
const BIRDS: [&str; 32] = [
    "Heron", "Finch", "Wren", "Plover", "Kestrel", "Swift", "Lark", "Robin", "Egret", "Martin",
    "Osprey", "Dunlin", "Linnet", "Siskin", "Curlew", "Avocet", "Bittern", "Pipit", "Merlin",
    "Teal", "Godwit", "Thrush", "Puffin", "Tern", "Magpie", "Jay", "Dove", "Crane", "Stork",
    "Sparrow", "Nuthatch", "Wagtail",
];

/// A name such as "Blue Heron". It tells nothing, and two people may have the same.
pub fn pseudonym(rng: &mut impl Rng) -> String {
    let number = rng.next_u32() as usize;
    let colour = COLOURS.get(number % COLOURS.len()).unwrap_or(&"Blue");
    let bird = BIRDS
        .get(number / COLOURS.len() % BIRDS.len())
        .unwrap_or(&"Heron");
    format!("{colour} {bird}")
}

/// The name as it will be shown, or `None` where it would mislead: too long, with control
/// characters, or with marks that turn the writing direction. Blank counts as not given.
pub fn accepted(given: Option<&str>) -> Option<Option<String>> {
    let Some(name) = given.map(str::trim).filter(|name| !name.is_empty()) else {
        return Some(None);
    };
    let right = name.chars().count() <= NAME_MAX && !name.chars().any(misleads);
    right.then(|| Some(name.to_owned()))
}

/// Control characters, and the invisible ones that reorder or hide what stands beside them.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::accepted;

    #[test]
    fn a_name_that_would_mislead_is_refused() {
        for bad in ["a\u{202e}b", "a\nb", "\u{feff}x", &"x".repeat(61)] {
            assert_eq!(accepted(Some(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_trimmed_and_a_blank_one_counts_as_none() {
        assert_eq!(
            accepted(Some("  Åsa 佐藤 ")),
            Some(Some("Åsa 佐藤".to_owned()))
        );
        assert_eq!(accepted(Some("   ")), Some(None));
        assert_eq!(accepted(None), Some(None));
        assert_eq!(accepted(Some(&"x".repeat(60))), Some(Some("x".repeat(60))));
    }
}
