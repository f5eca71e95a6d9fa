use parapet_core::BoxError;

/// Why a request was refused.
///
/// The client learns the status alone; the cause is in the response's [`ResponseError`](parapet_core::ResponseError).
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No credentials of this scheme. 401.
    #[error("no credentials")]
    MissingAuthorization,
    /// Unknown user, wrong password, or malformed credentials. 401.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// Malformed, forged, expired, or not for this audience. 401.
    #[error("invalid token")]
    InvalidToken,
    /// Credentials sent twice (RFC 6750 §3.1). 400.
    #[error("invalid request")]
    InvalidRequest,
    /// Known, but not allowed. 403.
    #[error("insufficient scope")]
    InsufficientScope,
    /// Nobody can tell at present: keys, store or server are away. 503.
    #[error("the check is unavailable")]
    Unavailable,
    /// A cause of one's own. 401.
    #[error("refused")]
    Other(#[source] BoxError),
}
