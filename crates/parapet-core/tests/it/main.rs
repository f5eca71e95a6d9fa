//! What the public API of parapet-core promises, where no socket is needed.

/// How middlewares are put together, and what handlers may return.
#[cfg(test)]
mod composition;
/// One reading of every path.
#[cfg(test)]
mod path;
/// Requests, and what became of a response.
#[cfg(test)]
mod support;
/// axum and tower-http in a chain, a handler in their place.
#[cfg(all(test, feature = "tower"))]
mod tower;
/// Who is a trusted proxy.
#[cfg(test)]
mod trust;
