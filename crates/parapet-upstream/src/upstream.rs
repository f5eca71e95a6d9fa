use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, MAX_FORWARDS, UPGRADE};
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode};
use parapet_core::{
    Body, BoxFuture, Handler, Middleware, Request, RequestExt, RequestHead, Response,
    ResponseFuture, ResponseHead, Serve, Upgrade, recycle,
};

use crate::failure::{self, Refusal};
use crate::failure_log::FailureLog;
use crate::max_forwards::{Forwarding, forwarding};
use crate::observe::{Hook, RoundTripInfo};
use crate::retry::Backoff;
use crate::retry_budget::Budget;
use crate::rewrite::{BasePath, rewrite};
use crate::single_host::SingleHost;
use crate::tunnel::tunnel;
use crate::upgrade::{self, ConnectProtocol};
use crate::via::Via;
use crate::{
    Attempt, ConfigError, Error, Gate, RetryBudget, RoundTrip, TargetSet, Transport,
    UpgradedUpstream,
};
use crate::{request_fields, response_fields};

/// A reverse proxy over a balancer or a transport of one's own: a terminal handler.
///
/// A middleware that ignores the handler behind it. Cheap to clone, and frozen when it is wrapped. Dropping the future of
/// a request gives it up: its connection is closed or its stream reset, slots are free, hook and log are told.
#[derive(Clone)]
pub struct Upstream {
    pub(crate) round_trip: Arc<dyn RoundTrip>,
    base: BasePath,
    host: Option<HeaderValue>,
    via: Option<Via>,
    connect: ConnectPolicy,
    upgrades: bool,
    tunnel_idle_timeout: Option<Duration>,
    error_handler: Option<Arc<ErrorHandler>>,
    pub(crate) per_try_timeout: Option<Duration>,
    pub(crate) backoff: Backoff,
    pub(crate) retry_policy: Option<Arc<RetryPolicy>>,
    pub(crate) retry_on: Option<Arc<RetryOn>>,
    pub(crate) retry_connect_failures: bool,
    pub(crate) budget: Option<Budget>,
    pub(crate) hook: Option<Hook>,
    /// Shared by the clones: they have the same targets.
    pub(crate) failures: Arc<FailureLog>,
}

type ErrorHandler = dyn Fn(&RequestHead, &Error) -> Response + Send + Sync;
type RetryPolicy = dyn Fn(&RequestHead) -> bool + Send + Sync;
type RetryOn = dyn Fn(&ResponseHead) -> bool + Send + Sync;

/// What a CONNECT without `:protocol` is answered with.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectPolicy {
    /// 405: a reverse proxy tunnels nowhere that its client names.
    #[default]
    Deny,
    /// The CONNECT goes to the target; a 2xx makes a tunnel of both connections.
    Forward,
}

impl Upstream {
    /// A proxy over a balancer, or a round trip of one's own.
    pub fn new(round_trip: impl RoundTrip) -> Self {
        Self::build(Arc::new(round_trip))
    }

    /// A proxy to one target. The `Host` that is sent is the client's.
    ///
    /// # Errors
    /// Those of [`Target::new`](crate::Target::new).
    pub fn single_host(host: &str, transport: impl Into<Transport>) -> Result<Self, ConfigError> {
        Ok(Self::new(SingleHost::new(crate::Target::new(host, transport)?)))
    }

    fn build(round_trip: Arc<dyn RoundTrip>) -> Self {
        Self {
            round_trip,
            base: BasePath::default(),
            host: None,
            via: None,
            connect: ConnectPolicy::Deny,
            upgrades: true,
            tunnel_idle_timeout: None,
            error_handler: None,
            per_try_timeout: None,
            backoff: Backoff::default(),
            retry_policy: None,
            retry_on: None,
            retry_connect_failures: false,
            budget: None,
            hook: None,
            failures: Arc::default(),
        }
    }

    /// `Host` (`:authority`) that is sent in place of the client's. The address that is dialed is the target's.
    ///
    /// # Errors
    /// [`ConfigError::Host`]: not an authority, or one with user info.
    pub fn host(mut self, host: &str) -> Result<Self, ConfigError> {
        let authority = host.parse::<Authority>().ok().filter(|_| !host.contains('@'));
        let value = authority.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        self.host = Some(value.ok_or_else(|| ConfigError::Host(host.to_owned()))?);
        Ok(self)
    }

    /// Path put before the path of every request, with one `/` between them; its query, if any, before the query. Default:
    /// `/`. No request climbs above it.
    ///
    /// # Errors
    /// [`ConfigError::Path`]: no leading `/`, a fragment, or bytes that RFC 3986 wants encoded.
    pub fn path(mut self, path: &str) -> Result<Self, ConfigError> {
        self.base = BasePath::parse(path)?;
        Ok(self)
    }

    /// Further attempts after a failed one. Default: 3. 0: none.
    ///
    /// Only GET, HEAD, OPTIONS and TRACE are tried again (see [`retry_policy`](Self::retry_policy)), only with a body that
    /// is empty or can be replayed, only before a head arrived, and never when the balancer refused.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.backoff.retries = retries;
        self
    }

    /// Wait before the first retry, doubled before each further one. Default: 50 ms.
    #[must_use]
    pub fn backoff_factor(mut self, factor: Duration) -> Self {
        self.backoff.factor = factor;
        self
    }

    /// Longest single wait before a retry. Default: 10 s.
    #[must_use]
    pub fn max_backoff(mut self, max: Duration) -> Self {
        self.backoff.max = max;
        self
    }

    /// Part of each wait that chance may take off, cut to 0.0 to 1.0. Default: 0.
    #[must_use]
    pub fn backoff_jitter(mut self, jitter: f64) -> Self {
        self.backoff.jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
        self
    }

    /// Which requests may be tried again, in place of the rule by method. The rule of the body stays. A panic means no.
    #[must_use]
    pub fn retry_policy(
        mut self,
        policy: impl Fn(&RequestHead) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.retry_policy = Some(Arc::new(policy));
        self
    }

    /// Responses in place of which the request is tried again, by the same rules. A `Retry-After` up to 1 s replaces the
    /// backoff; with a longer one the response is passed on. Default: none. A panic means no.
    #[must_use]
    pub fn retry_on(mut self, f: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Self {
        self.retry_on = Some(Arc::new(f));
        self
    }

    /// Whether a failed connection attempt is followed by another for every method, if no byte of the body was read:
    /// nothing was sent then. Default: false.
    #[must_use]
    pub fn retry_connect_failures(mut self, retry: bool) -> Self {
        self.retry_connect_failures = retry;
        self
    }

    /// Bound of the retries that run at a time. Default: none. Clones share it.
    #[must_use]
    pub fn retry_budget(mut self, budget: impl Into<Option<RetryBudget>>) -> Self {
        self.budget = budget.into().map(Budget::new);
        self
    }

    /// Longest time to the head of each attempt. Default: none; zero is none.
    #[must_use]
    pub fn per_try_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.per_try_timeout = limit.into().filter(|limit| !limit.is_zero());
        self
    }

    /// Called once for each attempt: at its head, its failure, or when the request was dropped ([`Error::Canceled`]).
    /// Must not block. A panic is ignored.
    #[must_use]
    pub fn on_round_trip(
        mut self,
        hook: impl Fn(&RequestHead, &RoundTripInfo<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }

    /// Makes the response of a final failure. Default: 503 when the balancer refused, 504 for what took too long, 4xx for
    /// the client's own body, else 502; with a fixed text. When it panics, the default holds.
    #[must_use]
    pub fn error_handler(
        mut self,
        f: impl Fn(&RequestHead, &Error) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.error_handler = Some(Arc::new(f));
        self
    }

    /// What a plain CONNECT is answered with. Default: [`ConnectPolicy::Deny`].
    #[must_use]
    pub fn connect(mut self, policy: ConnectPolicy) -> Self {
        self.connect = policy;
        self
    }

    /// Whether protocol upgrades go through. Default: true. Without them the fields of an upgrade are removed, and the
    /// request goes on as a plain one; an extended CONNECT is answered with 405.
    #[must_use]
    pub fn upgrades(mut self, allowed: bool) -> Self {
        self.upgrades = allowed;
        self
    }

    /// Closes an upgraded connection on which both directions are silent this long. Default: none; zero is none.
    #[must_use]
    pub fn tunnel_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.tunnel_idle_timeout = limit.into().filter(|limit| !limit.is_zero());
        self
    }

    /// Adds `Via` (RFC 9110 §7.6.3) with this name to request and response. Default: none.
    #[must_use]
    pub fn via(mut self, name: impl Into<Option<Authority>>) -> Self {
        self.via = name.into().and_then(|name| Via::new(&name));
        self
    }

    /// Makes a request one of our own to the next hop, or refuses it.
    fn prepare(&self, request: &mut Request) -> Result<Option<Upgrade>, Refusal> {
        if *request.method() == Method::CONNECT {
            return self.prepare_connect(request);
        }
        match forwarding(request.method(), request.headers()) {
            Forwarding::Unchanged => {}
            Forwarding::Counted(hops) => drop(request.headers_mut().insert(MAX_FORWARDS, hops)),
            Forwarding::Ends if *request.method() == Method::TRACE => {
                return Err(Refusal::LastTrace);
            }
            Forwarding::Ends => return Err(Refusal::LastOptions),
        }
        request_fields::host(request, self.host.as_ref())?;
        let method = request.method().clone();
        rewrite(request.uri_mut(), &method, &self.base)?;
        let mut upgrade = None;
        let mut protocol = None;
        if request.headers().contains_key(UPGRADE) {
            protocol = Some(upgrade::requested(request.headers()).ok_or(Refusal::Upgrade)?);
            if self.upgrades && request.offers_upgrade() {
                upgrade = Upgrade::take(request);
            }
        }
        let protocol = protocol.filter(|_| upgrade.is_some());
        request_fields::rewrite(request, self.via.as_ref(), protocol)?;
        Ok(upgrade)
    }

    fn prepare_connect(&self, request: &mut Request) -> Result<Option<Upgrade>, Refusal> {
        let upgrade = if request.offers_upgrade() { Upgrade::take(request) } else { None };
        request_fields::host(request, self.host.as_ref())?;
        match upgrade.as_ref().and_then(Upgrade::protocol) {
            Some(protocol) if self.upgrades => {
                if !upgrade::is_protocol(protocol.as_bytes()) {
                    return Err(Refusal::Upgrade);
                }
                request.extensions_mut().insert(ConnectProtocol(protocol.into()));
                rewrite(request.uri_mut(), &Method::CONNECT, &self.base)?;
            }
            None if self.connect == ConnectPolicy::Forward => {}
            _ => return Err(Refusal::Connect),
        }
        request_fields::rewrite(request, self.via.as_ref(), None)?;
        Ok(upgrade)
    }

    async fn answer(
        &self,
        head: &RequestHead,
        body: &mut Body,
        upgrade: Option<Upgrade>,
    ) -> Response {
        let error = match self.attempts(head, body, upgrade.is_some()).await {
            Ok(mut response) => match self.pass_on(head, &mut response, upgrade) {
                Ok(()) => return response,
                Err(error) => error,
            },
            Err(error) => error,
        };
        self.fail(head, &error)
    }

    /// Makes the response one of our own to the client; with a switch of protocols, hands the connections over.
    fn pass_on(
        &self,
        head: &RequestHead,
        response: &mut Response,
        upgrade: Option<Upgrade>,
    ) -> Result<(), Error> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if !switched && (head.method != Method::CONNECT || !response.status().is_success()) {
            response_fields::rewrite(response, self.via.as_ref());
            return Ok(());
        }
        let connection = response.extensions_mut().remove::<UpgradedUpstream>();
        let (Some(upgrade), Some((io, unread))) =
            (upgrade, connection.and_then(|connection| connection.take()))
        else {
            return Err(Error::Protocol("an upgrade without its connection"));
        };
        let protocol = response.headers().get(UPGRADE).cloned();
        response_fields::rewrite(response, self.via.as_ref());
        if let Some(protocol) = protocol.filter(|_| switched) {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        let (idle, deadline) = (self.tunnel_idle_timeout, head.deadline());
        let head = std::mem::take(response);
        *response = upgrade.serve(head, move |client| tunnel(client, io, unread, idle, deadline));
        Ok(())
    }

    fn fail(&self, head: &RequestHead, error: &Error) -> Response {
        let made = self
            .error_handler
            .as_ref()
            .and_then(|handler| catch_unwind(AssertUnwindSafe(|| handler(head, error))).ok());
        match made {
            Some(mut response) => {
                failure::note(&mut response, error);
                response
            }
            None => failure::response(error),
        }
    }
}

impl Middleware for Upstream {
    fn wrap(&self, _next: Handler) -> Handler {
        Handler::new(Proxy(Arc::new(self.clone())))
    }
}

/// The wrapped proxy. Its future is one box; head and attempts live in it.
struct Proxy(Arc<Upstream>);

impl Serve for Proxy {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        match self.0.prepare(&mut request) {
            Ok(upgrade) => {
                let upstream = Arc::clone(&self.0);
                let (head, mut body) = request.into_parts();
                ResponseFuture::new(async move {
                    let response = upstream.answer(&head, &mut body, upgrade).await;
                    recycle::give_map(head.headers);
                    recycle::give_extensions(head.extensions);
                    response
                })
            }
            Err(refusal) => refusal.response().into(),
        }
    }
}

/// One attempt with the hook, without rewriting or retries: a proxy can be the transport of another's target.
impl RoundTrip for Upstream {
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        mut body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async move {
            if at.picked().is_none() {
                return self.attempt(head, &mut body, at, None).await;
            }
            let inner = at.nested();
            let result = self.attempt(head, &mut body, &inner, None).await;
            at.adopt(&inner);
            result
        })
    }

    fn targets(&self) -> Option<&TargetSet> {
        self.round_trip.targets()
    }

    fn set_health_gate(&self, gate: &Gate) -> bool {
        self.round_trip.set_health_gate(gate)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("targets", &self.round_trip.targets())
            .field("path", &self.base)
            .field("host", &self.host)
            .field("via", &self.via)
            .field("connect", &self.connect)
            .field("upgrades", &self.upgrades)
            .field("tunnel_idle_timeout", &self.tunnel_idle_timeout)
            .field("per_try_timeout", &self.per_try_timeout)
            .field("backoff", &self.backoff)
            .field("retry_connect_failures", &self.retry_connect_failures)
            .field("retry_budget", &self.budget)
            .finish_non_exhaustive()
    }
}
