use std::fmt;
use std::sync::Arc;

use crate::{Handler, Middleware, Request, ResponseFuture, Serve};

/// Branches inline between two middlewares.
///
/// ```
/// use parapet_core::{Cond, Request, handler_fn};
/// let maintenance = Cond::new(
///     |request: &Request| request.uri().path().starts_with("/admin"),
///     handler_fn(|_| async { (http::StatusCode::SERVICE_UNAVAILABLE, "back soon") }),
/// );
/// ```
pub struct Cond {
    predicate: Arc<dyn Fn(&Request) -> bool + Send + Sync>,
    then: Box<dyn Middleware>,
    otherwise: Option<Box<dyn Middleware>>,
}

impl Cond {
    /// Runs `then` when `predicate` is true. Called once per request, before either branch.
    pub fn new(
        predicate: impl Fn(&Request) -> bool + Send + Sync + 'static,
        then: impl Middleware,
    ) -> Self {
        Self { predicate: Arc::new(predicate), then: Box::new(then), otherwise: None }
    }

    /// Runs `middleware` when the predicate is false. Default: next.
    #[must_use]
    pub fn otherwise(self, middleware: impl Middleware) -> Self {
        Self { otherwise: Some(Box::new(middleware)), ..self }
    }
}

impl Middleware for Cond {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Branch {
            predicate: Arc::clone(&self.predicate),
            then: self.then.wrap(next.clone()),
            otherwise: self.otherwise.wrap(next),
        })
    }
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cond").field("otherwise", &self.otherwise.is_some()).finish_non_exhaustive()
    }
}

struct Branch {
    predicate: Arc<dyn Fn(&Request) -> bool + Send + Sync>,
    then: Handler,
    otherwise: Handler,
}

impl Serve for Branch {
    fn serve(&self, request: Request) -> ResponseFuture {
        let branch = if (self.predicate)(&request) { &self.then } else { &self.otherwise };
        branch.serve(request)
    }
}
