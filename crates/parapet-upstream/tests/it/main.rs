//! Tests of parapet-upstream through its public API.
