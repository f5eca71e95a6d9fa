use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::compare::today;
use super::proxy::{Proxy, Started};
use super::site::{LOAD_CORE, Site, pinned};
use crate::args::Args;
use crate::error::{Doing, Error, Result};
use crate::process::resident;
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// Measures what an idle connection keeps resident: so many of them, used once, then silent for two seconds.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let count = args.number("--connections", 2000)?;
    let only = args.list("--only")?;
    args.finish()?;
    super::needs(&[
        Debian { program: "python3", package: "python3" },
        Debian { program: "haproxy", package: "haproxy" },
    ])?;
    let proxies = if only.is_empty() { Proxy::ALL.to_vec() } else { super::strace::named(&only)? };
    let site = Site::start(workspace)?;
    println!("{}, {count} connections, idle for {} s", today(), IDLE.as_secs());
    println!("{:<20} {:>18} {:>18}", "proxy", "plain KiB each", "TLS KiB each");
    for proxy in proxies {
        if let Some(why) = proxy.build(workspace)? {
            println!("{:<20} left out: {why}", proxy.name());
            continue;
        }
        let plain = each(workspace, &site, proxy, count, "plain")?;
        let tls = each(workspace, &site, proxy, count, "tls")?;
        println!("{:<20} {plain:>18.2} {tls:>18.2}", proxy.name());
    }
    Ok(())
}

/// KiB of a connection.
fn each(workspace: &Workspace, site: &Site, proxy: Proxy, count: u32, kind: &str) -> Result<f64> {
    let started = proxy.start(workspace, site)?;
    let pid = started.running.pid();
    // A few first, so that what the process allocates once is not counted.
    drop(Held::open(workspace, &started, 32, kind)?);
    let before = resident(pid)?;
    let held = Held::open(workspace, &started, count, kind)?;
    // Not a wait for an event: being idle is what is measured.
    std::thread::sleep(IDLE);
    let after = resident(pid)?;
    drop(held);
    Ok(after.saturating_sub(before) as f64 / 1024.0 / f64::from(count))
}

/// Connections that are open until this is dropped.
struct Held(Child);

impl Held {
    fn open(workspace: &Workspace, proxy: &Started, count: u32, kind: &str) -> Result<Self> {
        let address = if kind == "tls" { proxy.tls } else { proxy.plain };
        let mut command: Command =
            pinned(LOAD_CORE, &tools::which("python3").unwrap_or_else(|| "python3".into()));
        command.arg(workspace.root.join("benches/clients/idle.py"));
        command.args([
            address.ip().to_string(),
            address.port().to_string(),
            count.to_string(),
            kind.to_owned(),
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut held = Self(command.spawn().doing(|| "start python3".to_owned())?);
        let mut line = String::new();
        if let Some(stdout) = held.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).doing(|| "read from idle.py".to_owned())?;
        }
        if line.trim() == "ready" { Ok(held) } else { Err(Error::answer("idle.py", "ready", line)) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Long enough for a proxy to give back what it keeps only between requests.
const IDLE: Duration = Duration::from_secs(2);
