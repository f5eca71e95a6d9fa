//! Two edges that share one limit through Redis: what one has admitted, the other does not admit again.
//!
//! Run with `cargo run --release --example fleet`; it starts a redis-server of its own, prints its addresses and the
//! lines to try. With a Redis that runs already: `cargo run --release --example fleet -- --redis redis://127.0.0.1:6379`.
//! All flags: `--help`.
//!
//! ```text
//! $ for i in $(seq 12); do curl -s -o /dev/null -w '%{http_code} ' http://127.0.0.1:808$((i % 2))/; done
//! 200 200 200 200 200 200 200 200 200 200 429 429
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod edges;
mod options;
mod stop;
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // First of all: whoever stops the program must not leave a redis-server behind.
        let stopped = stop::signals()?;
        let store = Store::open(options.redis.as_deref())?;
        Box::pin(edges::run(&options, &store, stopped)).await
    })?;
    println!("both edges are down");
    Ok(ExitCode::SUCCESS)
}
