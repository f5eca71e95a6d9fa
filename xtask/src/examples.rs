//! The examples are programs that people deploy: each starts, answers a request and stops when it is told to.

use std::net::SocketAddr;
use std::time::Duration;

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
    for example in EXAMPLES {
        let plain = free_port()?;
        let tls = free_port()?;
        let program = workspace.target().join("debug/examples").join(example.name);
        let mut command = std::process::Command::new(program);
        for arg in example.args {
            command
                .arg(arg.replace("{PLAIN}", &plain.to_string()).replace("{TLS}", &tls.to_string()));
        }
        let log = dir.path().join(example.name);
        let mut running = Running::start(example.name, command.current_dir(dir.path()), &log)?;
        running.answers_at(plain, Duration::from_secs(20))?;
        running.answers_at(tls, Duration::from_secs(20))?;
        for probe in example.probes {
            check_probe(example.name, plain, probe)?;
        }
        let status = running.stop(Duration::from_secs(30))?;
        if !status.success() {
            return Err(Error::answer(
                format!("{} after SIGTERM", example.name),
                "exit code 0",
                status.to_string(),
            ));
        }
        println!("{}: started, answered {} requests, stopped", example.name, example.probes.len());
    }
    Ok(Outcome::Passed(format!("{} started", EXAMPLES.len())))
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
    /// `{PLAIN}` and `{TLS}` stand for the addresses that it gets.
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

const EXAMPLES: &[Example] = &[Example {
    name: "edge",
    args: &["--listen", "{PLAIN}", "--tls-listen", "{TLS}", "--wait", "0"],
    probes: &[Probe { host: "localhost", path: "/healthz", status: 200, fields: &[], body: "" }],
}];
