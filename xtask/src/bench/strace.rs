use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::load::Scenario;
use super::proxy::Proxy;
use super::site::Site;
use crate::args::Args;
use crate::error::{Error, Result};
use crate::process::Running;
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// Counts the system calls of a warm proxy under the keep-alive load, and shows them per request.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let only = args.list("--only")?;
    let seconds = args.number("--seconds", 3)?;
    args.finish()?;
    super::needs(&[
        Debian { program: "wrk", package: "wrk" },
        Debian { program: "strace", package: "strace" },
    ])?;
    for proxy in named(&only)? {
        if let Some(why) = proxy.build(workspace)? {
            return Err(Error::Missing { what: proxy.name().to_owned(), fix: why });
        }
        count(workspace, proxy, seconds)?;
    }
    Ok(())
}

/// The proxies of `--only`, parapet alone if there are none.
pub(super) fn named(only: &[String]) -> Result<Vec<Proxy>> {
    let mut proxies = Vec::new();
    for name in only {
        let found = Proxy::ALL.into_iter().find(|proxy| proxy.word() == name);
        proxies.push(
            found.ok_or_else(|| Error::Usage(format!("--only: no proxy is called {name:?}")))?,
        );
    }
    if proxies.is_empty() {
        proxies.push(Proxy::Parapet);
    }
    Ok(proxies)
}

fn count(workspace: &Workspace, proxy: Proxy, seconds: u32) -> Result<()> {
    let [scenario, ..] = Scenario::ALL;
    let clients = workspace.root.join("benches/clients");
    let site = Site::start(workspace)?;
    let started = proxy.start(workspace, &site)?;
    scenario.run(&clients, &site, &started, 1)?;
    let counts = site.path().join("strace.txt");
    let mut strace = Command::new(tools::which("strace").unwrap_or_else(|| "strace".into()));
    strace.args(["-f", "-c", "-U", "name,calls,errors", "-o"]).arg(&counts);
    strace.args(["-p", &started.running.pid().to_string()]);
    let mut tracer = Running::start("strace", &mut strace, &site.log("strace"))?;
    attached(started.running.pid())?;
    let counted = scenario.run(&clients, &site, &started, seconds)?;
    tracer.signal(Signal::INT)?;
    tracer.ended(Duration::from_secs(10))?;
    show(proxy, counted.requests, &counts)
}

/// Waits until someone traces the process.
fn attached(pid: u32) -> Result<()> {
    for _ in 0..500 {
        let status = crate::error::read(Path::new(&format!("/proc/{pid}/status")))?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).map(str::trim);
        if tracer.is_some_and(|tracer| tracer != "0") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Error::answer("strace", "attached to the proxy", "not after 5 s (is ptrace allowed here?)"))
}

fn show(proxy: Proxy, requests: f64, counts: &Path) -> Result<()> {
    println!("\n{}: {requests:.0} requests over 64 connections", proxy.name());
    println!(
        "{:<18} {:>12} {:>14} {:>16}",
        "system call", "calls", "per request", "failing/request"
    );
    for (name, calls, errors) in calls(&crate::error::read(counts)?) {
        println!("{name:<18} {calls:>12.0} {:>14.4} {:>16.4}", calls / requests, errors / requests);
    }
    Ok(())
}

/// Lines of: name, calls, and errors if there were any.
fn calls(text: &str) -> Vec<(&str, f64, f64)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let calls = words.next()?.parse().ok()?;
            Some((name, calls, words.next().and_then(|word| word.parse().ok()).unwrap_or(0.0)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn the_summary_of_strace_is_read() {
        let text = "syscall           calls    errors\n---------------- -------- ---------\n\
                    recvfrom             200        10\nsendto               180\n\
                    ---------------- -------- ---------\ntotal                380        10\n";
        let wanted = [("recvfrom", 200.0, 10.0), ("sendto", 180.0, 0.0), ("total", 380.0, 10.0)];
        assert_eq!(calls(text), wanted);
    }
}
