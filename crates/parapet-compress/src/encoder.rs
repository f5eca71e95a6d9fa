//! What all encoders have in common.

#[cfg(feature = "br")]
pub(crate) mod br;
#[cfg(feature = "gzip")]
pub(crate) mod deflate;
#[cfg(feature = "zstd")]
pub(crate) mod zstd;

use parapet_core::BoxError;

/// An encoder under way. Dropping one writes nothing: a body that failed gets no valid ending.
pub(crate) trait Encode: Send {
    /// Takes input and gives output, as much of both as the output has room for.
    fn step(&mut self, input: &[u8], output: &mut [u8], aim: Aim) -> Result<Step, BoxError>;
}

/// What a step works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// To take the input.
    Feed,
    /// That the receiver can decode all input so far. Without input.
    Flush,
    /// The end of the content. Without input.
    Finish,
}

/// How far a step came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Bytes of input taken.
    pub(crate) read: usize,
    /// Bytes of output given.
    pub(crate) written: usize,
    /// The aim is reached; else the next step wants room.
    pub(crate) done: bool,
}

/// What an encoder is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Level or quality, checked.
    pub(crate) level: i32,
    /// Window of Brotli in bits, checked; the other encodings derive theirs from the level.
    pub(crate) window_bits: u32,
}
