//! What parapet-h1 promises, over bytes.

/// Messages, good and bad, that the other modules share.
#[cfg(test)]
mod corpus;
/// Runs a decoder over input cut into pieces and notes what it found.
#[cfg(test)]
mod drive;
/// Decode, write again, read with the slow reader: the meaning stays the same.
#[cfg(test)]
mod relay;
/// A slow, strict reader of the grammar of RFC 9112.
#[cfg(test)]
mod strict;

/// Bounds hold to the byte, and memory with them.
#[cfg(test)]
mod bounds;
/// The corpora of the fuzz targets, through the same properties.
#[cfg(test)]
mod fuzz_corpus;
/// What hyper's HTTP/1 accepts and we do not has a name; what we accept means the same to it.
#[cfg(test)]
mod oracle;
/// Every refusal has its kind, and nothing after it is a message.
#[cfg(test)]
mod refused;
/// What a connection said before does not change what it says now.
#[cfg(test)]
mod remembered;
/// What an encoder wrote reads back, and what was decoded and written again means the same.
#[cfg(test)]
mod round_trip;
/// Where the input is cut does not matter.
#[cfg(test)]
mod split;
/// States of the machines: turns, ends, reuse of maps, what is public.
#[cfg(test)]
mod states;
/// The bytes of heads and bodies, exactly.
#[cfg(test)]
mod written;
