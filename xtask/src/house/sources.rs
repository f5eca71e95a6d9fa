//! Rules about the text of a file.

use std::path::Path;

use super::Findings;

/// Checks the file at `path` (from the root) with the content `text`.
pub(super) fn check(path: &Path, text: &str, findings: &mut Findings) {
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_sources = path.components().any(|part| part.as_os_str() == "src");
    if is_rust && NAMELESS.contains(&name) {
        findings
            .broken(path.display(), "a file is named after its concept, this name says nothing");
    }
    if is_rust && in_sources {
        match text.lines().count() {
            lines if lines > MOST_LINES => {
                findings.broken(path.display(), format!("{lines} lines, at most {MOST_LINES}"));
            }
            lines if lines > MANY_LINES => {
                findings.note(path.display(), format!("{lines} lines: split it by concept"));
            }
            _ => {}
        }
    }
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        for word in UNFINISHED {
            if has_word(line, word) {
                findings.broken(&place, format!("{word}: do it, or leave it out"));
            }
        }
        if line.contains(OUTSIDE) {
            findings.broken(&place, format!("{OUTSIDE}: the repository stands alone"));
        }
        if is_rust && ALLOWS.iter().any(|allow| line.trim_start().starts_with(allow)) {
            findings.broken(&place, "allow: write #[expect(lint, reason = \"...\")]");
        }
    }
}

/// Whether `word` stands in `line` and is not a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !is_name(before) && !is_name(after)
    })
}

/// A file has at most this many lines.
const MOST_LINES: usize = 700;
/// From here on it wants splitting.
const MANY_LINES: usize = 500;
/// Names that collect everything; `mod.rs` is `name.rs` beside `name/` here.
const NAMELESS: &[&str] = &["utils.rs", "common.rs", "misc.rs", "types.rs", "helpers.rs", "mod.rs"];
// In two halves, so that this file keeps its own rules.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];
const OUTSIDE: &str = concat!("../", "shared");
const ALLOWS: &[&str] = &[concat!("#[", "allow("), concat!("#![", "allow(")];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ALLOWS, OUTSIDE, UNFINISHED, check};
    use crate::house::Findings;

    #[test]
    fn each_rule_about_text_can_break() {
        let long = "\n".repeat(701);
        let rows = [
            ("crates/a/src/b.rs", "fn f() {}\n".to_owned(), 0),
            ("crates/a/src/utils.rs", String::new(), 1),
            ("crates/a/src/b/mod.rs", String::new(), 1),
            ("crates/a/src/b.rs", long.clone(), 1),
            ("crates/a/tests/it/b.rs", long, 0),
            ("crates/a/src/b.rs", format!("// {}: later", UNFINISHED[0]), 1),
            ("crates/a/src/b.rs", format!("fn f() {{ {}() }}", UNFINISHED[2]), 1),
            ("crates/a/src/b.rs", format!("// {}S is another word", UNFINISHED[0]), 0),
            ("README.md", format!("see {OUTSIDE}/x"), 1),
            ("crates/a/src/b.rs", format!("    {}dead_code)]", ALLOWS[0]), 1),
            ("README.md", format!("`{}dead_code)]`", ALLOWS[0]), 0),
        ];
        for (path, text, wanted) in rows {
            let mut findings = Findings::default();
            check(Path::new(path), &text, &mut findings);
            assert_eq!(findings.broken.len(), wanted, "{path}: {:?}", findings.broken);
        }
    }
}
