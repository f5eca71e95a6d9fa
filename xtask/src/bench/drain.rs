use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::load::Scenario;
use super::proxy::{self, Proxy};
use super::site::{PROXY_CORE, Site, pinned};
use crate::args::Args;
use crate::error::{Error, Result};
use crate::process::free_port;
use crate::tools::Debian;
use crate::workspace::Workspace;

/// Stops the edge under load: nothing that it has accepted may break, and until the wait is over it accepts.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<()> {
    args.finish()?;
    super::needs(&[Debian { program: "wrk", package: "wrk" }])?;
    if let Some(why) = Proxy::Parapet.build(workspace)? {
        return Err(Error::Missing { what: Proxy::Parapet.name().to_owned(), fix: why });
    }
    let mut broken = 0;
    for scenario in
        Scenario::ALL.into_iter().filter(|scenario| ["1k", "new", "1m"].contains(&scenario.word))
    {
        if !holds(workspace, scenario)? {
            broken += 1;
        }
    }
    if broken == 0 { Ok(()) } else { Err(Error::Failed(broken)) }
}

fn holds(workspace: &Workspace, scenario: Scenario) -> Result<bool> {
    let site = Site::start(workspace)?;
    let (plain, tls) = (free_port()?, free_port()?);
    let (program, args) = Proxy::Parapet.command(workspace, &site, plain, tls)?;
    let mut command: Command = pinned(PROXY_CORE, &program);
    let mut last = String::new();
    for arg in args {
        let with_wait = if last == "--wait" { WAIT.as_secs().to_string() } else { arg.clone() };
        command.arg(with_wait);
        last = arg;
    }
    command.args(["--grace", "20"]).current_dir(site.path());
    let mut started = proxy::start("edge", &mut command, &site, plain, tls)?;
    let clients = workspace.root.join("benches/clients");
    let (counted, refused, ended, status) = thread::scope(|scope| {
        let load = scope.spawn(|| scenario.wrk_at(&clients, plain, LOAD_SECONDS));
        thread::sleep(Duration::from_secs(2)); // some load before the signal
        started.running.signal(rustix::process::Signal::TERM)?;
        let signalled = Instant::now();
        let refused = first_refused(plain, signalled);
        let status = started.running.ended(Duration::from_secs(30))?;
        let ended = signalled.elapsed();
        let counted =
            load.join().map_err(|_| Error::answer("the load", "figures", "a panic"))??;
        Ok::<_, Error>((counted, refused, ended, status))
    })?;
    println!(
        "{:<6} {:.0} requests, {:.0} broken; first refused {:.2} s after SIGTERM (wait {} s); ended after {:.2} s, {status}",
        scenario.word,
        counted.requests,
        counted.failed,
        refused.as_secs_f64(),
        WAIT.as_secs(),
        ended.as_secs_f64()
    );
    Ok(counted.failed < 1.0 && refused >= WAIT && status.success())
}

/// How long after `since` a new connection is refused for the first time.
fn first_refused(address: SocketAddr, since: Instant) -> Duration {
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
        if since.elapsed() > Duration::from_secs(30) {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    since.elapsed()
}

/// From the signal on, for a balancer in front to notice.
const WAIT: Duration = Duration::from_secs(2);
const LOAD_SECONDS: u32 = 8;
