//! A site out of a directory: yours, or a small one that it brings along.
//!
//! Run with `cargo run --release --example static_site`; it prints its address and five lines to try. With your own files:
//! `cargo run --release --example static_site -- --root ./public`. All flags: `--help`.
//!
//! ```text
//! $ curl -i http://127.0.0.1:8080/css/site.css
//! HTTP/1.1 200 OK
//! content-type: text/css; charset=utf-8
//! accept-ranges: bytes
//! etag: W/"a01-18…"
//! cache-control: public, max-age=86400
//! x-request-id: 0b6c…
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod demo;
mod options;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;

use parapet::Listen;
use parapet::prelude::*;

use self::options::{Command, Options, USAGE};

fn main() -> Result<ExitCode> {
    match options::parse(std::env::args().skip(1))? {
        Command::Help => println!("{USAGE}"),
        Command::Run(options) => run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run(options: &Options) -> Result<()> {
    // Held until the server has ended: dropping it removes the demo's files.
    let demo = match options.root {
        Some(_) => None,
        None => Some(demo::write()?),
    };
    let root = options.root.clone().or_else(|| Some(demo.as_ref()?.path().to_owned()));
    let root: PathBuf = root.unwrap_or_default();
    let mut server = Server::frontend().listen(Listen::parse(&options.listen)?.plain());
    if let Some(workers) = options.workers {
        server = server.workers(workers);
    }
    let bound = server.with(site::site(options, &root)?).bind()?;
    for address in bound.local_addrs() {
        println!("{} on http://{address}; stop it with Ctrl-C", root.display());
        if demo.is_some() {
            println!(
                "\ntry:\n  \
                 curl -i http://{address}/\n  \
                 curl -i http://{address}/notes/               # a directory without index: a listing\n  \
                 curl -i http://{address}/css/site.css         # may be kept for a day\n  \
                 curl -i -r 0-15 http://{address}/js/site.js   # a range\n  \
                 curl -i --path-as-is http://{address}/../../etc/passwd\n"
            );
        }
    }
    bound.run()?;
    Ok(())
}
