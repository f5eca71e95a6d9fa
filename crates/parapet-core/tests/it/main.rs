//! What the public API of parapet-core promises.

/// The one authority of a request.
#[cfg(test)]
mod authority;
/// Everything public is `Send`, `Sync` and `Debug`.
#[cfg(test)]
mod auto_traits;
/// The body: length, copies, riders, channel, limit.
#[cfg(test)]
mod body;
/// How middlewares are put together, and what handlers may return.
#[cfg(test)]
mod composition;
/// HTTP/2 as RFC 9113 and RFC 7541 have it, case by case, beside bare hyper.
#[cfg(test)]
mod conformance;
/// One reading of every path.
#[cfg(test)]
mod path;
/// The facts of a request without a server.
#[cfg(test)]
mod request_ext;
/// The server over real sockets.
#[cfg(test)]
mod server;
/// Requests, and what became of them.
#[cfg(test)]
mod support;
/// axum and tower-http in a chain, a handler in their place.
#[cfg(test)]
#[cfg(feature = "tower")]
mod tower;
/// Who is a trusted proxy.
#[cfg(test)]
mod trust;
