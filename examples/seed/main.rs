//! The example program of the Go original's README, line for line: three sites on one server, each with its own limits,
//! redirects and backends.
//!
//! Run with `cargo run --release --example seed`, or with another address as its argument: `seed 127.0.0.1:9000`. The
//! backends are names of a cluster that you do not have, so its sites answer 502 there; what needs no backend answers:
//!
//! ```text
//! $ curl -i -H 'Host: example.com' http://127.0.0.1:8080/hello
//! HTTP/1.1 301 Moved Permanently
//! location: https://example.com/hello
//! $ curl http://127.0.0.1:8080/healthz
//! OK
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod sites;

use parapet::prelude::*;

use self::sites::Backends;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ":8080".to_owned());
    let bound = sites::server(&Backends::default())?.addr(&address).bind()?;
    if let [address, ..] = bound.local_addrs()[..] {
        println!("seed on http://{address}; stop it with Ctrl-C");
        println!("\ntry:\n  curl -i -H 'Host: example.com' http://{address}/hello");
        println!(
            "  curl -i -H 'Host: mail.mysiteaaa.io' -H 'X-Forwarded-Proto: https' http://{address}/"
        );
        println!("  curl http://{address}/healthz\n");
    }
    bound.run()?;
    Ok(())
}
