//! parapet-h1
