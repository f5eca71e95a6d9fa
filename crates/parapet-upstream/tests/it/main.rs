//! What a proxy does on the wire, and what it does not.

/// A scripted origin: bytes in, bytes out.
#[cfg(test)]
mod backend;
/// One exchange after another on a connection: reuse, and what forbids it.
#[cfg(test)]
mod reuse;
