//! The server over real sockets: bytes in, bytes out.

mod ages;
mod callbacks;
mod corpus;
mod drain;
mod errors;
mod exchange;
mod http2;
mod lasting;
mod layers;
mod limits;
mod panics;
mod peer;
mod refusals;
mod restart;
mod run;
mod settings;
mod shortage;
mod slow_streams;
mod stats;
mod tasks;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_clients;
mod upgrade;
mod workers;
