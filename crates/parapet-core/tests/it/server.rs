//! The server over real sockets: bytes in, bytes out.

mod ages;
mod corpus;
mod drain;
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
mod stats;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;
