use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use parapet_core::{Handler, Middleware, NotFound, Request, RequestExt, ResponseFuture, Serve};

use crate::{Error, HostMatcher};

/// A block for the hosts that match one of `patterns`; an empty list matches nothing, `*` everything.
///
/// See the [crate docs](crate#patterns) for patterns. A chain of blocks is walked in order: use
/// [`HostRouter`](crate::HostRouter) for more than about eight.
///
/// # Errors
/// A pattern that is none, or one host twice.
pub fn new<I>(patterns: I) -> Result<Host, Error>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    HostMatcher::new(patterns).map(Host::of)
}

/// A block for hosts that are addresses inside one of `nets`, in CIDR form (`10.0.0.0/8`). Host bits are masked.
///
/// # Errors
/// A text that is no network, or one network twice.
pub fn cidr<I>(nets: I) -> Result<Host, Error>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    HostMatcher::cidr(nets).map(Host::of)
}

/// Runs an inner chain for requests to some hosts; the others go to next, untouched.
///
/// Cheap to clone; one value may be wrapped in several chains.
#[derive(Clone)]
pub struct Host {
    matcher: HostMatcher,
    layers: Vec<Arc<dyn Middleware>>,
    exclusive: bool,
}

impl Host {
    /// A block for hosts that are addresses inside one of `nets`. One that comes twice counts once.
    pub fn from_nets(nets: impl IntoIterator<Item = IpNet>) -> Self {
        Self::of(HostMatcher::from_nets(nets))
    }

    /// Appends `middleware` to the inner chain. The first added is outermost.
    #[must_use]
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.push(middleware);
        self
    }

    /// Appends `middleware` to the inner chain. The first added is outermost.
    pub fn push(&mut self, middleware: impl Middleware) {
        self.layers.push(Arc::new(middleware));
    }

    /// Whether what falls out of the inner chain ends here, with 404 `404 page not found`, instead of going on behind
    /// the block. Requests to other hosts still go to next. Default: `false`.
    #[must_use]
    pub fn exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }

    fn of(matcher: HostMatcher) -> Self {
        Self { matcher, layers: Vec::new(), exclusive: false }
    }
}

impl Middleware for Host {
    fn wrap(&self, next: Handler) -> Handler {
        let last = if self.exclusive { Handler::new(NotFound) } else { next.clone() };
        let inner = self.layers.wrap(last);
        Handler::new(Branch { matcher: self.matcher.clone(), inner, next })
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("matcher", &self.matcher)
            .field("layers", &self.layers.len())
            .field("exclusive", &self.exclusive)
            .finish()
    }
}

struct Branch {
    matcher: HostMatcher,
    inner: Handler,
    next: Handler,
}

impl Serve for Branch {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        match self.matcher.0.find(request.authority()) {
            Some(found) => {
                request.set_matched_host(Arc::clone(&found.text));
                self.inner.serve(request)
            }
            None => self.next.serve(request),
        }
    }
}
