//! Tests of parapet-router through its public API.

/// Every spelling of a guarded path, in memory and over a socket.
#[cfg(test)]
mod guard;
/// Tables that are replaced under load, over sockets.
#[cfg(test)]
mod live;
/// Which methods a route serves, and 405.
#[cfg(test)]
mod method;
/// Names in patterns and their values.
#[cfg(test)]
mod params;
/// Bad patterns, conflicts, and the texts of their errors.
#[cfg(test)]
mod pattern;
/// The redirect to a path with a slash.
#[cfg(test)]
mod redirect;
/// What matches, precedence, falling through and replacement.
#[cfg(test)]
mod route;
