use http::HeaderName;

/// Why a middleware could not be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The field has a meaning of its own: it frames the message, belongs to one hop, routes, or carries credentials.
    #[error(
        "header {0} cannot carry request ids, it has a meaning of its own: take a name such as x-request-id"
    )]
    Header(HeaderName),
}
