//! parapet-core
