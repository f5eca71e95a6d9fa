//! Tests of parapet-healthz through its public API.

/// Probes against a handler: which requests are answered, and how.
#[cfg(test)]
mod healthz;
/// Probes over sockets: exact bytes, keep-alive, drain.
#[cfg(test)]
mod server;
