use std::time::Duration;

/// How a check ended, for [`on_decision`](crate::Authenticator::on_decision).
#[derive(Clone, Copy, Debug)]
pub struct AuthEvent {
    pub(crate) scheme: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) cached: bool,
    pub(crate) duration: Duration,
}

impl AuthEvent {
    /// The scheme that decided: `jwt`, `basic`, `forward`, `introspection`, `mtls`, `any` or `custom`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Whether the request went on.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether an earlier check answered for this one.
    pub fn is_cached(&self) -> bool {
        self.cached
    }

    /// Time of the check.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// Whether a request went on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It went on with an identity.
    Allowed,
    /// It went on without credentials, which are optional there.
    Anonymous,
    /// It was refused.
    Denied,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $word:literal),+ $(,)?) => {
        /// Why a check ended as it did: a closed set of words, fit for a metric label.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// The word: lower case, `_` between its parts.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// The credentials are good.
    Ok => "ok",
    /// No credentials.
    Missing => "missing",
    /// Credentials sent more than once.
    Repeated => "repeated",
    /// Not what the scheme's grammar allows.
    Malformed => "malformed",
    /// Above a size limit.
    TooLarge => "too_large",
    /// An algorithm that is not pinned.
    BadAlg => "bad_alg",
    /// A critical header parameter (RFC 7515 §4.1.11).
    Critical => "critical",
    /// Another type of token.
    BadType => "bad_type",
    /// No key of this id, or of this kind.
    UnknownKid => "unknown_kid",
    /// The signature does not fit.
    BadSignature => "bad_signature",
    /// Past `exp`.
    Expired => "expired",
    /// Before `nbf` or `iat`.
    NotYetValid => "not_yet_valid",
    /// A claim of the wrong JSON type, or a required one that is absent.
    BadClaim => "bad_claim",
    /// Another issuer.
    BadIssuer => "bad_issuer",
    /// For somebody else.
    BadAudience => "bad_audience",
    /// A scope is missing.
    MissingScope => "missing_scope",
    /// A predicate on a claim said no.
    ClaimRefused => "claim_refused",
    /// Unknown user or wrong password.
    BadCredentials => "bad_credentials",
    /// The token is not active.
    Inactive => "inactive",
    /// The certificate's names are not allowed.
    NotAllowed => "not_allowed",
    /// The auth server refused.
    Refused => "refused",
    /// Keys, store or server are away.
    Unavailable => "unavailable",
    /// Too many checks at once.
    Overloaded => "overloaded",
    /// The check panicked.
    Panicked => "panicked",
    /// A cause of the check's own.
    Other => "other",
}
