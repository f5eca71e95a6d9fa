/// Why an authenticator could not be built. No text holds a key, a password or a token.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A JWT check without an algorithm would refuse every request.
    #[error("no algorithm is pinned: name at least one")]
    NoAlgorithms,
    /// The key cannot serve this algorithm.
    #[error("the key cannot serve {0}: pin the algorithms of the key's own family and curve")]
    AlgorithmKeyMismatch(crate::Algorithm),
    /// A shared secret out of a document that anyone may read is no key.
    #[error("{0} is symmetric: a remote key set serves public keys only")]
    SymmetricAlgorithmWithRemoteKeys(crate::Algorithm),
    /// The secret has fewer bytes than the algorithm's hash needs (RFC 7518 §3.2).
    #[error(
        "the secret has {0} bytes: use 32 or more (allow_weak_secret admits 1 to 31 for a migration)"
    )]
    WeakSecret(usize),
    /// Not a public key: what is wrong with it.
    #[error("no usable public key: {0}")]
    BadKey(&'static str),
    /// A realm, scope or challenge that no field value can carry.
    #[error("{0} cannot be sent in a header field: control characters are not allowed there")]
    BadRealm(&'static str),
    /// Not a field name (RFC 9110 §5.1).
    #[error("{0:?} is not a header field name")]
    BadHeaderName(String),
    /// A field that frames the message or belongs to its connection.
    #[error("{0} frames the message or belongs to its connection: no check may set or copy it")]
    ReservedHeader(http::HeaderName),
    /// Not an absolute `http` or `https` URL without user information and fragment.
    #[error("{setting}: {reason}; write https://host/path")]
    BadUrl {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// This duration may not be zero.
    #[error("{0} is zero: give it a duration")]
    ZeroDuration(&'static str),
    /// This number may not be zero.
    #[error("{0} is zero: give it 1 or more")]
    ZeroLimit(&'static str),
    /// An empty user name or password: a missing environment variable must not open a site.
    #[error("the user name or the password is empty")]
    EmptyCredentials,
    /// A user name or password that no client can send (RFC 7617 §2): what is wrong with it.
    #[error("the user name or the password cannot be sent: {0}")]
    BadCredentials(&'static str),
    /// `Any` without a scheme would refuse every request.
    #[error("no scheme is given: name at least one")]
    NoSchemes,
    /// The system gave no random bytes.
    #[error("the system's random source failed")]
    Random,
    /// The password file cannot be read.
    #[error("the password file cannot be read")]
    PasswordFile(#[source] std::io::Error),
    /// A line of the password file cannot be used.
    #[error("line {line} of the password file: {reason}")]
    PasswordLine {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
