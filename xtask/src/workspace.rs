use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Doing, Error, Result, read};

/// The workspace on disk: its root and its members' manifests.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) members: Vec<Member>,
}

/// A package of the workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) manifest: toml::Table,
}

impl Workspace {
    /// Reads the workspace that this xtask was built in.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets it for `cargo run`; the compiled-in value serves a binary that is started by hand.
        let own = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = own.parent().map_or_else(|| own.clone(), Path::to_path_buf);
        let mut dirs = Vec::new();
        for entry in std::fs::read_dir(root.join("crates"))
            .doing(|| format!("list {}/crates", root.display()))?
        {
            dirs.push(entry.doing(|| "list crates".to_owned())?.path());
        }
        dirs.sort();
        dirs.extend([root.join("examples"), root.join("benches"), root.join("xtask")]);
        let mut members = Vec::new();
        for dir in dirs.into_iter().filter(|dir| dir.join("Cargo.toml").is_file()) {
            members.push(Member::read(dir)?);
        }
        Ok(Self { root, members })
    }

    /// The member `name`, if there is one.
    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// `cargo` in the root, the one that started us.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        // What `cargo run` sets for us would make build scripts of the called builds believe that they changed.
        for name in
            ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"]
        {
            command.env_remove(name);
        }
        command
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.root.join("target"),
        }
    }

    /// The commit that is checked out, with `-dirty` if something else is in the tree; empty without git.
    pub(crate) fn commit(&self) -> String {
        let git = |args: &[&str]| Command::new("git").current_dir(&self.root).args(args).output();
        let Ok(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return String::new() };
        let commit = String::from_utf8_lossy(&head.stdout).trim().to_owned();
        // The files that the runs themselves write do not make another program.
        let changes = git(&[
            "status",
            "--porcelain",
            "--",
            ".",
            ":!benches/RESULTS.md",
            ":!benches/instructions.tsv",
        ]);
        let clean = changes.is_ok_and(|output| output.stdout.is_empty());
        if clean || commit.is_empty() { commit } else { format!("{commit}-dirty") }
    }
}

impl Member {
    fn read(dir: PathBuf) -> Result<Self> {
        let path = dir.join("Cargo.toml");
        let manifest: toml::Table = read(&path)?
            .parse()
            .map_err(|source| Error::Manifest { path: path.display().to_string(), source })?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        Ok(Self { name, dir, manifest })
    }

    /// Whether it is a library crate.
    pub(crate) fn is_library(&self) -> bool {
        self.dir.join("src/lib.rs").is_file()
    }

    /// Whether it can be published.
    pub(crate) fn is_published(&self) -> bool {
        let publish = self.manifest.get("package").and_then(|package| package.get("publish"));
        publish.and_then(toml::Value::as_bool).unwrap_or(true)
    }

    /// The tables of dependencies that are built for users: (name, value).
    pub(crate) fn dependencies(&self) -> Vec<(&str, &toml::Value)> {
        self.dependency_tables(&["dependencies", "build-dependencies"])
    }

    /// All dependencies, those of the tests too.
    pub(crate) fn all_dependencies(&self) -> Vec<(&str, &toml::Value)> {
        self.dependency_tables(&["dependencies", "build-dependencies", "dev-dependencies"])
    }

    fn dependency_tables(&self, kinds: &[&str]) -> Vec<(&str, &toml::Value)> {
        let targets = self.manifest.get("target").and_then(toml::Value::as_table);
        let targets = targets.into_iter().flatten().filter_map(|(_, table)| table.as_table());
        std::iter::once(&self.manifest)
            .chain(targets)
            .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
            .flatten()
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    }
}
