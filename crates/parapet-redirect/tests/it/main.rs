//! Tests of parapet-redirect through its public API.

/// `https`, `www` and `non_www` behind host blocks, and without.
#[cfg(test)]
mod hosts;
/// Over the wire: the scheme by trust, odd targets, bytes of clients.
#[cfg(test)]
mod server;
/// Bad settings, and the texts of their errors.
#[cfg(test)]
mod settings;
/// `to`: fixed targets, kept paths and queries.
#[cfg(test)]
mod to;
