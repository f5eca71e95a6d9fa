//! Each library crate by itself: what a user who names only that crate builds.

use std::collections::{BTreeMap, BTreeSet};

use crate::ci::{Outcome, checked, shown};
use crate::error::{Error, Result};
use crate::workspace::{Member, Workspace};

/// Checks every library crate with no, default and all features, and core with each feature by itself.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let mut runs = 0_usize;
    for member in workspace.members.iter().filter(|member| member.is_library()) {
        for features in plan(member) {
            let mut command = workspace.cargo();
            command.args(["check", "--quiet", "--package", &member.name]).args(&features);
            let line = shown(&command);
            let said = checked(&mut command)?;
            // Warnings are no errors for `cargo check`, and a flag that made them so would rebuild all dependencies.
            if said.lines().any(|line| line.starts_with("warning")) {
                return Err(Error::Command { line, how: "it warns".to_owned() });
            }
            runs += 1;
        }
    }
    Ok(Outcome::Passed(format!("{runs} builds")))
}

/// The sets of feature arguments that differ for this crate.
fn plan(member: &Member) -> Vec<Vec<String>> {
    let features = features(member);
    let names: BTreeSet<&str> =
        features.keys().map(String::as_str).filter(|name| *name != "default").collect();
    if names.is_empty() {
        return vec![vec![]];
    }
    let by_default = closure(&features, "default");
    let mut plan = vec![vec!["--no-default-features".to_owned()]];
    if !by_default.is_empty() {
        plan.push(vec![]);
    }
    if by_default != names {
        plan.push(vec!["--all-features".to_owned()]);
    }
    // In core the features meet in the same code. The umbrella has thirty that only name crates.
    if member.name == "parapet-core" && names.len() > 1 {
        plan.extend(
            names.iter().map(|name| {
                vec!["--no-default-features".into(), "--features".into(), (*name).into()]
            }),
        );
    }
    plan
}

/// The features that `start` turns on, itself not among them.
fn closure<'a>(features: &'a BTreeMap<String, Vec<String>>, start: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(name) = open.pop() {
        for next in features.get(name).into_iter().flatten() {
            if let Some((known, _)) = features.get_key_value(next.as_str())
                && found.insert(known.as_str())
            {
                open.push(known);
            }
        }
    }
    found
}

/// The features of a crate: the written ones, and those that an optional dependency stands for.
fn features(member: &Member) -> BTreeMap<String, Vec<String>> {
    let written = member.manifest.get("features").and_then(toml::Value::as_table);
    let mut features: BTreeMap<String, Vec<String>> = written
        .into_iter()
        .flatten()
        .map(|(name, list)| {
            let list = list.as_array().into_iter().flatten();
            (name.clone(), list.filter_map(toml::Value::as_str).map(str::to_owned).collect())
        })
        .collect();
    let hidden: BTreeSet<String> = features
        .values()
        .flatten()
        .filter_map(|item| item.strip_prefix("dep:"))
        .map(str::to_owned)
        .collect();
    for (name, value) in member.dependencies() {
        let optional = value.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
        if optional && !hidden.contains(name) {
            features.entry(name.to_owned()).or_default();
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::plan;
    use crate::workspace::Member;

    fn member(text: &str) -> Member {
        let manifest: toml::Table = text.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        Member { name, dir: "/nowhere".into(), manifest }
    }

    #[test]
    fn builds_that_are_the_same_are_planned_once() {
        let rows = [
            ("[package]\nname = 'a'", "|"),
            ("[package]\nname = 'a'\n[features]\nx = []", "--no-default-features|--all-features"),
            (
                "[package]\nname = 'a'\n[features]\ndefault = ['x']\nx = []",
                "--no-default-features||",
            ),
            (
                "[package]\nname = 'a'\n[features]\ndefault = ['x']\nx = ['dep:r']\ny = []\n[dependencies.r]\noptional = true",
                "--no-default-features||--all-features",
            ),
            (
                "[package]\nname = 'a'\n[dependencies.r]\noptional = true",
                "--no-default-features|--all-features",
            ),
            (
                "[package]\nname = 'parapet-core'\n[features]\nx = []\ny = []",
                "--no-default-features|--all-features|--no-default-features --features x|--no-default-features --features y",
            ),
        ];
        for (text, wanted) in rows {
            let plan: Vec<String> = plan(&member(text)).iter().map(|args| args.join(" ")).collect();
            assert_eq!(plan.join("|"), wanted.strip_suffix('|').unwrap_or(wanted), "{text}");
        }
    }
}
