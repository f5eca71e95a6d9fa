/// Counts of a sink since it was made.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoggerStats {
    /// Records that were written.
    pub written: u64,
    /// Records that found the queue full: the sink is too slow.
    pub dropped_full: u64,
    /// Records that were lost to an error of the sink, a writer that could not be started, or an encoder that panicked.
    pub dropped_error: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
}
