//! Tests of parapet-compress through its public API.

/// Which responses are compressed, and what becomes of their heads.
#[cfg(test)]
mod gates;
/// What clients get of any answer, under all fields that origins may send.
#[cfg(test)]
mod laws;
/// What encoders may hold together.
#[cfg(test)]
mod memory;
/// Over the wire: real clients, events, origins that break off, clients that go away.
#[cfg(test)]
mod server;
/// Bad settings, the texts of their errors, what the good ones do.
#[cfg(test)]
mod settings;
/// The bytes: round trips, flushes, yields, endings, frame by frame.
#[cfg(test)]
mod streams;
/// Decoders of the four encodings, and layers around one answer.
#[cfg(test)]
mod support;
