//! Runnable programs on parapet, each a real use.
//!
//! | program | what it shows | run with |
//! | --- | --- | --- |
//! | `api_gateway` | JWTs by a remote key set, limits for each subject, scopes, an external auth server | `cargo run --release --example api_gateway` |
//! | `edge` | a whole edge: virtual hosts, path routes, TLS, log, ids, health endpoint, retries | `cargo run --release --example edge` |
//! | `fleet` | two edges that share one limit through Redis | `cargo run --release --example fleet` |
//! | `seed` | the example program of the Go original, its three sites line for line | `cargo run --release --example seed` |
//! | `static_site` | files of a directory: types, caching, ranges, listings, log, ids | `cargo run --release --example static_site` |
//!
//! ```
//! // The smallest edge there is; the programs beside this file are whole ones.
//! use parapet::prelude::*;
//! use parapet::upstream::{HttpTransport, Upstream};
//! let edge = Server::new().with(Upstream::single_host("127.0.0.1:3000", HttpTransport::new())?);
//! # drop(edge);
//! # Ok::<(), parapet::Failure>(())
//! ```
