use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::proxy::{self, Proxy};
use super::site::{PROXY_CORE, Site, pinned};
use crate::args::Args;
use crate::error::{Error, Result};
use crate::http1::{Client, field};
use crate::process::free_port;
use crate::workspace::Workspace;

/// Stops the edge under load: nothing that it has accepted may break, and until the wait is over it accepts.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<()> {
    args.finish()?;
    super::needs(&[])?;
    if let Some(why) = Proxy::Parapet.build(workspace)? {
        return Err(Error::Missing { what: Proxy::Parapet.name().to_owned(), fix: why });
    }
    println!(
        "SIGTERM while {CLIENTS} clients ask as fast as they can; the edge waits {} s",
        WAIT.as_secs()
    );
    let mut broken = 0;
    for (name, path, fields) in [
        ("1 KiB, keep-alive", "/1k", ""),
        ("1 MiB, keep-alive", "/1m", ""),
        ("1 KiB, new connections", "/1k", "Connection: close\r\n"),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: xtask\r\n{fields}\r\n");
        if !holds(workspace, name, request.as_bytes())? {
            broken += 1;
        }
    }
    if broken == 0 { Ok(()) } else { Err(Error::Failed(broken)) }
}

fn holds(workspace: &Workspace, name: &str, request: &[u8]) -> Result<bool> {
    let site = Site::start(workspace)?;
    let (plain, tls) = (free_port()?, free_port()?);
    let (program, args) = Proxy::Parapet.command(workspace, &site, plain, tls)?;
    let mut command = pinned(PROXY_CORE, &program);
    let mut last = String::new();
    for arg in args {
        let with_wait = if last == "--wait" { WAIT.as_secs().to_string() } else { arg.clone() };
        command.arg(with_wait);
        last = arg;
    }
    command.args(["--grace", "20"]).current_dir(site.path());
    let mut started = proxy::start("edge", &mut command, &site, plain, tls)?;
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| Tally::of_client(plain, request))).collect();
        thread::sleep(Duration::from_secs(1)); // some load before the signal
        started.running.signal(rustix::process::Signal::TERM)?;
        let signalled = Instant::now();
        let status = started.running.ended(Duration::from_secs(40))?;
        let ended = signalled.elapsed();
        let mut sum = Tally::default();
        for client in clients {
            sum.add(client.join().unwrap_or_default());
        }
        let refused = sum.refused.map(|at| at.saturating_duration_since(signalled));
        // Whom the kernel had queued when the listener closed was never accepted.
        let in_time = sum.fresh.iter().filter(|at| **at < signalled + WAIT).count();
        println!(
            "{name}: {} answered, {} of them after the signal",
            sum.answered.len(),
            sum.after(signalled)
        );
        println!("  cut in the middle: {}", sum.cut);
        println!("  unanswered on a kept connection: {}", sum.kept);
        println!(
            "  unanswered on a new one: {in_time} before the end of the wait, {} after",
            sum.fresh.len() - in_time
        );
        match refused {
            Some(refused) => println!("  first refused after {:.2} s", refused.as_secs_f64()),
            None => println!("  never refused"),
        }
        println!("  ended after {:.2} s with {status}", ended.as_secs_f64());
        let kept_promise = refused.is_none_or(|refused| refused >= WAIT) && status.success();
        Ok(sum.cut == 0 && sum.kept == 0 && in_time == 0 && kept_promise)
    })
}

/// What became of the requests.
#[derive(Debug, Default)]
struct Tally {
    answered: Vec<Instant>,
    /// The answer had begun.
    cut: usize,
    /// No byte of an answer, on a connection that had answered before.
    kept: usize,
    /// No byte of an answer on a new connection, and when.
    fresh: Vec<Instant>,
    /// When the first connection was refused.
    refused: Option<Instant>,
}

impl Tally {
    /// Asks until connections are refused.
    fn of_client(address: SocketAddr, request: &[u8]) -> Self {
        let mut tally = Self::default();
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let Ok(mut client) = Client::connect(address) else {
                tally.refused = Some(Instant::now());
                break;
            };
            let mut is_kept = false;
            loop {
                let Ok(answer) = client.exchange(request) else {
                    match (client.has_begun(), is_kept) {
                        (true, _) => tally.cut += 1,
                        (false, true) => tally.kept += 1,
                        (false, false) => tally.fresh.push(Instant::now()),
                    }
                    break;
                };
                tally.answered.push(Instant::now());
                is_kept = true;
                if field(&answer.head, "connection").is_some_and(|value| value == "close") {
                    break;
                }
            }
        }
        tally
    }

    fn add(&mut self, other: Self) {
        self.answered.extend(other.answered);
        self.cut += other.cut;
        self.kept += other.kept;
        self.fresh.extend(other.fresh);
        self.refused = match (self.refused, other.refused) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    fn after(&self, signalled: Instant) -> usize {
        self.answered.iter().filter(|at| **at > signalled).count()
    }
}

const CLIENTS: usize = 32;
/// From the signal on, for a balancer in front to notice.
const WAIT: Duration = Duration::from_secs(2);
