//! Programs that other people wrote, against the edge: what one implementation takes for granted another one may not.

mod curl;
mod http2;
mod python;
mod slow;
mod stage;
mod wire;

use std::path::PathBuf;
use std::time::Instant;

use self::stage::Stage;
use crate::args::Args;
use crate::ci;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// The command `cargo xtask interop`.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let only = args.list("--only")?;
    let edge = args.text("--edge")?;
    args.finish()?;
    if let Some(unknown) = only.iter().find(|name| GROUPS.iter().all(|(group, _)| group != name)) {
        return Err(Error::Usage(format!("--only: no group is called {unknown:?}")));
    }
    let edge = match edge {
        Some(path) => PathBuf::from(path),
        None => build_edge(workspace)?,
    };
    let stage = Stage::set(workspace, edge)?;
    let mut report = Report::default();
    for (name, group) in GROUPS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let started = Instant::now();
        println!("== {name} ==");
        report.group = name;
        match group(&stage, &mut report) {
            Ok(()) => {}
            Err(Error::Missing { what, fix }) => {
                report.add("all", Outcome::Missing(format!("{what}; {fix}")));
            }
            Err(error) => report.add("start", Outcome::Failed(explained(&error))),
        }
        println!("   {:.1} s", started.elapsed().as_secs_f64());
    }
    report.close()
}

fn build_edge(workspace: &Workspace) -> Result<PathBuf> {
    if workspace.member("parapet-examples").is_none() {
        let fix = "it is the example edge of the package parapet-examples".to_owned();
        return Err(Error::Missing { what: "the edge".to_owned(), fix });
    }
    let args =
        ["build", "--release", "--quiet", "--package", "parapet-examples", "--example", "edge"];
    ci::plain(workspace.cargo().args(args))?;
    Ok(workspace.target().join("release/examples/edge"))
}

/// An error with its causes in one line.
fn explained(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What became of a case.
#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    Missing(String),
}

/// The cases of all groups so far.
#[derive(Debug, Default)]
struct Report {
    group: &'static str,
    cases: Vec<(&'static str, String, Outcome)>,
}

impl Report {
    fn add(&mut self, case: impl Into<String>, outcome: Outcome) {
        let case = case.into();
        match &outcome {
            Outcome::Passed => println!("   ok       {case}"),
            Outcome::Failed(why) => println!("   FAILED   {case}: {why}"),
            Outcome::Missing(why) => println!("   MISSING  {case}: {why}"),
        }
        self.cases.push((self.group, case, outcome));
    }

    /// Adds a case that passed if `result` is one.
    fn check(&mut self, case: impl Into<String>, result: Result<()>) {
        let outcome = match result {
            Ok(()) => Outcome::Passed,
            Err(Error::Missing { what, fix }) => Outcome::Missing(format!("{what}; {fix}")),
            Err(error) => Outcome::Failed(explained(&error)),
        };
        self.add(case, outcome);
    }

    fn count(&self, group: Option<&str>, is: fn(&Outcome) -> bool) -> usize {
        self.cases
            .iter()
            .filter(|(of, _, outcome)| group.is_none_or(|group| group == *of) && is(outcome))
            .count()
    }

    /// The table, what did not pass, and the closing line.
    fn close(&self) -> Result<()> {
        const PASSED: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Passed);
        const FAILED: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Failed(_));
        const MISSING: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Missing(_));
        println!("\n| group | passed | failed | missing |\n| --- | --- | --- | --- |");
        for (name, _) in
            GROUPS.iter().filter(|(name, _)| self.cases.iter().any(|(group, ..)| group == name))
        {
            let of = |is| self.count(Some(name), is);
            println!("| {name} | {} | {} | {} |", of(PASSED), of(FAILED), of(MISSING));
        }
        for (group, case, outcome) in &self.cases {
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed(why) => println!("failed: {group}, {case}: {why}"),
                Outcome::Missing(why) => println!("missing: {group}, {case}: {why}"),
            }
        }
        let (passed, failed, missing) =
            (self.count(None, PASSED), self.count(None, FAILED), self.count(None, MISSING));
        println!("{passed} passed, {failed} failed, {missing} missing");
        if failed == 0 { Ok(()) } else { Err(Error::Failed(failed)) }
    }
}

type Group = fn(&Stage, &mut Report) -> Result<()>;

const GROUPS: &[(&str, Group)] = &[
    ("curl", curl::run),
    ("http2", http2::run),
    ("wire", wire::run),
    ("slow", slow::run),
    ("websocket", python::websocket),
    ("grpc", python::grpc),
    ("tls", python::tls),
];
