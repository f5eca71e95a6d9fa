//! The server over real sockets: bytes in, bytes out.

mod corpus;
mod drain;
mod exchange;
mod http2;
mod layers;
mod limits;
mod panics;
mod peer;
mod refusals;
mod run;
mod upgrade;
