//! What the public API of parapet-upstream promises, where no socket is needed.

#[cfg(test)]
use std::alloc::System;

#[cfg(test)]
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// What a request costs on its way through the proxy.
#[cfg(test)]
mod allocations;
/// A scripted origin: bytes in, bytes out.
#[cfg(test)]
mod backend;
/// Tickets and guards of a balancer of one's own.
#[cfg(test)]
mod balancer;
/// Bodies of requests and responses as they stream, and how they end.
#[cfg(test)]
mod bodies;
/// What a dropped request does to its connection.
#[cfg(test)]
mod cancel;
/// The HTTP client: what it sends, keeps and refuses.
#[cfg(test)]
mod client;
/// Which bytes of an origin are a response, and which are refused.
#[cfg(test)]
mod codec;
/// A server, a proxy and an origin over real sockets.
#[cfg(test)]
mod e2e;
/// Exchanges over scripted connections, whatever comes in turn.
#[cfg(test)]
mod exchange;
/// Every failure has its status, text and kind.
#[cfg(test)]
mod failures;
/// Target, host and fields as the upstream and the client get them.
#[cfg(test)]
mod forwarding;
/// The corpus of the fuzz target `h1_exchange`, and turns of events by chance.
#[cfg(test)]
mod fuzz_corpus;
/// Where an answer ends, judged apart from the crate.
#[cfg(test)]
mod judge;
/// Hook and access log hear of every attempt.
#[cfg(test)]
mod observation;
/// Requests that are answered without an attempt.
#[cfg(test)]
mod refusals;
/// Requests that go out a second time because a reused connection had died.
#[cfg(test)]
mod replay;
/// Which failures are tried again, when, and with what body.
#[cfg(test)]
mod retries;
/// One exchange after another on a connection: reuse, and what forbids it.
#[cfg(test)]
mod reuse;
/// Turns, gates, priorities and swaps.
#[cfg(test)]
mod round_robin;
/// Bodies: trailers, deadlines, failures midway.
#[cfg(test)]
mod streaming;
/// The strict reader of parapet-h1's tests.
#[cfg(test)]
#[expect(dead_code, reason = "it reads responses too")]
#[path = "../../../parapet-h1/tests/it/strict.rs"]
mod strict;
/// A scripted upstream, requests, and a log record that can be read.
#[cfg(test)]
mod support;
/// What a type of the API tells of itself.
#[cfg(test)]
mod surface;
/// Deadlines and other times, on paused time over an in-memory connection.
#[cfg(test)]
mod times;
/// The bytes of a request.
#[cfg(test)]
mod wire;

/// Counts allocations for [`allocations`].
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;
/// Transports that are chosen by the request, and Unix sockets.
#[cfg(test)]
mod dynamic;
/// HTTP/2: shared connections, streams and their resets.
#[cfg(test)]
#[cfg(feature = "http2")]
mod http2;
/// TLS: who is believed, and what ends a message.
#[cfg(test)]
#[cfg(all(feature = "tls", feature = "http2"))]
mod tls;
