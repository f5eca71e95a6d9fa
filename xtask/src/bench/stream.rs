use std::fs::File;
use std::time::Instant;

use super::proxy::Proxy;
use super::site::{LOAD_CORE, Site, pinned};
use crate::args::Args;
use crate::error::{Doing, Error, Result};
use crate::process::{peak_resident, resident};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// Sends 1 GiB through the proxy, down and up, and tells how much of it was ever resident.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let only = args.list("--only")?;
    args.finish()?;
    super::needs(&[Debian { program: "curl", package: "curl" }])?;
    println!("{:<20} {:>10} {:>14} {:>8}", "proxy", "idle MiB", "peak MiB", "MiB/s");
    for proxy in super::strace::named(&only)? {
        if let Some(why) = proxy.build(workspace)? {
            return Err(Error::Missing { what: proxy.name().to_owned(), fix: why });
        }
        for (direction, path) in [("down", "/1g"), ("up", "/sink")] {
            measure(workspace, proxy, direction, path)?;
        }
    }
    Ok(())
}

fn measure(workspace: &Workspace, proxy: Proxy, direction: &str, path: &str) -> Result<()> {
    let site = Site::start(workspace)?;
    let file = site.path().join("www/1g");
    // A hole of that size: it is read as zeros and takes no room.
    File::create(&file)
        .and_then(|file| file.set_len(BYTES))
        .doing(|| format!("make {}", file.display()))?;
    let started = proxy.start(workspace, &site)?;
    let before = resident(started.running.pid())?;
    let mut command = pinned(LOAD_CORE, &tools::which("curl").unwrap_or_else(|| "curl".into()));
    command.args([
        "-sS",
        "-o",
        "/dev/null",
        "--max-time",
        "120",
        "-w",
        "%{http_code} %{size_download} %{size_upload}",
    ]);
    if direction == "up" {
        command.args(["-X", "POST", "-H", "Expect:", "-T"]).arg(&file);
    }
    let clock = Instant::now();
    let output = command
        .arg(format!("http://{}{path}", started.plain))
        .output()
        .doing(|| "start curl".to_owned())?;
    let seconds = clock.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.starts_with("200 ") || !said.contains(&BYTES.to_string()) {
        let both = format!("{said} {}", String::from_utf8_lossy(&output.stderr));
        return Err(Error::answer(
            format!("1 GiB {direction}"),
            format!("200 and {BYTES} bytes"),
            both,
        ));
    }
    let peak = peak_resident(started.running.pid())?;
    println!(
        "{:<20} {:>10.1} {:>14} {:>8.0}",
        proxy.name(),
        before as f64 / MIB,
        format!("{direction} {:.1}", peak as f64 / MIB),
        BYTES as f64 / MIB / seconds
    );
    Ok(())
}

const BYTES: u64 = 1 << 30;
const MIB: f64 = 1024.0 * 1024.0;
