use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificate;
use crate::error::{Doing, Error, Result, read, write};
use crate::process::{Running, free_port};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// What all groups share: an origin, a certificate, and a way to start an edge in front of something.
pub(super) struct Stage {
    edge: PathBuf,
    scripts: PathBuf,
    venv: PathBuf,
    pub(super) origin: SocketAddr,
    /// Stopped before the folder goes, which holds its files.
    _running: Running,
    dir: TempDir,
}

/// An edge that runs, with the addresses it listens on.
pub(super) struct Edge {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    /// Stopped when the edge is dropped.
    _running: Running,
}

impl Stage {
    pub(super) fn set(workspace: &Workspace, edge: PathBuf) -> Result<Self> {
        tools::debian(&[
            Debian { program: "nginx", package: "nginx-light" },
            Debian { program: "openssl", package: "openssl" },
        ])?;
        let dir = tempfile::tempdir().doing(|| "make a folder for the run".to_owned())?;
        certificate::write_self_signed(dir.path())?;
        let www = dir.path().join("www");
        std::fs::create_dir(&www).doing(|| format!("make {}", www.display()))?;
        write(&www.join("1m"), vec![b'x'; 1024 * 1024])?;
        let scripts = workspace.root.join("xtask/interop");
        let origin = free_port()?;
        let config = read(&scripts.join("origin.conf"))?
            .replace("{{DIR}}", &dir.path().display().to_string())
            .replace("{{ORIGIN}}", &origin.to_string());
        let filled = dir.path().join("origin.conf");
        write(&filled, config)?;
        let mut command = tools::command("nginx");
        command.arg("-c").arg(&filled).arg("-p").arg(dir.path());
        let mut running =
            Running::start("origin (nginx)", &mut command, &dir.path().join("origin.log"))?;
        running.answers_at(origin, Duration::from_secs(10))?;
        let venv = workspace.target().join("interop/venv");
        if let Some(parent) = venv.parent() {
            std::fs::create_dir_all(parent).doing(|| format!("make {}", parent.display()))?;
        }
        Ok(Self { edge, scripts, venv, origin, _running: running, dir })
    }

    /// A folder that lives as long as the run.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn cert(&self) -> PathBuf {
        self.path().join("cert.pem")
    }

    /// Starts an edge in front of `origin`; `more` are further flags.
    pub(super) fn edge(&self, origin: &str, more: &[&str]) -> Result<Edge> {
        let (plain, tls) = (free_port()?, free_port()?);
        let mut command = Command::new(&self.edge);
        command.args(["--listen", &plain.to_string(), "--tls-listen", &tls.to_string()]);
        command.arg("--cert").arg(self.cert()).arg("--key").arg(self.path().join("key.pem"));
        command
            .args(["--origin", origin, "--workers", "1", "--no-log", "--wait", "0", "--grace", "2"])
            .args(more);
        let log = self.path().join(format!("edge-{}.log", plain.port()));
        let mut running = Running::start("edge", command.current_dir(self.path()), &log)?;
        running.answers_at(plain, Duration::from_secs(20))?;
        running.answers_at(tls, Duration::from_secs(20))?;
        Ok(Edge { plain, tls, _running: running })
    }

    /// A file of xtask/interop.
    pub(super) fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// A python with `packages`, in the run's virtual environment.
    pub(super) fn python(&self, packages: &[&str]) -> Result<PathBuf> {
        tools::python(&self.venv, packages)
    }
}

/// Runs `command` for at most so many seconds and returns its exit code and all that it said.
pub(super) fn said(command: &mut Command, seconds: u32) -> Result<(i32, String)> {
    let mut bounded = Command::new("timeout");
    bounded
        .args(["--kill-after=2", &seconds.to_string()])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        bounded.current_dir(dir);
    }
    let shown = || format!("start {}", command.get_program().display());
    let output = bounded.stdin(Stdio::null()).output().doing(shown)?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
}

/// Fails unless every one of `wanted` is in `text`.
pub(super) fn holds(what: &str, text: &str, wanted: &[&str]) -> Result<()> {
    match wanted.iter().find(|part| !text.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(Error::answer(what, format!("{part:?}"), text)),
    }
}
