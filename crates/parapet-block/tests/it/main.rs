//! Tests of parapet-block through its public API.

/// Which branch runs, falling through, exclusive blocks, blocks that cost nothing.
#[cfg(test)]
mod block;
