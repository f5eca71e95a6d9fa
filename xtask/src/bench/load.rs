use std::path::Path;
use std::process::Stdio;

use super::proxy::{Proxy, Started};
use super::site::{LOAD_CORE, Site, pinned};
use crate::error::{Doing, Error, Result, read};
use crate::tools;

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The word for it on the command line.
    pub(crate) word: &'static str,
    pub(crate) title: &'static str,
    connections: u32,
    path: &'static str,
    /// Arguments of benches/clients/wrk.lua.
    script: &'static [&'static str],
    wire: Wire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Plain,
    Tls,
    Http2,
}

/// What the load generator counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Connections that could not be made.
    pub(crate) refused: f64,
    /// Requests without an answer, and answers that are no success.
    pub(crate) failed: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self {
            word: "1k",
            title: "1 KiB, keep-alive, 8 request fields, 64 connections",
            connections: 64,
            path: "/1k",
            script: &[],
            wire: Wire::Plain,
        },
        Self {
            word: "1m",
            title: "1 MiB bodies, keep-alive, 16 connections",
            connections: 16,
            path: "/1m",
            script: &[],
            wire: Wire::Plain,
        },
        Self {
            word: "new",
            title: "1 KiB, a new connection for each request, 64 at a time",
            connections: 64,
            path: "/1k",
            script: &["close"],
            wire: Wire::Plain,
        },
        Self {
            word: "tls",
            title: "1 KiB, keep-alive over TLS, 64 connections",
            connections: 64,
            path: "/1k",
            script: &[],
            wire: Wire::Tls,
        },
        Self {
            word: "h2",
            title: "1 KiB, HTTP/2 over TLS in front, 16 connections with 4 streams each",
            connections: 16,
            path: "/1k",
            script: &[],
            wire: Wire::Http2,
        },
        Self {
            word: "upload",
            title: "64 KiB uploads, keep-alive, 16 connections",
            connections: 16,
            path: "/upload",
            script: &["upload=65536"],
            wire: Wire::Plain,
        },
    ];

    /// Whether the proxy can do this at all: one that copies bytes speaks no HTTP/2 for an HTTP/1.1 origin.
    pub(crate) fn fits(self, proxy: Proxy) -> bool {
        proxy != Proxy::HaproxyTcp || self.wire != Wire::Http2
    }

    /// Loads the proxy for so many seconds.
    pub(crate) fn run(
        self,
        clients: &Path,
        site: &Site,
        proxy: &Started,
        seconds: u32,
    ) -> Result<Counted> {
        match self.wire {
            Wire::Http2 => self.h2load(site, proxy, seconds),
            Wire::Plain => {
                let url = format!("http://{}{}", proxy.plain, self.path);
                wrk(clients, &url, self.connections, self.script, seconds)
            }
            Wire::Tls => {
                let url = format!("https://{}{}", proxy.tls, self.path);
                wrk(clients, &url, self.connections, self.script, seconds)
            }
        }
    }

    fn h2load(self, site: &Site, proxy: &Started, seconds: u32) -> Result<Counted> {
        let log = site.path().join("h2load.tsv");
        drop(std::fs::remove_file(&log)); // h2load appends
        let mut command =
            pinned(LOAD_CORE, &tools::which("h2load").unwrap_or_else(|| "h2load".into()));
        command.args([
            "-t",
            "1",
            "-c",
            &self.connections.to_string(),
            "-m",
            "4",
            "-D",
            &seconds.to_string(),
        ]);
        command.arg(format!("--log-file={}", log.display()));
        for field in H2_FIELDS {
            command.args(["-H", field]);
        }
        command.arg(format!("https://{}{}", proxy.tls, self.path));
        let output = command.stdin(Stdio::null()).output().doing(|| "start h2load".to_owned())?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !said.contains("Application protocol: h2") {
            return Err(Error::answer("h2load", "HTTP/2", said));
        }
        counted_by_h2load(&read(&log)?, f64::from(seconds))
            .ok_or_else(|| Error::answer("h2load", "a request that was answered", said))
    }
}

/// Loads `url` with benches/clients/wrk.lua, whose arguments are `script`.
pub(crate) fn wrk(
    clients: &Path,
    url: &str,
    connections: u32,
    script: &[&str],
    seconds: u32,
) -> Result<Counted> {
    let mut command = pinned(LOAD_CORE, &tools::which("wrk").unwrap_or_else(|| "wrk".into()));
    command.args(["-t", "1", "-c", &connections.to_string(), "-d", &format!("{seconds}s")]);
    command.arg("-s").arg(clients.join("wrk.lua")).arg(url).arg("--").args(script);
    let output = command.stdin(Stdio::null()).output().doing(|| "start wrk".to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.lines().find_map(|line| line.strip_prefix("FIGURES "));
    let Some(figures) = figures else {
        let both = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        return Err(Error::answer("wrk", "its line of figures", both));
    };
    let figure = |name: &str| {
        let mut pairs = figures.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0.0)
    };
    Ok(Counted {
        requests: figure("requests"),
        seconds: figure("micros") / 1e6,
        refused: figure("connect"),
        failed: ["read", "write", "timeout", "status"].map(figure).iter().sum(),
        p50_micros: figure("p50"),
        p99_micros: figure("p99"),
    })
}

/// From lines of: start in µs, status or -1, duration in µs.
fn counted_by_h2load(log: &str, seconds: f64) -> Option<Counted> {
    let mut failed = 0.0;
    let mut durations: Vec<u32> = Vec::new();
    for line in log.lines() {
        let mut columns = line.split('\t').skip(1);
        if columns.next().is_none_or(|status| !status.starts_with('2')) {
            failed += 1.0;
        } else {
            durations.push(columns.next()?.parse().ok()?);
        }
    }
    durations.sort_unstable();
    let at = |hundredths: usize| {
        durations.get(durations.len() * hundredths / 100).map(|micros| f64::from(*micros))
    };
    Some(Counted {
        requests: durations.len() as f64,
        seconds,
        refused: 0.0, // a connection that fails ends h2load
        failed,
        p50_micros: at(50)?,
        p99_micros: at(99)?,
    })
}

/// With the pseudo-fields, what a browser sends: as many fields as the load over HTTP/1.1 has.
const H2_FIELDS: &[&str] = &[
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language: en-US,en;q=0.5",
    "accept-encoding: gzip, deflate, br",
    "referer: http://localhost/index.html",
    "cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "cache-control: no-cache",
];

#[cfg(test)]
mod tests {
    use super::counted_by_h2load;

    #[test]
    fn the_log_of_h2load_becomes_figures() {
        let counted =
            counted_by_h2load("1\t200\t30\n2\t200\t10\n3\t502\t1\n4\t200\t20\n5\t-1\t9\n", 2.0)
                .unwrap();
        assert_eq!((counted.requests, counted.failed), (3.0, 2.0));
        assert_eq!((counted.p50_micros, counted.p99_micros), (20.0, 30.0));
        assert!(counted_by_h2load("", 1.0).is_none());
    }
}
