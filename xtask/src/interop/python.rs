//! Peers that come from PyPI: each script prints a line for each of its cases.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::stage::{Stage, said};
use super::{Outcome, Report};
use crate::error::{Error, Result};
use crate::process::{Running, free_port};

/// WebSocket through the edge, on both ports.
pub(super) fn websocket(stage: &Stage, report: &mut Report) -> Result<()> {
    let python = stage.python(PACKAGES)?;
    let script = stage.script("websocket.py");
    let (origin, _running) = server(stage, &python, &script, "websocket")?;
    let edge = stage.edge(&format!("http://{origin}"), &[])?;
    let cert = stage.cert().display().to_string();
    cases(
        report,
        "ws",
        Command::new(&python).arg(&script).args(["client", &format!("ws://{}/", edge.plain)]),
    )?;
    let wss = format!("wss://{}/", edge.tls);
    cases(report, "wss", Command::new(&python).arg(&script).args(["client", &wss, &cert]))
}

/// gRPC through the edge, on both ports.
pub(super) fn grpc(stage: &Stage, report: &mut Report) -> Result<()> {
    let python = stage.python(PACKAGES)?;
    let script = stage.script("grpc_echo.py");
    let (origin, _running) = server(stage, &python, &script, "grpc")?;
    let edge = stage.edge(&format!("h2c://{origin}"), &[])?;
    let cert = stage.cert().display().to_string();
    let plain = edge.plain.to_string();
    cases(report, "in the clear", Command::new(&python).arg(&script).args(["client", &plain]))?;
    let tls = edge.tls.to_string();
    cases(report, "over TLS", Command::new(&python).arg(&script).args(["client", &tls, &cert]))
}

/// The TLS port, scanned.
pub(super) fn tls(stage: &Stage, report: &mut Report) -> Result<()> {
    let python = stage.python(PACKAGES)?;
    let edge = stage.edge(&format!("http://{}", stage.origin), &[])?;
    let mut command = Command::new(&python);
    command.arg("-W").arg("ignore").arg(stage.script("tls_scan.py"));
    cases(report, "sslyze", command.args([edge.tls.ip().to_string(), edge.tls.port().to_string()]))
}

/// Starts `script server PORT`.
fn server(
    stage: &Stage,
    python: &Path,
    script: &Path,
    name: &str,
) -> Result<(std::net::SocketAddr, Running)> {
    let address = free_port()?;
    let mut command = Command::new(python);
    command.arg(script).args(["server", &address.port().to_string()]);
    let mut running =
        Running::start(name, &mut command, &stage.path().join(format!("{name}.log")))?;
    running.answers_at(address, Duration::from_secs(20))?;
    Ok((address, running))
}

/// Adds the cases that `command` prints.
fn cases(report: &mut Report, prefix: &str, command: &mut Command) -> Result<()> {
    let (code, text) = said(command, 180)?;
    let mut any = false;
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("ok ") {
            report.add(format!("{prefix}: {}", case.replace('_', " ")), Outcome::Passed);
            any = true;
        } else if let Some((case, why)) =
            line.strip_prefix("failed ").and_then(|rest| rest.split_once(": "))
        {
            report.add(
                format!("{prefix}: {}", case.replace('_', " ")),
                Outcome::Failed(why.to_owned()),
            );
            any = true;
        }
    }
    if code != 0 || !any {
        return Err(Error::answer(prefix, "cases and exit code 0", format!("code {code}: {text}")));
    }
    Ok(())
}

/// From PyPI, at the versions that the scripts were written with.
const PACKAGES: &[&str] = &["grpcio==1.85.3", "sslyze==6.3.1", "websockets==17.4"];
