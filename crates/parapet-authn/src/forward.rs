use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, RANGE, SET_COOKIE, TRAILER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use parapet_core::{
    Body, Handler, Request, RequestExt, RequestHead, Response, ResponseError, plain_error,
};
use parapet_header::{
    X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_METHOD, X_FORWARDED_PROTO, X_FORWARDED_URI,
    first_str, strip_hop_by_hop,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::client::{absolute, default_client};
use crate::own_fields;
use crate::scheme::{Check, Checked, Denial, Scheme};
use crate::{AuthError, Authenticator, Error, Grant, Identity, Reason};

mod content;
mod decisions;
mod idle;

use self::decisions::Decisions;

/// An external auth server decides: settings of the check, made an [`Authenticator`] by [`build`](Self::build).
///
/// The server gets `GET url` with the client's header fields and answers 2xx for yes. Any other answer, redirects to a
/// login page too, goes to the client as it is. It gets no body, unless [`include_body`](Self::include_body) says so.
#[derive(Clone)]
pub struct Forward {
    url: String,
    request_headers: Option<Vec<String>>,
    response_headers: Vec<String>,
    client: Option<Handler>,
    timeout: Duration,
    max_in_flight: usize,
    set_cookie: bool,
    subject_header: Option<String>,
    cache_by: Vec<String>,
    include_body: Option<usize>,
}

impl Forward {
    /// Asks the server at `url`, an absolute `http` or `https` URL; its query is kept.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            request_headers: None,
            response_headers: Vec::new(),
            client: None,
            timeout: Duration::from_secs(10),
            max_in_flight: 1024,
            set_cookie: false,
            subject_header: None,
            cache_by: Vec::new(),
            include_body: None,
        }
    }

    /// Fields of the client's request that the auth server sees, besides the `X-Forwarded` ones. Default: all but those
    /// that describe the body and the connection, ranges and conditions.
    #[must_use]
    pub fn auth_request_headers<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.request_headers = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Fields of the auth server's answer that are copied onto the request. What the client sent under these names always
    /// goes, also when the answer has none. Default: none.
    #[must_use]
    pub fn auth_response_headers<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.response_headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// What asks: a handler that takes an absolute URI. Default: parapet-upstream's client.
    #[must_use]
    pub fn client(mut self, client: Handler) -> Self {
        self.client = Some(client);
        self
    }

    /// Time until the answer's head is there, else 503. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Requests that may wait for the auth server at once; above that: 503. Default: 1024.
    #[must_use]
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// Copies `Set-Cookie` of a 2xx answer onto the final response: sessions are renewed that way. Default: `false`.
    #[must_use]
    pub fn forward_set_cookie(mut self, forward: bool) -> Self {
        self.set_cookie = forward;
        self
    }

    /// The field of a 2xx answer that names the subject of the [`Identity`]. Default: none, and no identity.
    #[must_use]
    pub fn subject_header(mut self, name: impl Into<String>) -> Self {
        self.subject_header = Some(name.into());
        self
    }

    /// Remembers a yes under the values of these fields, the method and the target, as long as `Cache-Control: max-age`
    /// of the answer says, at most 60 s and 4096 of them. Default: none; a revoked session goes on that long.
    #[must_use]
    pub fn cache_by<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.cache_by = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sends the content of the request along, up to `max` bytes, for auth servers that check signatures of bodies. The
    /// question is a `POST` then, since content means nothing in a `GET` (RFC 9110 §9.3.1), with `Content-Type` and
    /// `Content-Encoding` of the request unless [`auth_request_headers`](Self::auth_request_headers) names other fields;
    /// its method is in `X-Forwarded-Method` as ever. Default: none is sent.
    ///
    /// A longer body is answered with 413 and nobody is asked: an announced length before a byte of it is read, and
    /// without `100 Continue` for those who wait for one. What the auth server allows goes on as it came, trailers and
    /// framing included; trailers are not shown to the auth server. A body that breaks off or breaks its framing is 400,
    /// one that stalls 408.
    ///
    /// Each request holds its content in memory until it is sent on. A body that was buffered before is not copied.
    /// CONNECT has no content (RFC 9110 §9.3.6).
    #[must_use]
    pub fn include_body(mut self, max: usize) -> Self {
        self.include_body = Some(max);
        self
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`BadUrl`](Error::BadUrl), [`BadHeaderName`](Error::BadHeaderName), [`ReservedHeader`](Error::ReservedHeader),
    /// [`ZeroDuration`](Error::ZeroDuration), [`ZeroLimit`](Error::ZeroLimit).
    pub fn build(self) -> Result<Authenticator, Error> {
        if self.timeout.is_zero() {
            return Err(Error::ZeroDuration("timeout"));
        }
        if self.max_in_flight == 0 {
            return Err(Error::ZeroLimit("max_in_flight"));
        }
        if self.include_body == Some(0) {
            return Err(Error::ZeroLimit("include_body"));
        }
        let mut own_fields = names(&self.response_headers)?;
        let subject_header = self.subject_header.as_deref().map(own_fields::name).transpose()?;
        let response_headers = own_fields.clone();
        // A field that says who it is may only come from the auth server.
        own_fields.extend(subject_header.clone());
        let cache_by = names(&self.cache_by)?;
        Ok(Authenticator::of(ForwardCheck {
            inner: Arc::new(Inner {
                url: absolute("the URL of the auth server", &self.url)?,
                request_headers: self.request_headers.as_deref().map(names).transpose()?,
                response_headers,
                client: self.client.unwrap_or_else(default_client),
                timeout: self.timeout,
                slots: Arc::new(Semaphore::new(self.max_in_flight.min(Semaphore::MAX_PERMITS))),
                set_cookie: self.set_cookie,
                subject_header,
                decisions: (!cache_by.is_empty()).then(|| Decisions::new(cache_by)),
                include_body: self.include_body,
            }),
            own_fields,
        }))
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("timeout", &self.timeout)
            .field("request_headers", &self.request_headers)
            .field("response_headers", &self.response_headers)
            .field("include_body", &self.include_body)
            .finish_non_exhaustive()
    }
}

fn names<S: AsRef<str>>(texts: &[S]) -> Result<Vec<HeaderName>, Error> {
    texts.iter().map(|text| own_fields::name(text.as_ref())).collect()
}

struct ForwardCheck {
    inner: Arc<Inner>,
    own_fields: Vec<HeaderName>,
}

struct Inner {
    url: Uri,
    request_headers: Option<Vec<HeaderName>>,
    response_headers: Vec<HeaderName>,
    client: Handler,
    timeout: Duration,
    slots: Arc<Semaphore>,
    set_cookie: bool,
    subject_header: Option<HeaderName>,
    decisions: Option<Decisions>,
    /// Most bytes of content that go along.
    include_body: Option<usize>,
}

impl Scheme for ForwardCheck {
    fn name(&self) -> &'static str {
        "forward"
    }

    fn check(&self, head: &RequestHead) -> Check {
        let inner = Arc::clone(&self.inner);
        let key = inner.decisions.as_ref().map(|decisions| decisions.key(head));
        if let Some(max) = inner.include_body
            && head.method != Method::CONNECT
        {
            // The cheap refusal first; the place itself is taken when there is something to ask: clients that are slow to
            // send must not keep the others out.
            if inner.slots.available_permits() == 0 {
                return Check::Now(Err(unavailable(Reason::Overloaded)));
            }
            let request = match inner.request(head) {
                Ok(request) => request,
                Err(denial) => return Check::Now(Err(denial)),
            };
            return Check::WithBody(Box::new(move |body| {
                Box::pin(async move {
                    match content::read(body, max).await {
                        Ok((content, body)) => (body, inner.ask_about(request, content, key).await),
                        Err(failure) => (Body::empty(), Err(failure.into())),
                    }
                })
            }));
        }
        if let Some(grant) = inner.remembered(key.as_deref()) {
            return Check::Now(Ok(grant));
        }
        let Ok(slot) = Arc::clone(&inner.slots).try_acquire_owned() else {
            return Check::Now(Err(unavailable(Reason::Overloaded)));
        };
        let request = match inner.request(head) {
            Ok(request) => request,
            Err(denial) => return Check::Now(Err(denial)),
        };
        Check::Later(Box::pin(async move { inner.ask(request, key, slot).await }))
    }

    fn challenges(&self, _: &AuthError, _: &mut HeaderMap) {}

    fn own_fields(&self) -> &[HeaderName] {
        &self.own_fields
    }
}

/// What the auth server is told of the request, whatever the client sent.
const FORWARDED: [HeaderName; 5] =
    [X_FORWARDED_METHOD, X_FORWARDED_HOST, X_FORWARDED_URI, X_FORWARDED_PROTO, X_FORWARDED_FOR];

/// Most bytes of a 2xx answer's body that are read so that its connection can be used again.
const DRAIN: usize = 64 * 1024;
/// Longest wait for that body: nobody asked for it.
const DRAIN_TIME: Duration = Duration::from_secs(1);

impl Inner {
    /// A question with content: an answer holds for this content alone.
    async fn ask_about(
        &self,
        mut request: Request,
        content: Bytes,
        key: Option<Vec<u8>>,
    ) -> Checked {
        let key = key.map(|key| decisions::with_content(&key, &content));
        if let Some(grant) = self.remembered(key.as_deref()) {
            return Ok(grant);
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Err(unavailable(Reason::Overloaded));
        };
        *request.body_mut() = Body::full(content);
        self.ask(request, key, slot).await
    }

    /// Dropping this future, because the client left, cancels the request to the auth server.
    async fn ask(
        &self,
        request: Request,
        key: Option<Vec<u8>>,
        _slot: OwnedSemaphorePermit,
    ) -> Checked {
        let answer = timeout(self.timeout, self.client.serve(request)).await;
        self.judge(answer.ok(), key).await
    }

    fn remembered(&self, key: Option<&[u8]>) -> Option<Grant> {
        Some(self.decisions.as_ref()?.get(key?)?.cached(true))
    }

    /// A target that no field value can tell of is refused: the auth server would decide about another one.
    fn request(&self, head: &RequestHead) -> Result<Request, Denial> {
        self.described(head)
            .ok_or_else(|| Denial::new(AuthError::InvalidRequest, Reason::Malformed))
    }

    fn described(&self, head: &RequestHead) -> Option<Request> {
        let mut request = Request::new(Body::empty());
        let with_content = self.include_body.is_some();
        *request.method_mut() = if with_content { Method::POST } else { Method::GET };
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = match &self.request_headers {
            Some(names) => chosen(&head.headers, names),
            None => unchosen(&head.headers, with_content),
        };
        let headers = request.headers_mut();
        own_fields::clear(headers, &FORWARDED.iter());
        // Targets may hold bytes above ASCII.
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
        headers.try_insert(X_FORWARDED_METHOD, value(head.method.as_str())?).ok()?;
        headers.try_insert(X_FORWARDED_URI, value(head.original_target().as_str())?).ok()?;
        if let Some(authority) = head.authority() {
            headers.try_insert(X_FORWARDED_HOST, value(authority.as_str())?).ok()?;
        }
        // As the server's trust rules left them.
        for name in [X_FORWARDED_PROTO, X_FORWARDED_FOR] {
            for value in head.headers.get_all(&name) {
                headers.try_append(name.clone(), value.clone()).ok()?;
            }
        }
        Some(request)
    }

    /// `None`: no head in time.
    async fn judge(&self, answer: Option<Response>, key: Option<Vec<u8>>) -> Checked {
        let Some(answer) = answer else {
            tracing::debug!(kind = "timeout", "the auth server did not answer");
            return Err(unavailable(Reason::Unavailable));
        };
        if let Some(error) = answer.extensions().get::<ResponseError>() {
            tracing::debug!(kind = error.kind(), "the auth server did not answer");
            return Err(unavailable(Reason::Unavailable));
        }
        if answer.status().is_informational() {
            // A head that announces another one, or a protocol that nobody asked for, is no answer.
            tracing::debug!(kind = "informational", "the auth server did not answer");
            return Err(unavailable(Reason::Unavailable));
        }
        if !answer.status().is_success() {
            return Err(relayed(answer));
        }
        let (head, body) = answer.into_parts();
        // Too long a body, or too slow: it is dropped, and its connection with it.
        let _drained = timeout(DRAIN_TIME, body.collect(DRAIN)).await;
        let mut grant = Grant::new();
        for name in &self.response_headers {
            for value in head.headers.get_all(name) {
                grant = grant.append(name.clone(), value.clone());
            }
        }
        let subject = self.subject_header.as_ref().and_then(|name| first_str(&head.headers, name));
        if let Some(subject) = subject.filter(|subject| !subject.is_empty()) {
            grant = grant.with_identity(Identity::new("forward").with_subject(subject));
        }
        if let (Some(decisions), Some(key)) = (&self.decisions, key) {
            decisions.remember(key, &head.headers, &grant);
        }
        if self.set_cookie {
            let cookies = head.headers.get_all(SET_COOKIE).iter();
            grant = grant.with_response(cookies.map(|line| (SET_COOKIE, line.clone())).collect());
        }
        Ok(grant)
    }
}

fn chosen(from: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut to = HeaderMap::new();
    for name in names {
        for value in from.get_all(name) {
            // Never fuller than the map it comes from, unless a name is listed twice.
            let _full = to.try_append(name.clone(), value.clone());
        }
    }
    to
}

/// What a request of another method on another connection may carry.
fn unchosen(from: &HeaderMap, with_content: bool) -> HeaderMap {
    let mut to = from.clone();
    strip_hop_by_hop(&mut to);
    if !with_content {
        to.remove(CONTENT_ENCODING);
        to.remove(CONTENT_TYPE);
    }
    for name in [CONTENT_LENGTH, EXPECT, HOST, RANGE, TRAILER] {
        to.remove(name);
    }
    // A condition must not turn the auth server's 200 into a 304.
    let is_condition = |name: &&HeaderName| name.as_str().starts_with("if-");
    while let Some(name) = to.keys().find(is_condition).cloned() {
        to.remove(name);
    }
    to
}

fn unavailable(reason: Reason) -> Denial {
    let response = plain_error(StatusCode::SERVICE_UNAVAILABLE, "Auth Server Unavailable");
    denial(AuthError::Unavailable, reason, response)
}

fn relayed(answer: Response) -> Denial {
    let (mut head, body) = answer.into_parts();
    strip_hop_by_hop(&mut head.headers);
    let mut response = Response::new(idle::guarded(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    denial(AuthError::InvalidCredentials, Reason::Refused, response)
}

fn denial(error: AuthError, reason: Reason, mut response: Response) -> Denial {
    if matches!(error, AuthError::Unavailable) {
        let note = ResponseError::new("authn", reason.as_str(), AuthError::Unavailable);
        response.extensions_mut().insert(note);
    }
    Denial { error, reason, status: None, response: Some(Box::new(response)) }
}
