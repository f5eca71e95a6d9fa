//! Finding the programs that a command needs, and installing what can be installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

/// A program and the Debian package that has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Debian {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Installs the packages of those programs that are not there; root only, since it is `apt-get install`.
pub(crate) fn debian(wanted: &[Debian]) -> Result<()> {
    let absent: Vec<&Debian> = wanted.iter().filter(|tool| which(tool.program).is_none()).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = absent.iter().map(|tool| tool.package).collect();
    let line = format!("apt-get install -y {}", packages.join(" "));
    apt_install(&packages)?;
    let absent: Vec<&str> = absent
        .iter()
        .filter(|tool| which(tool.program).is_none())
        .map(|tool| tool.program)
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(Error::Missing { what: absent.join(", "), fix: format!("as root: {line}") })
}

/// Installs Debian packages, if this is Debian and we may. Whether that helped is for the caller to see.
fn apt_install(packages: &[&str]) -> Result<()> {
    if which("apt-get").is_none() || !rustix::process::getuid().is_root() {
        return Ok(());
    }
    println!("  installing: apt-get install -y {}", packages.join(" "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(args).stdin(Stdio::null());
        command.output().doing(|| "run apt-get".to_owned())
    };
    // A list of packages that is too old for its mirror is the usual cause of a failure; fetch it and try again.
    let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
    if !apt(&install)?.status.success() {
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

/// Installs the cargo subcommand `name` if it is not there. Returns how long that took.
pub(crate) fn cargo_tool(workspace: &Workspace, name: &str) -> Result<Option<Duration>> {
    if which(name).is_some() {
        return Ok(None);
    }
    let started = Instant::now();
    println!("  installing: cargo install {name} --locked");
    let mut command = workspace.cargo();
    // Outside the workspace: its toolchain settings and target folder are not the tool's.
    command
        .current_dir("/")
        .env_remove("CARGO_TARGET_DIR")
        .args(["install", name, "--locked", "--quiet"]);
    let installed = command.status().doing(|| "run cargo install".to_owned())?.success();
    if installed && which(name).is_some() {
        return Ok(Some(started.elapsed()));
    }
    Err(Error::Missing { what: name.to_owned(), fix: format!("cargo install {name} --locked") })
}

/// The python of a virtual environment in `dir` that has `packages`; both are made if they are not there.
pub(crate) fn python(dir: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = dir.join("bin/python");
    let fix = format!(
        "python3 -m venv {0} && {0}/bin/pip install {1}",
        dir.display(),
        packages.join(" ")
    );
    let missing = |what: String| Error::Missing { what, fix: fix.clone() };
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    };
    let make = || quiet(Command::new("python3").args(["-m", "venv"]).arg(dir));
    if !python.is_file() && !make() {
        apt_install(&["python3-venv"])?; // Debian keeps the module in a package of its own
        if !make() {
            return Err(missing("python3 with its module venv (Debian: python3-venv)".to_owned()));
        }
    }
    let stamp = dir.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("  installing: pip install {}", packages.join(" "));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    if !quiet(&mut pip) {
        return Err(missing(packages.join(", ")));
    }
    crate::error::write(&stamp, wanted)?;
    Ok(python)
}

/// Where `program` is: in PATH, or where Debian puts what only root is meant to start, or where cargo installs.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).map(|home| home.join("bin"));
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into(), "/sbin".into()])
        .chain(cargo)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// A command for `program` where [`which`] finds it.
pub(crate) fn command(program: &str) -> Command {
    Command::new(which(program).unwrap_or_else(|| program.into()))
}

/// The line of `program args` that has a digit in it first: its version.
pub(crate) fn version(program: &str, args: &[&str]) -> String {
    let Ok(output) = command(program).args(args).stdin(Stdio::null()).output() else {
        return String::new();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains(|letter: char| letter.is_ascii_digit()));
    line.unwrap_or_default().trim().to_owned()
}
