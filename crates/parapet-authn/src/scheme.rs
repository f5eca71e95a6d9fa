use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parapet_core::{Body, BoxFuture, RequestHead, Response};

use crate::{AuthError, Grant, Reason};

/// One way to check a request. Everything that an [`Authenticator`](crate::Authenticator) does around the check, it does
/// for all of them alike.
pub(crate) trait Scheme: Send + Sync + 'static {
    /// Word for events and identities.
    fn name(&self) -> &'static str;

    /// Looks at a head. What the answer needs later is taken out of the head now.
    fn check(&self, head: &RequestHead) -> Check;

    /// Adds the challenges for a refusal, as `WWW-Authenticate` of its answer.
    fn challenges(&self, error: &AuthError, into: &mut HeaderMap);

    /// Fields that only this scheme may set: the client's copies go, whoever lets the request pass.
    fn own_fields(&self) -> &[HeaderName] {
        &[]
    }
}

/// Adds one line of `WWW-Authenticate`.
pub(crate) fn add_challenge(into: &mut HeaderMap, challenge: Option<&HeaderValue>) {
    if let Some(challenge) = challenge {
        // A full map is left as it is.
        let _full = into.try_append(WWW_AUTHENTICATE, challenge.clone());
    }
}

pub(crate) type Checked = Result<Grant, Denial>;

pub(crate) enum Check {
    Now(Checked),
    Later(BoxFuture<'static, Checked>),
    /// Looks at the body too, and gives it back as it came.
    WithBody(WithBody),
}

pub(crate) type WithBody = Box<dyn FnOnce(Body) -> BoxFuture<'static, (Body, Checked)> + Send>;

/// A refusal: what the client gets follows from the error, what the operator learns from the reason.
#[derive(Debug)]
pub(crate) struct Denial {
    pub(crate) error: AuthError,
    pub(crate) reason: Reason,
    /// In place of the error's own status.
    pub(crate) status: Option<StatusCode>,
    /// Relayed as it is.
    pub(crate) response: Option<Box<Response>>,
}

impl Denial {
    pub(crate) fn new(error: AuthError, reason: Reason) -> Self {
        Self { error, reason, status: None, response: None }
    }

    pub(crate) fn missing() -> Self {
        Self::new(AuthError::MissingAuthorization, Reason::Missing)
    }

    pub(crate) fn token(reason: Reason) -> Self {
        Self::new(AuthError::InvalidToken, reason)
    }

    pub(crate) fn credentials(reason: Reason) -> Self {
        Self::new(AuthError::InvalidCredentials, reason)
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(AuthError::Unavailable, Reason::Unavailable)
    }
}

impl From<AuthError> for Denial {
    fn from(error: AuthError) -> Self {
        let reason = match &error {
            AuthError::MissingAuthorization => Reason::Missing,
            AuthError::InvalidCredentials => Reason::BadCredentials,
            AuthError::InvalidToken => Reason::Malformed,
            AuthError::InvalidRequest => Reason::Repeated,
            AuthError::InsufficientScope => Reason::MissingScope,
            AuthError::Unavailable => Reason::Unavailable,
            AuthError::Other(_) => Reason::Other,
        };
        Self::new(error, reason)
    }
}
