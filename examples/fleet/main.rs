//! Two edges that share one limit through Redis: what one has admitted, the other does not admit again.
//!
//! Run with `cargo run --release --example fleet`; it starts a redis-server of its own, prints its addresses and the
//! lines to try. With a Redis that runs already: `cargo run --release --example fleet -- --redis redis://127.0.0.1:6379`.
//! All flags: `--help`.
//!
//! ```text
//! $ for i in 1 2 3 4; do curl -s -o /dev/null -w '%{http_code} ' http://127.0.0.1:808$((i % 2)); done
//! 200 200 200 429
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod edges;
mod options;
mod store;

use std::process::ExitCode;

use parapet::prelude::*;

use self::options::{Command, USAGE};
use self::store::Store;

fn main() -> Result<ExitCode> {
    let options = match options::parse(std::env::args().skip(1))? {
        Command::Help => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Command::Run(options) => options,
    };
    // Its drop, at the end of this function, stops the redis-server that it started.
    let store = Store::open(options.redis.as_deref())?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(edges::run(&options, &store))?;
    println!("both edges are down");
    Ok(ExitCode::SUCCESS)
}
