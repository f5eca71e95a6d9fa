use parapet_core::BoxError;

/// What can be wrong with a setting, and how an encoder fails.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The encoding has no such level.
    #[error("{encoding} has no level {level}: allowed are {least} to {most}")]
    Level {
        /// Name of the encoding.
        encoding: &'static str,
        /// What was asked for.
        level: i64,
        /// Smallest allowed level.
        least: i32,
        /// Largest allowed level.
        most: i32,
    },
    /// Not a window size of Brotli, in bits (RFC 7932 §9.1).
    #[error("br has no window of {0} bits: allowed are 10 to 24")]
    Window(u32),
    /// An encoder failed at work: the source of a [`BodyError::Other`](parapet_core::BodyError::Other).
    #[error("the {encoding} encoder failed")]
    Encoder {
        /// Name of the encoding.
        encoding: &'static str,
        /// What it said.
        #[source]
        error: BoxError,
    },
}
