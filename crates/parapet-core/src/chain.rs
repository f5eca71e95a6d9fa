use std::fmt;

use crate::{Handler, Middleware};

/// An ordered list of middlewares. The first added is outermost: it sees the request first and the response last.
///
/// ```
/// use parapet_core::{Chain, Handler, Middleware, handler_fn};
/// let chain = Chain::new().with(|next: Handler| next).with(handler_fn(|_| async { "hello" }));
/// assert_eq!(chain.len(), 2);
/// ```
#[derive(Default)]
pub struct Chain(Vec<Box<dyn Middleware>>);

impl Chain {
    /// A chain without layers: its `wrap` returns next itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `middleware`.
    #[must_use]
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.push(middleware);
        self
    }

    /// Appends `middleware`.
    pub fn push(&mut self, middleware: impl Middleware) {
        self.0.push(Box::new(middleware));
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Middleware for Chain {
    fn wrap(&self, next: Handler) -> Handler {
        self.0.wrap(next)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("len", &self.len()).finish()
    }
}
