//! What parapet-hsts promises, through its public API.

/// On which responses the field is.
#[cfg(test)]
mod responses;
/// Policies, and those that are refused.
#[cfg(test)]
mod settings;
