use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use parapet_core::{
    Handler, Live, LiveLayer, Middleware, Request, RequestExt, ResponseFuture, Serve, live,
};
use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::Error;
use crate::pattern::Pattern;
use crate::refusal::Reading;
use crate::tree::{Hit, Tree};

/// Many locations in one table: a lookup instead of a walk.
///
/// Without a match the request goes to next; so does what falls out of a route's chain, never to another route.
///
/// ```
/// use parapet_core::{Middleware, handler_fn};
/// use parapet_location::Locations;
/// let locations = Locations::builder()
///     .exact("/healthz", handler_fn(|_| async { "healthy" }))
///     .prefix("/api", handler_fn(|_| async { "api" }))
///     .regexp(r"\.(js|css)$", handler_fn(|_| async { "asset" }))
///     .build()?;
/// # Ok::<(), parapet_location::Error>(())
/// ```
#[derive(Clone)]
pub struct Locations {
    table: Arc<Table>,
    routes: Vec<Arc<dyn Middleware>>,
}

/// Which of several locations that match gets a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precedence {
    /// Exact path, then the longest prefix but the root, then the first registered expression, then the root prefix (`/`,
    /// then the empty one). So an expression cannot take what a prefix guards.
    #[default]
    Specific,
    /// The first registered, as if the same locations were chained.
    Order,
}

impl Locations {
    /// A table without routes.
    pub fn builder() -> LocationsBuilder {
        LocationsBuilder {
            routes: Vec::new(),
            patterns: Vec::new(),
            precedence: Precedence::default(),
            reading: Reading::default(),
        }
    }

    /// Makes the table replaceable while serving: the middleware, and what publishes another table.
    ///
    /// Requests in flight finish on the table they started with.
    pub fn live(self) -> (LiveLayer<Self>, Live<Self>) {
        live(self)
    }
}

impl Middleware for Locations {
    fn wrap(&self, next: Handler) -> Handler {
        if self.routes.is_empty() {
            return next;
        }
        let routes = self.routes.iter().map(|route| route.wrap(next.clone())).collect();
        Handler::new(Routed { table: Arc::clone(&self.table), routes, next })
    }
}

impl fmt::Debug for Locations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locations").field("routes", &self.table.texts).finish_non_exhaustive()
    }
}

/// Collects the routes of a [`Locations`].
#[must_use = "a builder does nothing until build() is called"]
pub struct LocationsBuilder {
    routes: Vec<Arc<dyn Middleware>>,
    patterns: Vec<(Kind, Arc<str>)>,
    precedence: Precedence,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Exact,
    Prefix,
    Regexp,
}

impl LocationsBuilder {
    /// Adds a route for the path `path` alone.
    pub fn exact(self, path: &str, middleware: impl Middleware) -> Self {
        self.add(Kind::Exact, path, Arc::new(middleware))
    }

    /// Adds a route for `path` and what is below it; see [`prefix`](crate::prefix()).
    pub fn prefix(self, path: &str, middleware: impl Middleware) -> Self {
        self.add(Kind::Prefix, path, Arc::new(middleware))
    }

    /// Adds a route for paths in which `expression` is found.
    pub fn regexp(self, expression: &str, middleware: impl Middleware) -> Self {
        self.add(Kind::Regexp, expression, Arc::new(middleware))
    }

    /// Which of several locations gets a request. Default: [`Precedence::Specific`].
    pub fn precedence(self, precedence: Precedence) -> Self {
        Self { precedence, ..self }
    }

    /// Whether path parameters (`;…`) are cut from every segment before matching; see
    /// [`Location::ignore_path_params`](crate::Location::ignore_path_params). Default: `false`.
    pub fn ignore_path_params(mut self, ignore: bool) -> Self {
        self.reading.ignore_params = ignore;
        self
    }

    /// Whether a path whose meaning servers disagree on goes to next instead of being answered with 400; see
    /// [`Location::dangerous_pass_bad_paths`](crate::Location::dangerous_pass_bad_paths). Default: `false`.
    pub fn dangerous_pass_bad_paths(mut self, pass: bool) -> Self {
        self.reading.pass_bad_paths = pass;
        self
    }

    /// Checks all patterns together and builds the table.
    ///
    /// # Errors
    /// A pattern that is none, one that comes twice, or expressions that compile to more than 10 MiB together.
    pub fn build(self) -> Result<Locations, Error> {
        let table = Table::new(&self.patterns, self.precedence, self.reading)?;
        Ok(Locations { table: Arc::new(table), routes: self.routes })
    }

    fn add(mut self, kind: Kind, text: &str, middleware: Arc<dyn Middleware>) -> Self {
        self.patterns.push((kind, text.into()));
        self.routes.push(middleware);
        self
    }
}

impl fmt::Debug for LocationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocationsBuilder")
            .field("patterns", &self.patterns)
            .field("precedence", &self.precedence)
            .finish_non_exhaustive()
    }
}

/// All patterns; a route is named by its place in the order of registration.
#[derive(Debug)]
struct Table {
    precedence: Precedence,
    reading: Reading,
    tree: Tree,
    regexps: RegexSet,
    /// The routes of the expressions, in order.
    regexp_routes: Vec<usize>,
    /// The first unconditional expression. None behind it can win, so none is in the set.
    any_regexp: Option<usize>,
    /// The unconditional prefix.
    any_prefix: Option<usize>,
    /// As written, by route.
    texts: Vec<Arc<str>>,
}

impl Table {
    fn new(
        patterns: &[(Kind, Arc<str>)],
        precedence: Precedence,
        reading: Reading,
    ) -> Result<Self, Error> {
        let mut seen = HashSet::new();
        let mut tree = Tree::default();
        let (mut any_regexp, mut any_prefix) = (None, None);
        let (mut expressions, mut regexp_routes) = (Vec::new(), Vec::new());
        for (route, (kind, text)) in patterns.iter().enumerate() {
            let pattern = match kind {
                Kind::Exact => Pattern::exact(text),
                Kind::Prefix => Pattern::prefix(text),
                Kind::Regexp => Pattern::regexp(text),
            }?;
            if !seen.insert((*kind, text)) {
                return Err(Error::Duplicate(text.to_string()));
            }
            match pattern {
                Pattern::Any if *kind == Kind::Prefix => any_prefix = Some(route),
                Pattern::Any => any_regexp = Some(route),
                Pattern::Exact(path) => drop(tree.insert(&path, false, route)),
                Pattern::Prefix(path) => drop(tree.insert(&path, true, route)),
                Pattern::Regexp(_) if any_regexp.is_some() => {}
                Pattern::Regexp(_) => {
                    expressions.push(&**text);
                    regexp_routes.push(route);
                }
            }
        }
        let regexps = RegexSetBuilder::new(&expressions)
            .unicode(false)
            .size_limit(SET_LIMIT)
            .dfa_size_limit(SET_LIMIT)
            .build()
            .map_err(|source| Error::RegexpSet { count: expressions.len(), source })?;
        let texts = patterns.iter().map(|(_, text)| Arc::clone(text)).collect();
        Ok(Self {
            precedence,
            reading,
            tree,
            regexps,
            regexp_routes,
            any_regexp,
            any_prefix,
            texts,
        })
    }

    /// The route for the normal path `path`; `None`: the request has no path, only what is unconditional matches.
    fn find(&self, path: Option<&[u8]>) -> Option<usize> {
        match self.precedence {
            Precedence::Specific => self.most_specific(path),
            Precedence::Order => self.first(path),
        }
    }

    fn most_specific(&self, path: Option<&[u8]>) -> Option<usize> {
        let (mut found, mut root) = (None, None);
        if let Some(path) = path {
            self.tree.walk(path, |hit| match hit {
                Hit::Prefix { route, is_root: true } => root = Some(route),
                Hit::Exact(route) | Hit::Prefix { route, .. } => found = Some(route),
            });
        }
        found
            .or_else(|| self.first_regexp(path?, usize::MAX))
            .or(self.any_regexp)
            .or(root)
            .or(self.any_prefix)
    }

    fn first(&self, path: Option<&[u8]>) -> Option<usize> {
        let mut first = [self.any_regexp, self.any_prefix].into_iter().flatten().min();
        let Some(path) = path else { return first };
        self.tree.walk(path, |hit| {
            let (Hit::Exact(route) | Hit::Prefix { route, .. }) = hit;
            first = Some(first.map_or(route, |first| first.min(route)));
        });
        let before = first.unwrap_or(usize::MAX);
        self.first_regexp(path, before).or(first)
    }

    /// The first expression found in `path`, if its route comes before the route `before`.
    fn first_regexp(&self, path: &[u8], before: usize) -> Option<usize> {
        if self.regexp_routes.first().is_none_or(|first| *first >= before) {
            return None;
        }
        // Asking for one match allocates nothing; which one it was takes a second pass and a small list.
        if !self.regexps.is_match(path) {
            return None;
        }
        let first = match self.regexp_routes.as_slice() {
            [only] => Some(*only),
            routes => {
                let matches = self.regexps.matches(path);
                matches.iter().next().and_then(|at| routes.get(at)).copied()
            }
        };
        first.filter(|route| *route < before)
    }

    /// The route for a request whose path is refused: one that is unconditional and comes before any that looks at paths.
    fn find_without_looking(&self) -> Option<usize> {
        if self.reading.pass_bad_paths {
            return self.find(None);
        }
        let found = self.find(None)?;
        match self.precedence {
            Precedence::Order => (found == 0).then_some(found),
            Precedence::Specific => self.is_unconditional().then_some(found),
        }
    }

    /// Whether no route looks at paths.
    fn is_unconditional(&self) -> bool {
        let any = usize::from(self.any_regexp.is_some()) + usize::from(self.any_prefix.is_some());
        any == self.texts.len()
    }
}

/// What the expressions of one table may compile to, and what their lazily built automaton may take.
const SET_LIMIT: usize = 10 << 20;

struct Routed {
    table: Arc<Table>,
    routes: Vec<Handler>,
    next: Handler,
}

impl Serve for Routed {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let table = &*self.table;
        let found = match table.reading.path(&request) {
            Ok(path) => table.find(path.as_deref()),
            Err(error) => match table.find_without_looking() {
                None => return table.reading.refuse(error, request, &self.next),
                found => found,
            },
        };
        let route =
            found.and_then(|route| Some((self.routes.get(route)?, table.texts.get(route)?)));
        let Some((route, text)) = route else { return self.next.serve(request) };
        if !text.is_empty() {
            request.set_route(Arc::clone(text));
        }
        route.serve(request)
    }
}
