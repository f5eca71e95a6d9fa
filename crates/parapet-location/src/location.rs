use std::fmt;
use std::sync::Arc;

use parapet_core::{Handler, Middleware, NotFound, Request, RequestExt, ResponseFuture, Serve};

use crate::Error;
use crate::pattern::Pattern;
use crate::refusal::Reading;

/// A block for the path `path` alone.
///
/// # Errors
/// A path without leading slash, encoded, or not in normal form.
pub fn exact(path: &str) -> Result<Location, Error> {
    Ok(Location::of(path, Pattern::exact(path)?))
}

/// A block for `path` and what is below it, at a segment boundary; with a trailing `/` only for what is below. The empty
/// path is unconditional.
///
/// # Errors
/// A path without leading slash, encoded, or not in normal form.
pub fn prefix(path: &str) -> Result<Location, Error> {
    Ok(Location::of(path, Pattern::prefix(path)?))
}

/// A block for paths in which `expression` is found. The empty expression is unconditional.
///
/// # Errors
/// [`Error::Regexp`]: it does not parse, or compiles to more than 1 MiB.
pub fn regexp(expression: &str) -> Result<Location, Error> {
    Ok(Location::of(expression, Pattern::regexp(expression)?))
}

/// Runs an inner chain for requests to some paths; the others go to next, untouched.
///
/// Cheap to clone; one value may be wrapped in several chains.
#[derive(Clone)]
pub struct Location {
    pattern: Pattern,
    /// As it was written: the note on requests that match.
    text: Arc<str>,
    layers: Vec<Arc<dyn Middleware>>,
    exclusive: bool,
    reading: Reading,
}

impl Location {
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

    /// Whether path parameters (`;…`) are cut from every segment before matching: in front of servlet containers, which do
    /// not see them, `/admin;x=1/y` is `/admin/y`. Default: `false`.
    #[must_use]
    pub fn ignore_path_params(mut self, ignore: bool) -> Self {
        self.reading.ignore_params = ignore;
        self
    }

    /// Whether a path whose meaning servers disagree on goes to next, as one that does not match, instead of being answered
    /// with 400. Default: `false`. With it, such a path dodges a location that guards.
    #[must_use]
    pub fn dangerous_pass_bad_paths(mut self, pass: bool) -> Self {
        self.reading.pass_bad_paths = pass;
        self
    }

    fn of(text: &str, pattern: Pattern) -> Self {
        Self {
            pattern,
            text: text.into(),
            layers: Vec::new(),
            exclusive: false,
            reading: Reading::default(),
        }
    }
}

impl Middleware for Location {
    fn wrap(&self, next: Handler) -> Handler {
        let last = if self.exclusive { Handler::new(NotFound) } else { next.clone() };
        let inner = self.layers.wrap(last);
        if let Pattern::Any = self.pattern {
            return inner;
        }
        let (pattern, text) = (self.pattern.clone(), Arc::clone(&self.text));
        Handler::new(Branch { pattern, text, reading: self.reading, inner, next })
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("pattern", &self.text)
            .field("layers", &self.layers.len())
            .field("exclusive", &self.exclusive)
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

struct Branch {
    pattern: Pattern,
    text: Arc<str>,
    reading: Reading,
    inner: Handler,
    next: Handler,
}

impl Serve for Branch {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let matched = match self.reading.path(&request) {
            Ok(path) => path.is_some_and(|path| self.pattern.is_match(&path)),
            Err(error) => return self.reading.refuse(error, request, &self.next),
        };
        if !matched {
            return self.next.serve(request);
        }
        request.set_route(Arc::clone(&self.text));
        self.inner.serve(request)
    }
}
