use std::fmt;
use std::sync::Arc;

use parapet_core::{Handler, Middleware, NotFound, Request, ResponseFuture, Serve};

type Predicate = dyn Fn(&Request) -> bool + Send + Sync;

/// Runs an inner chain for the requests that a predicate picks; the others go to next, untouched.
///
/// Cheap to clone; one value may be wrapped in several chains. Blocks nest to any depth.
#[derive(Clone)]
pub struct Block {
    /// `None`: unconditional.
    predicate: Option<Arc<Predicate>>,
    layers: Vec<Arc<dyn Middleware>>,
    exclusive: bool,
}

impl Block {
    /// A block for the requests of which `predicate` is true.
    ///
    /// It is called exactly once per request that reaches the block, before anything inside; a panic in it is a panic
    /// of the handler.
    pub fn new(predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { predicate: Some(Arc::new(predicate)), layers: Vec::new(), exclusive: false }
    }

    /// A block for every request: its `wrap` returns the inner chain itself.
    pub fn always() -> Self {
        Self { predicate: None, layers: Vec::new(), exclusive: false }
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
    /// the block. Requests that do not match still go to next. Default: `false`.
    #[must_use]
    pub fn exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }
}

impl Middleware for Block {
    fn wrap(&self, next: Handler) -> Handler {
        if self.layers.is_empty() && !self.exclusive {
            return next;
        }
        let last = if self.exclusive { Handler::new(NotFound) } else { next.clone() };
        let inner = self.layers.wrap(last);
        match &self.predicate {
            None => inner,
            Some(predicate) => {
                Handler::new(Branch { predicate: Arc::clone(predicate), inner, next })
            }
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("always", &self.predicate.is_none())
            .field("layers", &self.layers.len())
            .field("exclusive", &self.exclusive)
            .finish()
    }
}

struct Branch {
    predicate: Arc<Predicate>,
    inner: Handler,
    next: Handler,
}

impl Serve for Branch {
    fn serve(&self, request: Request) -> ResponseFuture {
        let branch = if (self.predicate)(&request) { &self.inner } else { &self.next };
        branch.serve(request)
    }
}
