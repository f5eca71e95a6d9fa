//! All checks, in the order in which they fail soonest.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::error::{Doing, Error, Result};
use crate::process::Running;
use crate::tools::{self, Debian};
use crate::workspace::Workspace;
use crate::{alone, examples, house};

/// What a step came to, when it did not fail.
pub(crate) enum Outcome {
    /// It holds; the text says how much was looked at, and may be empty.
    Passed(String),
    /// There is nothing to look at yet, and why.
    Nothing(String),
}

/// Runs every step; ends at the first that fails.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<()> {
    args.finish()?;
    let mut done: Vec<(&str, Duration, String)> = Vec::new();
    for step in STEPS {
        println!("\n== {} ==", step.name);
        let started = Instant::now();
        let outcome = (step.run)(workspace);
        let took = started.elapsed();
        match outcome {
            Ok(outcome) => {
                let note = match outcome {
                    Outcome::Passed(note) => format!("ok  {note}"),
                    Outcome::Nothing(why) => format!("ok  nothing to check: {why}"),
                };
                println!("-- {}: {} ({:.1} s)", step.name, note.trim_end(), took.as_secs_f64());
                done.push((step.name, took, note));
            }
            Err(error) => {
                println!("-- {}: FAILED after {:.1} s: {error}", step.name, took.as_secs_f64());
                println!("   again: {}", step.again(&error));
                done.push((step.name, took, "FAILED".to_owned()));
                table(&done);
                println!("{} passed, 1 failed", done.len() - 1);
                return Err(Error::Failed(1));
            }
        }
    }
    table(&done);
    println!("{} passed, 0 failed", done.len());
    Ok(())
}

/// Runs a command with its output shown as it comes.
pub(crate) fn plain(command: &mut Command) -> Result<()> {
    let status =
        command.stdin(Stdio::null()).status().doing(|| format!("start {}", shown(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { line: shown(command), how: status.to_string() })
}

/// Runs a command and returns what it said on standard error; shows it when there is something.
pub(crate) fn checked(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().doing(|| format!("start {}", shown(command)))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !said.is_empty() {
        eprint!("{said}");
    }
    if output.status.success() {
        return Ok(said);
    }
    Err(Error::Command { line: shown(command), how: output.status.to_string() })
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut words: Vec<String> = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let value = value.display().to_string();
            words.push(if value.contains(' ') {
                format!("{}='{value}'", name.display())
            } else {
                format!("{}={value}", name.display())
            });
        }
    }
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    words.push(program.display().to_string());
    words.extend(command.get_args().map(|arg| arg.display().to_string()));
    words.join(" ")
}

struct Step {
    name: &'static str,
    /// The command that repeats it, where the step is not one command of cargo that the error names.
    again: Option<&'static str>,
    run: fn(&Workspace) -> Result<Outcome>,
}

impl Step {
    fn again(&self, error: &Error) -> String {
        match (error, self.again) {
            (Error::Command { line, .. }, None) => line.clone(),
            (Error::Missing { fix, .. }, _) => fix.clone(),
            (_, Some(again)) => again.to_owned(),
            (_, None) => "cargo xtask ci".to_owned(),
        }
    }
}

// Clippy leaves the checked dependencies with all features, which the documentation uses again; the tests leave the
// built ones, which the doctests and the examples use again: the same selection of packages and features throughout,
// since another one is another build of every dependency.
const STEPS: &[Step] = &[
    Step { name: "format", again: None, run: format },
    Step { name: "clippy", again: None, run: clippy },
    Step { name: "house rules", again: Some("cargo xtask house"), run: house::check },
    Step { name: "tests", again: None, run: tests },
    Step { name: "doctests", again: None, run: doctests },
    Step { name: "documentation", again: None, run: documentation },
    Step { name: "each crate alone", again: None, run: alone::check },
    Step { name: "fuzz targets", again: None, run: fuzz },
    Step { name: "cargo-deny", again: None, run: deny },
    Step { name: "examples", again: None, run: examples::check },
];

/// Programs that the tests start.
const TEST_PROGRAMS: &[Debian] = &[
    Debian { program: "curl", package: "curl" },
    Debian { program: "openssl", package: "openssl" },
    Debian { program: "python3", package: "python3" },
    Debian { program: "redis-server", package: "redis-server" },
];

fn format(workspace: &Workspace) -> Result<Outcome> {
    plain(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed(String::new()))
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let all = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    plain(workspace.cargo().args(all))?;
    Ok(Outcome::Passed(String::new()))
}

fn tests(workspace: &Workspace) -> Result<Outcome> {
    tools::debian(TEST_PROGRAMS)?;
    // Named targets leave the doctests out, which are a step of their own.
    let all = ["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--examples"];
    // A snapshot that differs fails; it is not written beside the old one.
    plain(workspace.cargo().env("INSTA_UPDATE", "no").args(all))?;
    Ok(Outcome::Passed(String::new()))
}

fn doctests(workspace: &Workspace) -> Result<Outcome> {
    plain(workspace.cargo().args(["test", "--workspace", "--all-features", "--doc"]))?;
    Ok(Outcome::Passed(String::new()))
}

fn documentation(workspace: &Workspace) -> Result<Outcome> {
    let mut command = workspace.cargo();
    command.env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
    ]);
    plain(&mut command)?;
    Ok(Outcome::Passed(String::new()))
}

fn fuzz(workspace: &Workspace) -> Result<Outcome> {
    if !workspace.root.join("fuzz/Cargo.toml").is_file() {
        return Ok(Outcome::Nothing("there is no fuzz/Cargo.toml".to_owned()));
    }
    let mut command = workspace.cargo();
    // The fuzzing crates ask for sanitizer flags that only a nightly knows; a check needs none of them.
    command.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_TARGET_DIR");
    command.args(["check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "fuzz/target"]);
    plain(&mut command)?;
    Ok(Outcome::Passed("their corpora are replayed by the tests".to_owned()))
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    let built = tools::cargo_tool(workspace, "cargo-deny")?;
    plain(workspace.cargo().args([
        "deny",
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    let mut command = workspace.cargo();
    command.args(["deny", "--all-features", "check", "advisories"]);
    let dir = tempfile::tempdir().doing(|| "make a folder for the log".to_owned())?;
    // Where packets are dropped, the download would wait for minutes.
    let mut running = Running::start("cargo deny", &mut command, &dir.path().join("log"))?;
    let ended = running.ended(Duration::from_secs(90));
    let said = running.output();
    let advisories = match ended {
        Ok(status) if status.success() => "advisories looked at",
        Ok(status) if !said.contains("failed to fetch advisory database") => {
            eprint!("{said}");
            return Err(Error::Command { line: shown(&command), how: status.to_string() });
        }
        _ => "advisories NOT looked at: their database cannot be reached",
    };
    println!("{advisories}");
    let built =
        built.map(|took| format!("; building the tool took {:.0} s of it", took.as_secs_f64()));
    Ok(Outcome::Passed(format!("{advisories}{}", built.unwrap_or_default())))
}

fn table(done: &[(&str, Duration, String)]) {
    println!("\n{:<18} {:>8}", "step", "seconds");
    for (name, took, note) in done {
        println!("{name:<18} {:>8.1}  {note}", took.as_secs_f64());
    }
    let all: Duration = done.iter().map(|(_, took, _)| *took).sum();
    println!("{:<18} {:>8.1}", "all", all.as_secs_f64());
}
