//! An API gateway: JWTs by a remote key set, a limit for each subject, scopes, and one route behind an auth server.
//!
//! Run with `cargo run --release --example api_gateway`; it starts an issuer with a key pair of its own, an auth server
//! and a backend on loopback, and prints tokens and lines to try. Another address: `-- --listen 127.0.0.1:9000`.
//!
//! ```text
//! $ curl -i http://127.0.0.1:8080/api/orders
//! HTTP/1.1 401 Unauthorized
//! www-authenticate: Bearer realm="api"
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod gateway;
mod issuer;
mod services;

use std::process::ExitCode;

use parapet::Listen;
use parapet::prelude::*;

use self::issuer::Issuer;
use self::services::Services;

const USAGE: &str = "\
usage: api_gateway [flags]

  --listen ADDR   plain HTTP/1.1 (default 127.0.0.1:8080)";

fn main() -> Result<ExitCode> {
    let mut listen = "127.0.0.1:8080".to_owned();
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        match (flag.as_str(), args.next()) {
            ("--listen", Some(address)) => listen = address,
            ("--help" | "-h", _) => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(Failure::new(format!("{flag:?}: see --help"))),
        }
    }
    let issuer = Issuer::new()?;
    let services = services::start(&issuer)?;
    let bound = Server::frontend()
        .listen(Listen::parse(&listen)?.plain())
        .with(gateway::gateway(&services)?)
        .bind()?;
    if let Some(address) = bound.local_addrs().first() {
        introduce(&address.to_string(), &issuer, &services)?;
    }
    bound.run()?;
    Ok(ExitCode::SUCCESS)
}

fn introduce(address: &str, issuer: &Issuer, services: &Services) -> Result<()> {
    let alice = issuer.token("alice", "orders:read orders:write", &services.issuer_url)?;
    let bob = issuer.token("bob", "orders:read", &services.issuer_url)?;
    println!(
        "gateway on http://{address}; stop it with Ctrl-C\n\n\
         ALICE={alice}\n\
         BOB={bob}\n\n\
         try (after the two lines above):\n  \
         curl -i http://{address}/api/orders                                      # 401: no token\n  \
         curl -i -H \"Authorization: Bearer $ALICE\" http://{address}/api/orders    # 200\n  \
         curl -i -H \"Authorization: Bearer $BOB\" http://{address}/api/admin       # 403: bob may only read\n  \
         for i in $(seq {limit}); do curl -s -o /dev/null -w '%{{http_code}} ' -H \"Authorization: Bearer $BOB\" \
         http://{address}/api/orders; done    # 200 … 429: bob's limit; alice has her own\n  \
         curl -i http://{address}/office                                          # 403 from the auth server\n  \
         curl -i -H 'Cookie: session=open' http://{address}/office                # 200, as the auth server says\n",
        limit = gateway::LIMIT + 1,
    );
    Ok(())
}
