use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::compare::today;
use super::load::wrk;
use super::site::{PROXY_CORE, Site, pinned};
use super::table::Spread;
use crate::args::Args;
use crate::ci;
use crate::error::{Error, Result, write};
use crate::process::{Cpu, Running, free_port, resident};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// Static files: the example `static_site` beside nginx, over the same folder; with `--record` writes benches/FILES.md.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let record = args.switch("--record");
    let rounds = args.number("--rounds", 3)?;
    let seconds = args.number("--seconds", 3)?;
    args.finish()?;
    super::needs(&[Debian { program: "wrk", package: "wrk" }])?;
    let build = ["build", "--release", "--quiet", "-p", "parapet-examples", "--example", EXAMPLE];
    ci::plain(workspace.cargo().args(build))?;
    let site = Site::start(workspace)?;
    write(&site.path().join("www/1k.txt"), vec![b'x'; 1024])?;
    write(&site.path().join("www/1m.txt"), vec![b'x'; 1024 * 1024])?;
    let servers = [parapet(workspace, &site)?, nginx(&site)?];
    let mut text = String::new();
    for (title, path, connections) in LOADS {
        let _ = writeln!(text, "## {title}\n\n{HEAD}");
        let mut samples: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            let mut order: Vec<_> = servers.iter().zip(&mut samples).collect();
            if round % 2 == 1 {
                order.reverse(); // nobody is always the first
            }
            for (server, samples) in order {
                samples.push(server.load(workspace, path, connections, seconds)?);
            }
        }
        let mut rates = Vec::new();
        for (server, samples) in servers.iter().zip(&samples) {
            let of = |figure: fn(&Sample) -> f64| Spread::of(samples.iter().map(figure).collect());
            let rate = of(|sample| sample.per_cpu_second);
            let cells = [of(|sample| sample.user), of(|sample| sample.system), rate];
            let cells: Vec<String> = cells.into_iter().flatten().map(Spread::shown).collect();
            let memory = resident(server.running.pid())? as f64 / (1024.0 * 1024.0);
            let _ = writeln!(text, "| {} | {} | {memory:.1} |", server.name, cells.join(" | "));
            rates.extend(rate.map(|rate| rate.median));
        }
        if let [ours, theirs] = rates[..] {
            let _ = writeln!(
                text,
                "\nparapet / nginx, requests per CPU second: {:.2}\n",
                ours / theirs
            );
        }
    }
    print!("{text}");
    if record {
        let path = workspace.root.join("benches/FILES.md");
        let head = format!(
            "# Static files beside nginx\n\n`cargo xtask bench --files --record --rounds {rounds} --seconds {seconds}` at {}, \
             {}: medians of the rounds (least–most). One\nworker each, logs off, keep-alive, files in the page cache; the \
             server on one core, the load on the other.\n\n",
            workspace.commit(),
            today()
        );
        write(&path, head + text.trim_end() + "\n")?;
        println!("written: {}", path.display());
    }
    Ok(())
}

const EXAMPLE: &str = "static_site";
const LOADS: [(&str, &str, u32); 2] =
    [("1 KiB, 64 connections", "/1k.txt", 64), ("1 MiB, 16 connections", "/1m.txt", 16)];
const HEAD: &str = "| server | user µs | system µs | requests per CPU second | resident MiB |\n\
                    | --- | --- | --- | --- | --- |";

/// A server of the folder that runs.
struct Server {
    name: &'static str,
    address: SocketAddr,
    running: Running,
}

struct Sample {
    /// µs of CPU per request.
    user: f64,
    system: f64,
    per_cpu_second: f64,
}

impl Server {
    fn start(
        name: &'static str,
        command: &mut Command,
        site: &Site,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut running = Running::start(name, command.current_dir(site.path()), &site.log(name))?;
        running.answers_at(address, Duration::from_secs(20))?;
        Ok(Self { name, address, running })
    }

    /// One second to warm up, then the measured ones.
    fn load(
        &self,
        workspace: &Workspace,
        path: &str,
        connections: u32,
        seconds: u32,
    ) -> Result<Sample> {
        let clients = workspace.root.join("benches/clients");
        let url = format!("http://{}{path}", self.address);
        wrk(&clients, &url, connections, &[], 1)?;
        let before = Cpu::of(self.running.pid())?;
        let counted = wrk(&clients, &url, connections, &[], seconds)?;
        if counted.requests < 1.0 || counted.failed + counted.refused > 0.0 {
            return Err(Error::answer(
                self.name,
                "answers to all requests",
                format!("{counted:?}"),
            ));
        }
        let used = Cpu::of(self.running.pid())?.since(before);
        let (user, system) = (used.user.as_secs_f64(), used.system.as_secs_f64());
        Ok(Sample {
            user: user * 1e6 / counted.requests,
            system: system * 1e6 / counted.requests,
            per_cpu_second: counted.requests / (user + system),
        })
    }
}

fn parapet(workspace: &Workspace, site: &Site) -> Result<Server> {
    let address = free_port()?;
    let program = workspace.target().join("release/examples").join(EXAMPLE);
    let mut command = pinned(PROXY_CORE, &program);
    command.args(["--bare", "--no-listing", "--workers", "1", "--root", "www", "--listen"]);
    Server::start("parapet", command.arg(address.to_string()), site, address)
}

fn nginx(site: &Site) -> Result<Server> {
    let address = free_port()?;
    let config = site.config("files.conf", &[("{{PLAIN}}", address.to_string())])?;
    let program = tools::which("nginx").unwrap_or_else(|| "nginx".into());
    let mut command = pinned(PROXY_CORE, &program);
    command.arg("-c").arg(config).arg("-p").arg(site.path());
    Server::start("nginx", &mut command, site, address)
}
