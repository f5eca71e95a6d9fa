//! Tests of parapet-host through its public API.

/// `strip_port` and `to_lower`.
#[cfg(test)]
mod authority;
/// Blocks for hosts and for networks: what matches, notes, falling through.
#[cfg(test)]
mod host;
/// Precedence, falling through and replacement of tables.
#[cfg(test)]
mod host_router;
/// Bad patterns and the texts of their errors.
#[cfg(test)]
mod pattern;
/// Over sockets: the one authority, and tables replaced under load.
#[cfg(test)]
mod server;
/// The host that a backend is told, as it stands on the wire.
#[cfg(test)]
mod wire;
