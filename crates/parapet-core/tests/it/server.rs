//! The server over real sockets: bytes in, bytes out.

mod drain;
mod exchange;
mod http2;
mod limits;
mod panics;
mod peer;
mod refusals;
mod run;
mod upgrade;
