//! Runnable programs on parapet, each a real use.
//!
//! | program | what it shows | run with |
//! | --- | --- | --- |
//! | `edge` | a whole edge: virtual hosts, path routes, TLS, log, ids, health endpoint, retries | `cargo run --release --example edge` |
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
