//! Tests of parapet-compress through its public API. They want all features.

/// Which responses are compressed, and what becomes of their heads.
#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod gates;
/// Over the wire: real clients, events, origins that break off, clients that go away.
#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod server;
/// Bad settings, the texts of their errors, what the good ones do.
#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod settings;
/// The bytes: round trips, flushes, yields, endings, frame by frame.
#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod streams;
/// Decoders of the four encodings, and layers around one answer.
#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod support;
