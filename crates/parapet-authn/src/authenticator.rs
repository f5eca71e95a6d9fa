use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request as HttpRequest, StatusCode};
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, RequestHead, Response, ResponseError,
    ResponseFuture, Serve, plain_error,
};
use tokio::time::Instant;

use crate::custom::Custom;
use crate::own_fields;
use crate::scheme::{Check, Checked, Denial, Scheme, add_challenge};
use crate::{AuthError, AuthEvent, Error, Grant, Outcome, Reason};

/// Checks each request once, before it reaches the next handler: the middleware that every scheme builds, and the base
/// for own schemes.
///
/// The check sees the head; the body is not touched, but by `Forward::include_body`. A success applies the grant and goes on. A refusal is answered here;
/// a check that panics is answered with 500. There is no way to build one that checks nothing.
///
/// ```
/// use parapet_authn::{AuthError, Authenticator, Grant, Identity};
///
/// let by_key = Authenticator::new(|head| {
///     let key = head.headers.get("x-api-key").cloned(); // what the future needs is taken out of the head here
///     async move {
///         match key {
///             None => Err(AuthError::MissingAuthorization),
///             Some(key) if key == "k1" => Ok(Grant::new().with_identity(Identity::new("key").with_subject("team-1"))),
///             Some(_) => Err(AuthError::InvalidCredentials),
///         }
///     }
/// });
/// # drop(by_key);
/// ```
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    scheme: Arc<dyn Scheme>,
    challenge: Option<HeaderValue>,
    forbidden: Option<Forbidden>,
    on_decision: Option<Hook>,
    optional: bool,
}

type Hook = Arc<dyn Fn(&AuthEvent) + Send + Sync>;
type Forbidden = Arc<dyn Fn(Request, &AuthError) -> ResponseFuture + Send + Sync>;

impl Authenticator {
    /// An own check. What its future needs is taken out of the head first.
    pub fn new<F, Fut>(check: F) -> Self
    where
        F: Fn(&RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Grant, AuthError>> + Send + 'static,
    {
        Self::of(Custom::new(check))
    }

    pub(crate) fn of(scheme: impl Scheme) -> Self {
        Self(Arc::new(Inner {
            scheme: Arc::new(scheme),
            challenge: None,
            forbidden: None,
            on_decision: None,
            optional: false,
        }))
    }

    /// `WWW-Authenticate` of a 401, in place of the scheme's own (RFC 9110 §11.6.1). Default: the scheme's; an own check
    /// has none.
    ///
    /// # Errors
    /// [`BadRealm`](Error::BadRealm) if it is no field value.
    pub fn challenge(self, challenge: &str) -> Result<Self, Error> {
        let value =
            HeaderValue::from_str(challenge).map_err(|_| Error::BadRealm("the challenge"))?;
        Ok(self.with(|inner| inner.challenge = Some(value)))
    }

    /// The answer of a refusal. Default: a plain error, 401, 400, 403 or 503 by the error.
    #[must_use]
    pub fn forbidden(
        self,
        f: impl Fn(Request, &AuthError) -> ResponseFuture + Send + Sync + 'static,
    ) -> Self {
        self.with(|inner| inner.forbidden = Some(Arc::new(f)))
    }

    /// Lets requests without credentials pass, without an identity. Bad credentials are still refused. Default: `false`.
    #[must_use]
    pub fn optional(self, optional: bool) -> Self {
        self.with(|inner| inner.optional = optional)
    }

    /// Called after each check. The client learns nothing; here the operator learns the reason. Default: none.
    #[must_use]
    pub fn on_decision(self, f: impl Fn(&AuthEvent) + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.on_decision = Some(Arc::new(f)))
    }

    pub(crate) fn scheme(&self) -> &Arc<dyn Scheme> {
        &self.0.scheme
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Middleware for Authenticator {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Guarded { inner: Arc::clone(&self.0), next })
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("scheme", &self.0.scheme.name())
            .field("optional", &self.0.optional)
            .finish_non_exhaustive()
    }
}

struct Guarded {
    inner: Arc<Inner>,
    next: Handler,
}

impl Serve for Guarded {
    fn serve(&self, request: Request) -> ResponseFuture {
        // The clock is only asked when somebody listens.
        let started = self.inner.on_decision.as_ref().map(|_| Instant::now());
        let (head, body) = request.into_parts();
        match catch_unwind(AssertUnwindSafe(|| self.inner.scheme.check(&head))) {
            Ok(Check::Now(checked)) => {
                let request = HttpRequest::from_parts(head, body);
                self.inner.decide(Some(checked), request, &self.next, started)
            }
            Ok(Check::Later(check)) => {
                let (inner, next) = (Arc::clone(&self.inner), self.next.clone());
                ResponseFuture::new(async move {
                    let checked = AssertUnwindSafe(check).catch_unwind().await.ok();
                    let request = HttpRequest::from_parts(head, body);
                    inner.decide(checked, request, &next, started).await
                })
            }
            Ok(Check::WithBody(check)) => {
                let (inner, next) = (Arc::clone(&self.inner), self.next.clone());
                ResponseFuture::new(async move {
                    let check = AssertUnwindSafe(async move { check(body).await });
                    let (body, checked) = match check.catch_unwind().await {
                        Ok((body, checked)) => (body, Some(checked)),
                        Err(_) => (Body::empty(), None),
                    };
                    let request = HttpRequest::from_parts(head, body);
                    inner.decide(checked, request, &next, started).await
                })
            }
            Err(_) => {
                self.inner.decide(None, HttpRequest::from_parts(head, body), &self.next, started)
            }
        }
    }
}

impl Inner {
    /// `None`: the check panicked.
    fn decide(
        &self,
        checked: Option<Checked>,
        request: Request,
        next: &Handler,
        started: Option<Instant>,
    ) -> ResponseFuture {
        match checked {
            None => {
                tracing::error!(scheme = self.scheme.name(), "an authentication check panicked");
                self.tell(Outcome::Denied, Reason::Panicked, false, started);
                let mut response =
                    plain_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
                response.extensions_mut().insert(ResponseError::new(
                    "authn",
                    Reason::Panicked.as_str(),
                    "the check panicked",
                ));
                ResponseFuture::ready(response)
            }
            Some(Ok(grant)) => {
                self.tell(Outcome::Allowed, Reason::Ok, grant.is_cached(), started);
                self.pass(grant, request, next)
            }
            Some(Err(denial))
                if self.optional && matches!(denial.error, AuthError::MissingAuthorization) =>
            {
                self.tell(Outcome::Anonymous, denial.reason, false, started);
                self.pass(Grant::new(), request, next)
            }
            Some(Err(denial)) => {
                self.tell(Outcome::Denied, denial.reason, false, started);
                self.refuse(denial, request)
            }
        }
    }

    fn pass(&self, grant: Grant, request: Request, next: &Handler) -> ResponseFuture {
        let (mut head, body) = request.into_parts();
        self.clear_way(&mut head.headers, &grant);
        if let (Some(log), Some(subject)) =
            (head.log(), grant.identity().and_then(crate::Identity::shared_subject))
        {
            log.set("userId", Arc::clone(subject));
        }
        let lines = grant.apply(&mut head);
        let answer = next.serve(HttpRequest::from_parts(head, body));
        if lines.is_empty() {
            return answer; // no future of our own: nothing to box
        }
        ResponseFuture::new(async move {
            let mut response = answer.await;
            for (name, value) in lines {
                // A full map is left as it is.
                let _full = response.headers_mut().try_append(name, value);
            }
            response
        })
    }

    /// For the fields that this check sets: no copies of the client's, and none is removed behind it.
    fn clear_way(&self, headers: &mut HeaderMap, grant: &Grant) {
        let own = self.scheme.own_fields().iter().chain(grant.inserted());
        if own.clone().next().is_some() {
            own_fields::clear(headers, &own);
        }
        let set = own.chain(grant.appended());
        if set.clone().next().is_some() && headers.contains_key(CONNECTION) {
            own_fields::keep(headers, &set);
        }
    }

    fn refuse(&self, mut denial: Denial, request: Request) -> ResponseFuture {
        let ready = denial.response.take();
        // What an auth server says goes to the client as it is; only its absence is this side's to tell.
        if let Some(response) = ready
            && !(self.forbidden.is_some() && matches!(denial.error, AuthError::Unavailable))
        {
            return ResponseFuture::ready(*response);
        }
        let Some(forbidden) = &self.forbidden else {
            let response = default_refusal(&denial);
            return ResponseFuture::ready(self.finish(response, denial));
        };
        match forbidden(request, &denial.error).into_ready() {
            Ok(response) => ResponseFuture::ready(self.finish(response, denial)),
            Err(answer) => {
                let this = self.clone();
                ResponseFuture::new(async move { this.finish(answer.await, denial) })
            }
        }
    }

    fn finish(&self, mut response: Response, denial: Denial) -> Response {
        let status = response.status();
        let asks = status == StatusCode::UNAUTHORIZED
            || matches!(denial.error, AuthError::InvalidRequest | AuthError::InsufficientScope);
        if asks && !response.headers().contains_key(WWW_AUTHENTICATE) {
            match &self.challenge {
                Some(own) => add_challenge(response.headers_mut(), Some(own)),
                None => self.scheme.challenges(&denial.error, response.headers_mut()),
            }
        }
        if status == StatusCode::UNAUTHORIZED && !response.headers().contains_key(CACHE_CONTROL) {
            // A shared cache must not hand the refusal to somebody who has credentials. A full map is left as it is.
            let no_store = HeaderValue::from_static("no-store");
            let _full = response.headers_mut().try_insert(CACHE_CONTROL, no_store);
        }
        if response.extensions().get::<ResponseError>().is_none() {
            let error = ResponseError::new("authn", denial.reason.as_str(), denial.error);
            response.extensions_mut().insert(error);
        }
        response
    }

    fn tell(&self, outcome: Outcome, reason: Reason, cached: bool, started: Option<Instant>) {
        let Some(hook) = &self.on_decision else { return };
        let duration =
            started.map_or(Duration::ZERO, |at| Instant::now().saturating_duration_since(at));
        hook(&AuthEvent { scheme: self.scheme.name(), outcome, reason, cached, duration });
    }
}

fn default_refusal(denial: &Denial) -> Response {
    let status = denial.status.unwrap_or(match denial.error {
        AuthError::InvalidRequest => StatusCode::BAD_REQUEST,
        AuthError::InsufficientScope => StatusCode::FORBIDDEN,
        AuthError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNAUTHORIZED,
    });
    let text = match status {
        StatusCode::BAD_REQUEST => "Bad Request",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::SERVICE_UNAVAILABLE => "Service Unavailable",
        _ => "Unauthorized",
    };
    let mut response = plain_error(status, text);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
