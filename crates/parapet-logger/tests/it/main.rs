//! What parapet-logger promises, through its public API.

/// Status, `aborted` and durations for each way in which an exchange can end.
#[cfg(test)]
mod endings;
/// Fields that layers and handlers set, also under several loggers.
#[cfg(test)]
mod fields;
/// What a record says of the request.
#[cfg(test)]
mod request;
/// Which records are written: filter, sample.
#[cfg(test)]
mod selection;
/// What only a server shows: unsent bodies, tunnels, panics, trust, local replies, drains.
#[cfg(test)]
mod server;
/// Settings that are refused, and the texts of the refusals.
#[cfg(test)]
mod settings;
/// Sinks that are slow, broken, renamed; what a shutdown keeps.
#[cfg(test)]
mod sinks;
/// A log in memory, and requests through it.
#[cfg(test)]
mod support;
