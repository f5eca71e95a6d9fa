use std::sync::Arc;

use parapet_core::Request;

use crate::JwtClaims;

/// Who sent a request: an extension of each request that an authenticator let pass with credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    scheme: &'static str,
    subject: Option<Arc<str>>,
    issuer: Option<Arc<str>>,
}

impl Identity {
    /// An identity by `scheme`, a word fit for a metric label.
    pub fn new(scheme: &'static str) -> Self {
        Self { scheme, subject: None, issuer: None }
    }

    /// Who it is, unique within the issuer. Default: none.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<Arc<str>>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Who says so. Default: none.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// How it was proved: `jwt`, `basic`, `forward`, `introspection`, `mtls`, or a word of an own scheme.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Who it is.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Who says so.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(crate) fn shared_subject(&self) -> Option<&Arc<str>> {
        self.subject.as_ref()
    }
}

/// The subject of a request's [`Identity`]: ready as the key of a rate limiter. `None` without one.
pub fn identity() -> impl Fn(&Request) -> Option<Arc<str>> + Clone + Send + Sync + 'static {
    |request| request.extensions().get::<Identity>()?.shared_subject().cloned()
}

/// A string claim of a request's [`JwtClaims`]: ready as the key of a rate limiter. `None` without it.
pub fn claim(name: &str) -> impl Fn(&Request) -> Option<Arc<str>> + Clone + Send + Sync + 'static {
    let name: Arc<str> = name.into();
    move |request| {
        let claims = request.extensions().get::<JwtClaims>()?;
        if &*name == "sub" {
            return claims.shared_subject().cloned();
        }
        claims.get(&name)?.as_str().map(Arc::from)
    }
}
