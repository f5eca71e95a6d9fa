//! `cargo xtask`: the checks of the workspace, the benches beside other proxies, and the runs against programs of
//! other people. `cargo xtask help` lists the commands.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: what it finds out goes to standard output"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures wall-clock time; there is no runtime whose time could pause"
)]
#![expect(clippy::cast_precision_loss, reason = "counts and bytes become figures of three digits")]

mod alone;
mod args;
mod bench;
mod certificate;
mod ci;
mod error;
mod examples;
mod house;
mod http1;
mod interop;
mod process;
mod tools;
mod workspace;

use std::process::ExitCode;

use crate::args::Args;
use crate::error::Result;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Each failure was told where it came up, and the closing line stands.
        Err(error::Error::Failed(_)) => ExitCode::FAILURE,
        Err(error) => {
            let mut line = format!("xtask: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                line = format!("{line}: {next}");
                cause = next.source();
            }
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let args = Args::new(words);
    match command.as_str() {
        "ci" => ci::run(&Workspace::find()?, args),
        "house" => house::run(&Workspace::find()?, args),
        "bench" => bench::run(&Workspace::find()?, args),
        "interop" => interop::run(&Workspace::find()?, args),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        other => {
            Err(error::Error::Usage(format!("no command {other:?}; `cargo xtask help` lists them")))
        }
    }
}

const USAGE: &str = "\
cargo xtask COMMAND

  ci                      every check: format, clippy, house rules, tests, docs, each crate alone, fuzz targets,
                          cargo-deny, examples; stops at the first failure
  house                   the house rules alone
  bench                   parapet beside nginx, HAProxy and Pingora; writes benches/RESULTS.md
    --rounds N            rounds of the interleaved run (default 3)
    --seconds S           seconds of load in each cell (default 5)
    --quick               one round of one second, nothing written
    --only NAMES          comma-separated scenarios (1k, 1m, new, tls, h2, upload) and proxies (parapet, nginx,
                          haproxy, haproxy-tcp, pingora); nothing written
    --strace              system calls per request of the edge
    --callgrind           instructions per request of the edge; --requests N (default 2000), --record appends a line
                          to benches/instructions.tsv
    --memory              resident bytes of an idle connection; --connections N (default 2000)
    --stream              peak resident memory while 1 GiB goes down, and up
    --chain               nanoseconds and allocations of each layer; --record writes benches/LAYERS.md
    --files               static files beside nginx; --rounds N, --seconds N, --record writes benches/FILES.md
    --drain               SIGTERM under load: what breaks, and when new connections are refused
  interop                 curl, nghttp, varnishtest, slowhttptest, WebSocket, gRPC and sslyze against the edge
    --only NAMES          comma-separated groups: curl, http2, wire, slow, websocket, grpc, tls
    --edge FILE           another program with the edge's flags in its place";
