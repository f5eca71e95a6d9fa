use std::fmt;
use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use parapet_core::{
    Handler, Live, LiveLayer, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    live, plain_error,
};

use crate::Error;
use crate::params::PathParams;
use crate::redirect::to_slash;
use crate::table::{Found, Settings, Table};

/// Dispatches requests to the route of the most specific pattern; those that none matches go to next.
///
/// What falls out of a route's chain goes to next as well, never to another route. A router without routes is no layer.
/// See the [crate docs](crate#patterns) for patterns. Cheap to clone; one value may be wrapped in several chains.
#[derive(Clone)]
pub struct Router {
    table: Arc<Table>,
    routes: Vec<Arc<dyn Middleware>>,
}

impl Router {
    /// A router without routes.
    pub fn builder() -> RouterBuilder {
        RouterBuilder { patterns: Vec::new(), routes: Vec::new(), settings: Settings::default() }
    }

    /// Makes the table replaceable while serving: the middleware, and what publishes another table.
    ///
    /// Requests in flight finish on the table they started with.
    pub fn live(self) -> (LiveLayer<Self>, Live<Self>) {
        live(self)
    }
}

impl Middleware for Router {
    fn wrap(&self, next: Handler) -> Handler {
        if self.routes.is_empty() {
            return next;
        }
        let routes = self.routes.iter().map(|route| route.wrap(next.clone())).collect();
        Handler::new(Routed { table: Arc::clone(&self.table), routes, next })
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.table.patterns.iter().map(|pattern| &pattern.text).collect();
        f.debug_struct("Router").field("patterns", &patterns).finish_non_exhaustive()
    }
}

/// Collects the routes of a [`Router`].
#[must_use = "a builder does nothing until build() is called"]
pub struct RouterBuilder {
    patterns: Vec<Arc<str>>,
    routes: Vec<Arc<dyn Middleware>>,
    settings: Settings,
}

impl RouterBuilder {
    /// Adds a route for `pattern`; see the [crate docs](crate#patterns) for patterns.
    pub fn handle(mut self, pattern: &str, middleware: impl Middleware) -> Self {
        self.patterns.push(pattern.into());
        self.routes.push(Arc::new(middleware));
        self
    }

    /// Whether a path is redirected to itself and a slash if only that has a route of its own: 301 for GET and HEAD, 308
    /// for others. The `Location` is relative. Default: `true`.
    pub fn redirect_slash(mut self, redirect: bool) -> Self {
        self.settings.redirect_slash = redirect;
        self
    }

    /// Whether a path that only has routes of other methods is answered with 405 `Method Not Allowed` and `Allow`
    /// (RFC 9110 §15.5.6). Default: `false`, it goes to next.
    pub fn method_not_allowed(mut self, answer: bool) -> Self {
        self.settings.method_not_allowed = answer;
        self
    }

    /// Whether a path whose meaning servers disagree on goes to next, as one that does not match, instead of being answered
    /// with 400. Default: `false`. With it, such a path dodges a route that guards.
    pub fn dangerous_pass_bad_paths(mut self, pass: bool) -> Self {
        self.settings.pass_bad_paths = pass;
        self
    }

    /// Checks all patterns together and builds the table.
    ///
    /// # Errors
    /// A pattern that is none, one that comes twice, or two of which neither is more specific.
    pub fn build(self) -> Result<Router, Error> {
        let table = Arc::new(Table::new(&self.patterns, self.settings)?);
        Ok(Router { table, routes: self.routes })
    }
}

impl fmt::Debug for RouterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterBuilder")
            .field("patterns", &self.patterns)
            .field("settings", &self.settings)
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
        if matches!(request.uri().path(), "" | "*") {
            return self.next.serve(request); // CONNECT and `OPTIONS *` have no path
        }
        let path = match request.normal_path() {
            Ok(path) => path,
            Err(_) if self.table.settings.pass_bad_paths => return self.next.serve(request),
            Err(error) => return ResponseFuture::ready(error.answer("router")),
        };
        let found = self.table.find(request.authority(), request.method(), &path);
        let route = match found {
            Found::Route(route) => route,
            Found::Slash => {
                return ResponseFuture::ready(to_slash(request.method(), request.uri()));
            }
            Found::Nothing => {
                let refusal = self.refusal(&request, &path);
                drop(path);
                return match refusal {
                    Some(refusal) => ResponseFuture::ready(refusal),
                    None => self.next.serve(request),
                };
            }
        };
        let (Some(handler), Some(pattern)) =
            (self.routes.get(route), self.table.patterns.get(route))
        else {
            drop(path);
            return self.next.serve(request);
        };
        let params = (!pattern.names.is_empty()).then(|| PathParams::of(&path, &pattern.names));
        drop(path);
        if let Some(params) = params {
            request.extensions_mut().insert(params);
        }
        request.set_route(Arc::clone(&pattern.route));
        handler.serve(request)
    }
}

impl Routed {
    /// The answer to a request that no route takes; `None`: it goes to next.
    fn refusal(&self, request: &Request, path: &[u8]) -> Option<Response> {
        if !self.table.settings.method_not_allowed {
            return None;
        }
        let methods = self.table.methods(request.authority(), path);
        if methods.is_empty() {
            return None;
        }
        let mut response = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        let allowed: Vec<_> = methods.iter().map(Method::as_str).collect();
        // Always valid: methods are tokens.
        if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
            response.headers_mut().insert(ALLOW, allowed);
        }
        Some(response)
    }
}
