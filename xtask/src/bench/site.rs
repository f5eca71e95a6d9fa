use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificate;
use crate::error::{Doing, Result, read, write};
use crate::process::{Running, free_port};
use crate::tools;
use crate::workspace::Workspace;

/// What every measured proxy stands in front of and is given: an origin, a certificate, a folder for its files.
pub(crate) struct Site {
    pub(crate) origin: SocketAddr,
    peers: PathBuf,
    /// Stopped when the site is dropped; before the folder goes, which holds its files.
    _running: Running,
    dir: TempDir,
}

impl Site {
    /// Makes the certificate and the files, and starts the origin.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let dir = tempfile::tempdir().doing(|| "make a folder for the run".to_owned())?;
        let peers = workspace.root.join("benches/peers");
        let origin = free_port()?;
        certificate::write_self_signed(dir.path())?;
        let www = dir.path().join("www");
        std::fs::create_dir(&www).doing(|| format!("make {}", www.display()))?;
        write(&www.join("1m"), vec![b'x'; 1024 * 1024])?;
        let config = fill(&peers, dir.path(), origin, "origin.conf", &[])?;
        let mut command =
            pinned(LOAD_CORE, &tools::which("nginx").unwrap_or_else(|| "nginx".into()));
        command.arg("-c").arg(config).arg("-p").arg(dir.path());
        let mut running =
            Running::start("origin (nginx)", &mut command, &dir.path().join("origin.log"))?;
        running.answers_at(origin, Duration::from_secs(10))?;
        Ok(Self { origin, peers, _running: running, dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where the output of the program `name` goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.log"))
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path().join("key.pem")
    }

    /// Fills in the template `name` of benches/peers and returns where the result is.
    pub(crate) fn config(&self, name: &str, more: &[(&str, String)]) -> Result<PathBuf> {
        fill(&self.peers, self.path(), self.origin, name, more)
    }
}

fn fill(
    peers: &Path,
    dir: &Path,
    origin: SocketAddr,
    name: &str,
    more: &[(&str, String)],
) -> Result<PathBuf> {
    let at = |name: &str| dir.join(name).display().to_string();
    let own = [
        ("{{DIR}}", dir.display().to_string()),
        ("{{ORIGIN}}", origin.to_string()),
        ("{{CERT}}", at("cert.pem")),
        ("{{KEY}}", at("key.pem")),
        ("{{PEM}}", at("both.pem")),
        ("{{KIB}}", "x".repeat(1024)),
    ];
    let mut text = read(&peers.join(name))?;
    for (placeholder, value) in own.iter().chain(more) {
        text = text.replace(placeholder, value);
    }
    let filled = dir.join(name);
    write(&filled, text)?;
    Ok(filled)
}

/// A command that runs on one core alone, where there are two.
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    if std::thread::available_parallelism().map_or(1, std::num::NonZero::get) < 2 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// The measured proxy has this core for itself; load and origin share the other one.
pub(crate) const PROXY_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";
