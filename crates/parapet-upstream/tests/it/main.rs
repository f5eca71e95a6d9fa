//! What a proxy does on the wire, and what it does not.

/// A scripted origin: bytes in, bytes out.
#[cfg(test)]
mod backend;
/// Bodies of requests and responses as they stream, and how they end.
#[cfg(test)]
mod bodies;
/// What a dropped request does to its connection.
#[cfg(test)]
mod cancel;
/// Which bytes of an origin are a response, and which are refused.
#[cfg(test)]
mod codec;
/// Requests that go out a second time because a reused connection had died.
#[cfg(test)]
mod replay;
/// One exchange after another on a connection: reuse, and what forbids it.
#[cfg(test)]
mod reuse;
/// Deadlines and other times, on paused time over an in-memory connection.
#[cfg(test)]
mod times;
/// The bytes of a request.
#[cfg(test)]
mod wire;
