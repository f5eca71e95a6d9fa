//! parapet-header
