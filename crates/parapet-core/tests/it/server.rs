//! The server over real sockets: bytes in, bytes out.

mod drain;
mod exchange;
mod limits;
mod peer;
mod refusals;
mod upgrade;
