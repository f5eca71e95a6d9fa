use std::fmt;
use std::sync::Arc;

use parapet_core::{
    Handler, Live, LiveLayer, Middleware, Request, RequestExt, ResponseFuture, Serve, live,
};

use crate::Error;
use crate::pattern::Pattern;
use crate::table::Table;

/// Many hosts in one table: a lookup instead of a walk.
///
/// The most specific pattern wins, whatever the order of registration: name or address, then the longest wildcard, then
/// the longest network, then `*`. Without a match the request goes to next; so does what falls out of a route's chain,
/// never to a less specific route.
///
/// ```
/// use parapet_core::{Middleware, handler_fn};
/// use parapet_host::HostRouter;
/// let router = HostRouter::builder()
///     .route(["example.com", "www.example.com"], handler_fn(|_| async { "example" }))
///     .route(["*.tenants.example.com"], handler_fn(|_| async { "tenant" }))
///     .route_cidr(["10.0.0.0/8"], handler_fn(|_| async { "internal" }))
///     .build()?;
/// # Ok::<(), parapet_host::Error>(())
/// ```
#[derive(Clone)]
pub struct HostRouter {
    table: Arc<Table>,
    routes: Vec<Arc<dyn Middleware>>,
}

impl HostRouter {
    /// A table without routes.
    pub fn builder() -> HostRouterBuilder {
        HostRouterBuilder { patterns: Vec::new(), routes: Vec::new() }
    }

    /// Makes the table replaceable while serving: the middleware, and what publishes another table.
    ///
    /// Requests in flight finish on the table they started with.
    pub fn live(self) -> (LiveLayer<Self>, Live<Self>) {
        live(self)
    }
}

impl Middleware for HostRouter {
    fn wrap(&self, next: Handler) -> Handler {
        if self.routes.is_empty() {
            return next;
        }
        let routes = self.routes.iter().map(|route| route.wrap(next.clone())).collect();
        Handler::new(Routed { table: Arc::clone(&self.table), routes, next })
    }
}

impl fmt::Debug for HostRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostRouter").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}

/// Collects the routes of a [`HostRouter`].
#[must_use = "a builder does nothing until build() is called"]
pub struct HostRouterBuilder {
    patterns: Vec<(Kind, Arc<str>, usize)>,
    routes: Vec<Arc<dyn Middleware>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Host,
    Cidr,
}

impl HostRouterBuilder {
    /// Adds a route for the hosts that match one of `patterns`; see the [crate docs](crate#patterns) for patterns.
    pub fn route<I>(mut self, patterns: I, middleware: impl Middleware) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.add(
            Kind::Host,
            &mut patterns.into_iter().map(|text| text.as_ref().into()),
            middleware,
        );
        self
    }

    /// Adds a route for hosts that are addresses inside one of `nets`, in CIDR form. Host bits are masked.
    pub fn route_cidr<I>(mut self, nets: I, middleware: impl Middleware) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.add(Kind::Cidr, &mut nets.into_iter().map(|text| text.as_ref().into()), middleware);
        self
    }

    /// Checks all patterns together and builds the table.
    ///
    /// # Errors
    /// A pattern that is none, or one host in two places.
    pub fn build(self) -> Result<HostRouter, Error> {
        let patterns: Result<Vec<_>, _> = self
            .patterns
            .into_iter()
            .map(|(kind, text, route)| {
                let pattern = match kind {
                    Kind::Host => Pattern::host(&text),
                    Kind::Cidr => Pattern::cidr(&text),
                };
                Ok((pattern?, text, route))
            })
            .collect();
        Ok(HostRouter { table: Arc::new(Table::new(patterns?)?), routes: self.routes })
    }

    fn add(
        &mut self,
        kind: Kind,
        texts: &mut dyn Iterator<Item = Arc<str>>,
        middleware: impl Middleware,
    ) {
        let route = self.routes.len();
        self.patterns.extend(texts.map(|text| (kind, text, route)));
        self.routes.push(Arc::new(middleware));
    }
}

impl fmt::Debug for HostRouterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostRouterBuilder")
            .field("patterns", &self.patterns.iter().map(|(_, text, _)| text).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

struct Routed {
    table: Arc<Table>,
    routes: Vec<Handler>,
    next: Handler,
}

impl Serve for Routed {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let found = self.table.find(request.authority());
        match found.and_then(|found| Some((found, self.routes.get(found.route)?))) {
            Some((found, route)) => {
                request.set_matched_host(Arc::clone(&found.text));
                route.serve(request)
            }
            None => self.next.serve(request),
        }
    }
}
