//! Tests of parapet-stripprefix through its public API.

/// `X-Forwarded-Prefix`: ours over nested layers, never the client's.
#[cfg(test)]
mod forwarded;
/// Bad prefixes and the texts of their errors.
#[cfg(test)]
mod prefix;
/// What is cut off and what stays, in memory.
#[cfg(test)]
mod strip;
/// The cut path as a backend receives it.
#[cfg(test)]
mod wire;
