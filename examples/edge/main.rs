//! A whole edge in front of three small origins, or of your own.
//!
//! Run with `cargo run --release --example edge`; it prints its addresses and five lines to try. In front of your own
//! service: `cargo run --release --example edge -- --origin http://127.0.0.1:3000`. All flags: `--help`.
//!
//! ```text
//! $ curl -i http://127.0.0.1:8080/
//! HTTP/1.1 200 OK
//! x-request-id: 0b6c…
//!
//! fast: GET / for 127.0.0.1:8080
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

mod options;
mod origins;
mod site;

use std::net::SocketAddr;
use std::process::ExitCode;

use parapet::prelude::*;
use parapet::{Certificate, Listen, SelfSign, TlsConfig, generate_self_sign_certificate};

use self::options::{Command, Options, USAGE};

fn main() -> Result<ExitCode> {
    match options::parse(std::env::args().skip(1))? {
        Command::Help => println!("{USAGE}"),
        Command::Run(options) => run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run(options: &Options) -> Result<()> {
    let bound = server(options)?.bind()?;
    introduce(options, &bound.local_addrs());
    bound.run()?;
    Ok(())
}

fn server(options: &Options) -> Result<Server> {
    let mut server = Server::frontend()
        .listen(Listen::parse(&options.listen)?.plain())
        .listen(Listen::parse(&options.tls_listen)?)
        .tls(TlsConfig::new(certificate(options)?))
        .h2c(true)
        .reuse_port(options.reuse_port);
    if let Some(workers) = options.workers {
        server = server.workers(workers);
    }
    if let Some(wait) = options.wait {
        server = server.wait_before_shutdown(wait);
    }
    if let Some(grace) = options.grace {
        server = server.grace_timeout(grace);
    }
    if let Some(timeout) = options.header_timeout {
        server = server.read_header_timeout(timeout);
    }
    Ok(server.with(site::site(options)?))
}

fn certificate(options: &Options) -> Result<Certificate> {
    Ok(match &options.certificate {
        Some((chain, key)) => Certificate::from_pem_files(chain, key)?,
        None => generate_self_sign_certificate(SelfSign::new().common_name("localhost").hosts([
            "localhost",
            "127.0.0.1",
            "::1",
        ]))?,
    })
}

fn introduce(options: &Options, addresses: &[SocketAddr]) {
    let [plain, tls, ..] = addresses else {
        println!("edge on {} and {}", options.listen, options.tls_listen);
        return;
    };
    println!("edge on http://{plain} and https://{tls}; stop it with Ctrl-C");
    if options.is_own() {
        return;
    }
    println!(
        "\ntry:\n  \
         curl -i http://{plain}/\n  \
         curl -i http://{plain}/slow/        # an origin that takes 300 ms\n  \
         curl -i http://{plain}/flaky/       # one request in three fails there: retries hide it\n  \
         curl -i -H 'Host: admin.localhost' http://{plain}/\n  \
         curl -ik 'https://{tls}/healthz?ready=1'\n"
    );
}
