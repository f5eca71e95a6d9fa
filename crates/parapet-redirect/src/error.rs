/// Why a redirect could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a target to redirect to: the text, and what is wrong with it.
    #[error("{0:?} is no redirect target: {1}; write https://host/path or /path")]
    Target(String, &'static str),
    /// Not a status of a redirect.
    #[error("{0} is no redirect status: allowed are 301, 302, 303, 307 and 308 (0 is 301)")]
    Status(u16),
    /// Not a host to redirect to.
    #[error(
        "{0:?} is no host to redirect to: write a name or an address in ASCII, without port and wildcard"
    )]
    Host(String),
}
