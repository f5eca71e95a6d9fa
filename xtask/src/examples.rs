//! The examples are programs that people deploy: each starts, answers a request and stops when it is told to.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::ci::{Outcome, plain};
use crate::error::{Doing, Error, Result};
use crate::http1::{Client, field};
use crate::process::{Running, free_port};
use crate::workspace::Workspace;

/// Starts every example of the table.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    if workspace.member(PACKAGE).is_none() {
        return Ok(Outcome::Nothing(format!("there is no package {PACKAGE}")));
    }
    // The selection of packages and features that the tests have just built.
    plain(workspace.cargo().args(["build", "--workspace", "--all-features", "--examples"]))?;
    let dir = tempfile::tempdir().doing(|| "make a folder for the logs".to_owned())?;
    let mut started = Vec::new();
    for example in EXAMPLES {
        let running = start(workspace, example, &dir)?;
        started.push((example, running));
    }
    // All at once: most of them wait ten seconds before they close, for a balancer to notice.
    let stopped: Vec<_> = thread::scope(|scope| {
        let stops: Vec<_> = started
            .into_iter()
            .map(|(example, running)| {
                (example, scope.spawn(move || running.stop(Duration::from_secs(40))))
            })
            .collect();
        stops.into_iter().map(|(example, stop)| (example, stop.join())).collect()
    });
    for (example, status) in stopped {
        let what = format!("{} after SIGTERM", example.name);
        let status = match status {
            Ok(status) => status?,
            Err(_) => return Err(Error::answer(what, "exit code 0", "a panic")),
        };
        if !status.success() {
            return Err(Error::answer(what, "exit code 0", status.to_string()));
        }
        println!("{}: started, answered {} requests, stopped", example.name, example.probes.len());
    }
    Ok(Outcome::Passed(format!("{} started", EXAMPLES.len())))
}

/// Starts one example on ports of its own and asks it what its row says.
fn start(workspace: &Workspace, example: &Example, dir: &TempDir) -> Result<Running> {
    let (first, second) = (free_port()?, free_port()?);
    let program = workspace.target().join("debug/examples").join(example.name);
    let mut command = std::process::Command::new(program);
    for arg in example.args {
        let arg = arg.replace("{FIRST}", &first.to_string());
        command.arg(arg.replace("{SECOND}", &second.to_string()));
    }
    let log = dir.path().join(example.name);
    let mut running = Running::start(example.name, command.current_dir(dir.path()), &log)?;
    running.answers_at(first, Duration::from_secs(20))?;
    if example.args.contains(&"{SECOND}") {
        running.answers_at(second, Duration::from_secs(20))?;
    }
    for probe in example.probes {
        check_probe(example.name, first, probe)?;
    }
    Ok(running)
}

fn check_probe(name: &str, address: SocketAddr, probe: &Probe) -> Result<()> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: xtask\r\nAccept: */*\r\n\r\n",
        probe.path, probe.host
    );
    let what = format!("{name}, GET {} for {}", probe.path, probe.host);
    let answer = Client::connect(address)?.exchange(request.as_bytes())?;
    if answer.status != probe.status {
        let got = format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body));
        return Err(Error::answer(what, format!("status {}", probe.status), got));
    }
    for wanted in probe.fields {
        if field(&answer.head, wanted).is_none() {
            return Err(Error::answer(what, format!("field {wanted}"), answer.head));
        }
    }
    let body = String::from_utf8_lossy(&answer.body);
    if !body.contains(probe.body) {
        return Err(Error::answer(what, format!("a body with {:?}", probe.body), body));
    }
    Ok(())
}

struct Example {
    name: &'static str,
    /// `{FIRST}` and `{SECOND}` stand for the addresses that it gets; the first speaks plain HTTP.
    args: &'static [&'static str],
    probes: &'static [Probe],
}

struct Probe {
    host: &'static str,
    path: &'static str,
    status: u16,
    /// Response fields that must be there.
    fields: &'static [&'static str],
    /// What the body must contain.
    body: &'static str,
}

/// The package of the examples.
const PACKAGE: &str = "parapet-examples";

const EXAMPLES: &[Example] = &[
    Example {
        name: "api_gateway",
        args: &["--listen", "{FIRST}"],
        probes: &[Probe {
            host: "localhost",
            path: "/api/orders",
            status: 401,
            fields: &["www-authenticate"],
            body: "Unauthorized",
        }],
    },
    Example {
        name: "edge",
        args: &["--listen", "{FIRST}", "--tls-listen", "{SECOND}", "--wait", "0"],
        probes: &[Probe {
            host: "localhost",
            path: "/healthz",
            status: 200,
            fields: &[],
            body: "",
        }],
    },
    Example {
        name: "fleet",
        args: &["--listen", "{FIRST}", "--second", "{SECOND}"],
        probes: &[Probe {
            host: "localhost",
            path: "/",
            status: 200,
            fields: &["ratelimit", "ratelimit-policy"],
            body: "",
        }],
    },
    Example {
        name: "seed",
        args: &["{FIRST}"],
        probes: &[
            Probe {
                host: "example.com",
                path: "/hello",
                status: 301,
                fields: &["location", "x-request-id"],
                body: "",
            },
            Probe { host: "127.0.0.1", path: "/healthz", status: 200, fields: &[], body: "OK" },
        ],
    },
    Example {
        name: "static_site",
        args: &["--listen", "{FIRST}"],
        probes: &[Probe {
            host: "localhost",
            path: "/",
            status: 200,
            fields: &["last-modified", "vary"],
            body: "<html",
        }],
    },
];
