use std::fmt;

macro_rules! algorithms {
    ($($name:ident),+ $(,)?) => {
        /// A signature algorithm by its JWA name (RFC 7518 §3.1, RFC 8037 §3.1).
        ///
        /// `none` is none of them.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are the standard's")]
        pub enum Algorithm {
            $($name,)+
        }

        impl Algorithm {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name, for instance `ES256`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

algorithms!(
    HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA
);

impl Algorithm {
    /// Whether signer and verifier share one secret.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Exact, as RFC 7515 §4.1.1 wants it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
