//! What requests through the layers allocate and hold, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use parapet_testkit::stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What stays within bounds however much is uploaded.
#[cfg(test)]
mod memory;
/// What passes without cost.
#[cfg(test)]
mod passing;
