use std::time::Duration;

/// Why a policy could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than browsers can count.
    #[error("max_age is {} s: allowed are 0 to 2147483648 s (68 years)", .0.as_secs())]
    MaxAge(Duration),
    /// The browsers' preload list refuses such a site.
    #[error(
        "preload with max_age {} s and include_subdomains({include_subdomains}): the browsers' list wants at least 31536000 s and include_subdomains(true)",
        max_age.as_secs()
    )]
    NotPreloadable {
        /// As it was set.
        max_age: Duration,
        /// As it was set.
        include_subdomains: bool,
    },
}
