use parapet_core::BoxError;

/// Why a proxy, target, transport or balancer could not be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a base path.
    #[error("{path:?} is no base path: {reason}; write /base or /base?key=value")]
    Path {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not an authority (RFC 3986 §3.2).
    #[error("{0:?} is no host: write name, name:port or [v6]:port")]
    Host(String),
    /// Not the host of a target.
    #[error("{host:?} is no target: {reason}")]
    Target {
        /// As it was given; user info is left out.
        host: String,
        /// What is wrong, and what to write.
        reason: &'static str,
    },
    /// A setting outside its range.
    #[error("{field} is {value}: allowed is {allowed}")]
    Value {
        /// The setting.
        field: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// TLS material that cannot be used.
    #[error("the TLS setting {setting} cannot be used")]
    Tls {
        /// The setting.
        setting: &'static str,
        /// What the TLS library said.
        #[source]
        source: BoxError,
    },
    /// A health check was given other targets than its balancer has.
    #[error(
        "the targets of the health check are not those of its balancer: give the set to one of them only"
    )]
    TargetMismatch,
}
