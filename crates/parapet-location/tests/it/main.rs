//! Tests of parapet-location through its public API.

/// Every spelling of a guarded path, against one location and against a table.
#[cfg(test)]
mod guard;
/// Blocks: what matches, notes, falling through.
#[cfg(test)]
mod location;
/// Precedence, falling through and replacement of tables.
#[cfg(test)]
mod locations;
/// Bad patterns and the texts of their errors.
#[cfg(test)]
mod pattern;
