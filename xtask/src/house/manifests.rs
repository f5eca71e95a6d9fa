//! Rules about a member's manifest and the rooms of its folder.

use std::path::Path;

use super::Findings;
use crate::error::{Doing, Result, read};
use crate::workspace::Member;

/// Checks one member.
pub(super) fn check(member: &Member, root: &Path, findings: &mut Findings) -> Result<()> {
    let dir = member.dir.strip_prefix(root).unwrap_or(&member.dir);
    inherited(member, dir, findings);
    let lib = member.dir.join("src/lib.rs");
    if member.is_library() && member.is_published() && !has_example(&read(&lib)?) {
        findings.broken(
            dir.join("src/lib.rs").display(),
            "the crate docs want an example (a ``` block)",
        );
    }
    tests(member, dir, findings)
}

fn inherited(member: &Member, dir: &Path, findings: &mut Findings) {
    let manifest = dir.join("Cargo.toml");
    let package = member.manifest.get("package");
    for field in INHERITED {
        if !package.and_then(|package| package.get(*field)).is_some_and(is_inherited) {
            findings.broken(manifest.display(), format!("write {field}.workspace = true"));
        }
    }
    if !member.manifest.get("lints").is_some_and(is_inherited) {
        findings.broken(manifest.display(), "write [lints] workspace = true");
    }
    for (name, value) in member.all_dependencies() {
        if !is_inherited(value) {
            findings.broken(
                manifest.display(),
                format!("dependency {name}: its version stands in the root's table"),
            );
        }
    }
}

fn is_inherited(value: &toml::Value) -> bool {
    value.get("workspace").and_then(toml::Value::as_bool) == Some(true)
}

fn has_example(lib: &str) -> bool {
    // Long docs are a file of their own, which is then compiled as docs.
    lib.lines().any(|line| {
        line.starts_with("//! ```") || (line.starts_with("#![doc") && line.contains("include_str!"))
    })
}

/// One integration binary, so that there is one link step, and one for counts of allocations where there are any: the
/// counting allocator is the whole process's.
fn tests(member: &Member, dir: &Path, findings: &mut Findings) -> Result<()> {
    let tests = member.dir.join("tests");
    if !tests.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&tests).doing(|| format!("list {}", tests.display()))? {
        let path = entry.doing(|| format!("list {}", tests.display()))?.path();
        let is_rust = path.extension().is_some_and(|ending| ending == "rs");
        let is_other_binary = path.join("main.rs").is_file()
            && !BINARIES
                .iter()
                .any(|name| path.file_name().is_some_and(|of_path| of_path == *name));
        if is_rust || is_other_binary {
            let shown = dir.join("tests").join(path.file_name().unwrap_or_default());
            findings.broken(shown.display(), "tests are modules of tests/it/main.rs");
        }
    }
    let main = tests.join("it/main.rs");
    if main.is_file() {
        for name in untested_modules(&read(&main)?) {
            let shown = dir.join("tests/it/main.rs");
            findings.broken(shown.display(), format!("write #[cfg(test)] before mod {name}"));
        }
    }
    Ok(())
}

/// Modules without `#[cfg(test)]`, whose helper functions clippy then does not take for tests.
fn untested_modules(main: &str) -> Vec<&str> {
    let mut bare = Vec::new();
    let mut is_test = false;
    for line in main.lines().map(str::trim) {
        is_test |= line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
        let declaration = line.strip_prefix("#[cfg(test)]").unwrap_or(line).trim();
        if let Some(name) = declaration.strip_prefix("mod ").and_then(|rest| rest.split(';').next())
        {
            if !is_test {
                bare.push(name);
            }
            is_test = false;
        }
    }
    bare
}

const BINARIES: &[&str] = &["it", "alloc"];

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{has_example, inherited, untested_modules};
    use crate::house::Findings;
    use crate::workspace::Member;

    const GOOD: &str = "[package]\nname = 'a'\nversion.workspace = true\nedition.workspace = true
        rust-version.workspace = true\nlicense.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn what_is_not_inherited_is_found() {
        let rows = [
            (GOOD.to_owned(), 0),
            (GOOD.replace("version.workspace = true\nedition", "version = '1'\nedition"), 1),
            (GOOD.replace("[lints]\nworkspace = true", ""), 1),
            (
                format!(
                    "{GOOD}[dependencies]\nx.workspace = true\ny = {{ workspace = true, features = ['z'] }}"
                ),
                0,
            ),
            (format!("{GOOD}[dependencies]\nx = '1'"), 1),
            (format!("{GOOD}[target.'cfg(unix)'.dev-dependencies]\nx = {{ path = '../x' }}"), 1),
        ];
        for (text, wanted) in rows {
            let member =
                Member { name: "a".into(), dir: "/a".into(), manifest: text.parse().unwrap() };
            let mut findings = Findings::default();
            inherited(&member, Path::new("a"), &mut findings);
            assert_eq!(findings.broken.len(), wanted, "{text}\n{:?}", findings.broken);
        }
    }

    #[test]
    fn examples_and_test_modules_are_seen() {
        assert!(has_example("//! Does x.\n//!\n//! ```\n//! x();\n//! ```\n"));
        assert!(has_example("#![doc = include_str!(\"../README.md\")]\n"));
        assert!(!has_example("//! Does x.\n/// ```\nfn x() {}\n"));
        let main = "//! Docs.\n#[cfg(test)]\nmod a;\n#[cfg(test)] mod b; // purpose\nmod c;\n\
                    #[cfg(all(test, feature = \"x\"))]\nmod d;\n";
        assert_eq!(untested_modules(main), ["c"]);
    }
}
