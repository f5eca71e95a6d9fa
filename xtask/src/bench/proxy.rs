use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::site::{PROXY_CORE, Site, pinned};
use crate::ci;
use crate::error::Result;
use crate::process::{Running, free_port};
use crate::tools;
use crate::workspace::Workspace;

/// A proxy that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Parapet,
    Nginx,
    HaproxyHttp,
    HaproxyTcp,
    Pingora,
}

/// A proxy that runs, with the addresses it listens on.
pub(crate) struct Started {
    pub(crate) running: Running,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

impl Proxy {
    pub(crate) const ALL: [Self; 5] =
        [Self::Parapet, Self::Nginx, Self::HaproxyHttp, Self::HaproxyTcp, Self::Pingora];

    /// The word for it on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Parapet => "parapet",
            Self::Nginx => "nginx",
            Self::HaproxyHttp => "haproxy",
            Self::HaproxyTcp => "haproxy-tcp",
            Self::Pingora => "pingora",
        }
    }

    /// What it is called in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parapet => "parapet",
            Self::Nginx => "nginx",
            Self::HaproxyHttp => "HAProxy, mode http",
            Self::HaproxyTcp => "HAProxy, mode tcp",
            Self::Pingora => "Pingora",
        }
    }

    /// Which version is measured.
    pub(crate) fn version(self, workspace: &Workspace) -> String {
        match self {
            Self::Parapet => format!("parapet at {}", workspace.commit()),
            Self::Nginx => tools::version("nginx", &["-v"]).replace("nginx version: ", ""),
            Self::HaproxyHttp | Self::HaproxyTcp => {
                let line = tools::version("haproxy", &["-v"]);
                line.split(" - ").next().unwrap_or_default().to_owned()
            }
            Self::Pingora => {
                let lock = std::fs::read_to_string(workspace.root.join(PINGORA).join("Cargo.lock"))
                    .unwrap_or_default();
                let after =
                    lock.split("name = \"pingora-proxy\"\nversion = \"").nth(1).unwrap_or_default();
                format!("pingora-proxy {}", after.split('"').next().unwrap_or_default())
            }
        }
    }

    /// Builds it, where it is ours to build. `Some` says why it has to stay out.
    pub(crate) fn build(self, workspace: &Workspace) -> Result<Option<String>> {
        match self {
            Self::Parapet if workspace.member("parapet-examples").is_none() => {
                Ok(Some("there is no package parapet-examples".to_owned()))
            }
            Self::Parapet => {
                let args = [
                    "build",
                    "--release",
                    "--quiet",
                    "--package",
                    "parapet-examples",
                    "--example",
                    "edge",
                ];
                ci::plain(workspace.cargo().args(args))?;
                Ok(None)
            }
            Self::Pingora => {
                if !pingora(workspace).is_file() {
                    println!("building Pingora's peer once, which takes minutes");
                }
                let mut command = workspace.cargo();
                command.env_remove("CARGO_TARGET_DIR").current_dir(workspace.root.join(PINGORA));
                command.args([
                    "build",
                    "--release",
                    "--quiet",
                    "--locked",
                    "--target-dir",
                    "target",
                ]);
                match ci::plain(&mut command) {
                    Ok(()) => Ok(None),
                    Err(error) => Ok(Some(format!("it does not build here: {error}"))),
                }
            }
            Self::Nginx | Self::HaproxyHttp | Self::HaproxyTcp => Ok(None),
        }
    }

    /// Starts it in front of the site's origin.
    pub(crate) fn start(self, workspace: &Workspace, site: &Site) -> Result<Started> {
        let (plain, tls) = (free_port()?, free_port()?);
        let (program, args) = self.command(workspace, site, plain, tls)?;
        let mut command = pinned(PROXY_CORE, &program);
        start(self.word(), command.args(args).current_dir(site.path()), site, plain, tls)
    }

    /// The program and its arguments.
    pub(crate) fn command(
        self,
        workspace: &Workspace,
        site: &Site,
        plain: SocketAddr,
        tls: SocketAddr,
    ) -> Result<(PathBuf, Vec<String>)> {
        let config = |name: &str| {
            let filled = site
                .config(name, &[("{{PLAIN}}", plain.to_string()), ("{{TLS}}", tls.to_string())]);
            filled.map(|path| path.display().to_string())
        };
        let found = |name: &str| tools::which(name).unwrap_or_else(|| name.into());
        let (cert, key) = (site.cert().display().to_string(), site.key().display().to_string());
        Ok(match self {
            Self::Parapet => {
                let origin = format!("http://{}", site.origin);
                let args = ["--bare", "--workers", "1", "--wait", "0", "--origin", &origin];
                let args = args.iter().map(ToString::to_string);
                let listen = [
                    "--listen".to_owned(),
                    plain.to_string(),
                    "--tls-listen".to_owned(),
                    tls.to_string(),
                ];
                let certificate = ["--cert".to_owned(), cert, "--key".to_owned(), key];
                (edge(workspace), args.chain(listen).chain(certificate).collect())
            }
            Self::Nginx => {
                let folder = site.path().display().to_string();
                (found("nginx"), vec!["-c".into(), config("nginx.conf")?, "-p".into(), folder])
            }
            Self::HaproxyHttp => {
                (found("haproxy"), vec!["-db".into(), "-f".into(), config("haproxy-http.cfg")?])
            }
            Self::HaproxyTcp => {
                (found("haproxy"), vec!["-db".into(), "-f".into(), config("haproxy-tcp.cfg")?])
            }
            Self::Pingora => (
                pingora(workspace),
                vec![plain.to_string(), tls.to_string(), site.origin.to_string(), cert, key],
            ),
        })
    }
}

/// Starts `command` and waits until it listens on both addresses.
pub(crate) fn start(
    name: &str,
    command: &mut Command,
    site: &Site,
    plain: SocketAddr,
    tls: SocketAddr,
) -> Result<Started> {
    let mut running = Running::start(name, command, &site.log(name))?;
    running.answers_at(plain, Duration::from_secs(60))?;
    running.answers_at(tls, Duration::from_secs(60))?;
    Ok(Started { running, plain, tls })
}

fn edge(workspace: &Workspace) -> PathBuf {
    workspace.target().join("release/examples/edge")
}

fn pingora(workspace: &Workspace) -> PathBuf {
    workspace.root.join(PINGORA).join("target/release/pingora-peer")
}

const PINGORA: &str = "benches/peers/pingora";
