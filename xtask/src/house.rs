//! The rules of the house that no lint knows.

mod layers;
mod manifests;
mod sources;

use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::ci::Outcome;
use crate::error::{Doing, Error, Result, read};
use crate::workspace::Workspace;

/// What the rules have found: broken ones, and things worth a look.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    broken: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// A rule is broken at `place`.
    pub(crate) fn broken(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.broken.push(format!("{place}: {what}"));
    }

    /// Something at `place` is allowed, and will not be for long.
    pub(crate) fn note(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.notes.push(format!("{place}: {what}"));
    }
}

/// The command `cargo xtask house`.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<()> {
    args.finish()?;
    if let Outcome::Passed(note) = check(workspace)? {
        println!("house rules: ok  {note}");
    }
    Ok(())
}

/// Checks every file that is ours.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let mut findings = Findings::default();
    let files = files(&workspace.root)?;
    for path in &files {
        let shown = path.strip_prefix(&workspace.root).unwrap_or(path);
        sources::check(shown, &read(path)?, &mut findings);
    }
    for member in &workspace.members {
        manifests::check(member, &workspace.root, &mut findings)?;
    }
    layers::check(workspace, &mut findings);
    for note in &findings.notes {
        println!("note: {note}");
    }
    for broken in &findings.broken {
        println!("broken: {broken}");
    }
    match findings.broken.len() {
        0 => Ok(Outcome::Passed(format!(
            "{} files, {} members",
            files.len(),
            workspace.members.len()
        ))),
        count => Err(Error::House(count)),
    }
}

/// The text files of the repository that we write.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).doing(|| format!("list {}", dir.display()))? {
            let path = entry.doing(|| format!("list {}", dir.display()))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // What was built, git's own files, and what was found by fuzzing are not written by us.
            let foreign = name.starts_with('.')
                || matches!(name, "target" | "corpus" | "node_modules" | "__pycache__");
            if path.is_dir() {
                if !foreign {
                    open.push(path);
                }
            } else if let Some(ending) = path.extension().and_then(|ending| ending.to_str())
                && ["rs", "toml", "md", "py", "sh", "lua", "vtc", "conf", "cfg"].contains(&ending)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
