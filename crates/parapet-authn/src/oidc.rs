use crate::Jwks;

/// OpenID providers (OpenID Connect Discovery 1.0).
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a name only")]
pub struct Oidc;

impl Oidc {
    /// The key set of `issuer`: `<issuer>/.well-known/openid-configuration` names it, over https, without redirects. Its
    /// `issuer` must be the given one byte by byte, and becomes the issuer of a JWT check that names none.
    ///
    /// Nothing is fetched before the first request needs it. The document is read again every 24 h; when that fails, the
    /// place it named last goes on serving. The algorithms are yours to pin: the document's are not looked at.
    pub fn discover(issuer: impl Into<String>) -> Jwks {
        Jwks::discovered(issuer.into())
    }
}
