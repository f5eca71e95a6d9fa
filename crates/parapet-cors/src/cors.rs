use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use parapet_core::{Handler, Middleware, Request};

use crate::Error;
use crate::layer;
use crate::origins::Origins;
use crate::policy::{self, Allowed, List, Policy};

/// For a public API: every origin may call it, without credentials. Nothing is refused, and every response carries
/// `Access-Control-Allow-Origin: *`, whoever asks: a shared cache would else hand a script an answer without the field.
///
/// ```compile_fail
/// parapet_cors::new().allow_credentials(true); // browsers refuse the pair: name the origins
/// ```
pub fn new() -> Cors<Any> {
    Cors::of(Allowed::Every)
}

/// For these origins: `scheme://host[:port]`, or a pattern. `https://*.example.com` stands for every host below
/// `example.com`, not for that itself; `http://localhost:*` for every port.
///
/// An empty list is valid: only the site's own pages and clients that are no browsers pass.
///
/// # Errors
/// [`Error::Origin`]: an entry is no origin. The message says what to write.
pub fn allow_origins<S: AsRef<str>>(
    origins: impl IntoIterator<Item = S>,
) -> Result<Cors<Only>, Error> {
    Ok(Cors::of(Allowed::List(Arc::new(Origins::parse(origins)?))))
}

/// For origins of which `f` says so. It gets the text of `Origin` as it was sent, never `null`.
///
/// Compare whole origins, or whole labels of the host: `https://evil-example.com` ends in `example.com` too.
pub fn allow_origin_fn(f: impl Fn(&str, &Request) -> bool + Send + Sync + 'static) -> Cors<Only> {
    Cors::of(Allowed::Function(Arc::new(f)))
}

/// Every origin: see [`new`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Any;

/// Some origins: see [`allow_origins`] and [`allow_origin_fn`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Only;

/// Answers preflights, marks responses and refuses foreign origins. Made by [`new`], [`allow_origins`] or
/// [`allow_origin_fn`].
///
/// `Access-Control-*` fields of the response are this layer's alone: those that next sends are removed. A response costs one
/// box, none if next answers without waiting; the answer to a preflight costs its header map.
#[derive(Clone, Debug)]
pub struct Cors<Who> {
    policy: Policy,
    who: PhantomData<Who>,
}

impl<Who> Cors<Who> {
    fn of(origins: Allowed) -> Self {
        Self { policy: Policy::new(origins), who: PhantomData }
    }

    /// Methods that a preflight allows. Default: `GET POST PUT PATCH DELETE`. An empty list leaves the field out.
    #[must_use]
    pub fn allow_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.policy.methods = List::Fixed(policy::methods(methods));
        self
    }

    /// A preflight allows whatever method it asks for. Default: off.
    #[must_use]
    pub fn allow_any_method(mut self) -> Self {
        self.policy.methods = List::Echo;
        self
    }

    /// Fields of a request that a preflight allows. Default: `Authorization Content-Type`. An empty list leaves the field
    /// out.
    #[must_use]
    pub fn allow_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.policy.headers = List::Fixed(policy::names(",", names));
        self
    }

    /// A preflight allows whatever fields it asks for, up to 4096 bytes of names. Default: off.
    #[must_use]
    pub fn allow_any_header(mut self) -> Self {
        self.policy.headers = List::Echo;
        self
    }

    /// Fields of a response that a script may read, besides those that the Fetch standard lists. Default: none.
    #[must_use]
    pub fn expose_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.policy.expose = policy::names(",", names);
        self
    }

    /// How long a browser keeps the answer to a preflight, in whole seconds, rounded down. Default: 1 h. Zero: not at all.
    /// `None`: not sent, which browsers take for 5 s. Chromium cuts at 2 h, Firefox at 24 h.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.policy.max_age = age.into().map(policy::seconds);
        self
    }

    /// Answers `Access-Control-Request-Private-Network: true` of a preflight. Default: false.
    #[must_use]
    pub fn allow_private_network(mut self, allow: bool) -> Self {
        self.policy.private_network = allow;
        self
    }

    /// Whether every `OPTIONS` with `Origin` is answered as a preflight, as the Go original does. Default: false, which
    /// leaves those without `Access-Control-Request-Method` to next: an API may have `OPTIONS` of its own.
    #[must_use]
    pub fn all_options(mut self, all: bool) -> Self {
        self.policy.all_options = all;
        self
    }

    /// Leaves a response that has `Access-Control-Allow-Origin` as it is, but for `Vary`: for a next that answers CORS
    /// itself. Default: false.
    #[must_use]
    pub fn keep_upstream(mut self, keep: bool) -> Self {
        self.policy.keep_upstream = keep;
        self
    }

    /// Whether requests of the site's own pages pass, though the site is not in the list: `Origin` is the request's own
    /// scheme and authority, or `Sec-Fetch-Site` says `same-origin`. Default: true, since browsers send `Origin` with each
    /// POST. No effect with [`new`], where everybody passes.
    ///
    /// Behind a balancer that ends TLS the own scheme is right only if the server trusts the balancer.
    #[must_use]
    pub fn same_origin(mut self, pass: bool) -> Self {
        self.policy.same_origin = pass;
        self
    }
}

impl Cors<Any> {
    /// A script may read all fields of a response. Default: off.
    #[must_use]
    pub fn expose_all(mut self) -> Self {
        self.policy.expose = Some(HeaderValue::from_static("*"));
        self
    }
}

impl Cors<Only> {
    /// Whether requests with cookies and the like are allowed. Default: false.
    #[must_use]
    pub fn allow_credentials(mut self, allow: bool) -> Self {
        self.policy.credentials = allow;
        self
    }

    /// Lets `Origin: null` in. Default: false. Every site can send it, from a sandboxed frame: with credentials this opens
    /// the API to all of them.
    #[must_use]
    pub fn dangerous_allow_null(mut self, allow: bool) -> Self {
        self.policy.null = allow;
        self
    }
}

impl<Who: Send + Sync + 'static> Middleware for Cors<Who> {
    fn wrap(&self, next: Handler) -> Handler {
        layer::wrap(self.policy.clone(), next)
    }
}
