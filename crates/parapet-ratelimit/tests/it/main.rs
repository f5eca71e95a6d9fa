//! Tests of parapet-ratelimit through its public API.

/// Chains of limits: all or nothing, order, refunds.
#[cfg(test)]
mod chain;
/// What two and more of the tests need: requests, a scripted strategy, a scripted handler.
#[cfg(test)]
mod fixtures;
/// Response fields that tell the limit.
#[cfg(test)]
mod headers;
/// What is limited: addresses, fields, paths.
#[cfg(test)]
mod keys;
/// The middleware around any strategy.
#[cfg(test)]
mod limiter;
/// Queues: order, cancellation, time.
#[cfg(test)]
mod queues;
/// Limits over a real redis-server, and over runners that fail.
#[cfg(test)]
mod redis;
/// A Redis that hangs, lies, forgets or goes back in time, and runners that panic.
#[cfg(test)]
mod redis_faults;
/// A redis-server of a test's own.
#[cfg(test)]
mod redis_server;
/// Through a real server: slots, tunnels, refusals on the wire.
#[cfg(test)]
mod server;
/// Bad settings and their texts.
#[cfg(test)]
mod settings;
/// Strategies in their tables: bounds, eviction, many threads.
#[cfg(test)]
mod tables;
