//! What parapet-body promises, through its public API.

/// Buffering: what next gets, what clients are told, what is left behind.
#[cfg(test)]
mod buffer;
/// A disk without room for what comes.
#[cfg(test)]
mod full_disk;
/// Limits on bodies of known and unknown length.
#[cfg(test)]
mod limit;
/// Settings that are refused, and what users can do with the types.
#[cfg(test)]
mod settings;
/// Bodies, records and files to look at.
#[cfg(test)]
mod support;
/// Clients and origins on sockets, byte by byte.
#[cfg(test)]
mod wire;
