use http::Method;

use crate::path_pattern::{PathPattern, Segment, Tail};

/// The paths of one host, a node for each segment: one walk along the path finds the most specific route.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    root: Node,
}

/// What the segments up to here lead to.
#[derive(Debug, Default)]
struct Node {
    /// By length, then by bytes: most are told apart without looking at a byte.
    literals: Vec<(Box<[u8]>, Node)>,
    any: Option<Box<Node>>,
    whole: Slot,
    subtree: Slot,
    end: Slot,
}

/// The routes of one path, by method.
#[derive(Debug, Default)]
struct Slot {
    any: Option<usize>,
    methods: Vec<(Method, usize)>,
}

/// The most specific route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) route: usize,
    /// The pattern has all segments of the path: it is not the subtree above it that matched.
    pub(crate) is_full: bool,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) method: &'a Method,
    /// A slash is read behind a path that does not end in one.
    pub(crate) with_slash: bool,
}

impl Tree {
    pub(crate) fn insert(&mut self, path: &PathPattern, method: Option<&Method>, route: usize) {
        let node = self.root.at(&path.segments);
        let slot = match path.tail {
            Tail::Whole => &mut node.whole,
            Tail::Subtree => &mut node.subtree,
            Tail::End => &mut node.end,
        };
        match method {
            Some(method) => slot.methods.push((method.clone(), route)),
            None => slot.any = Some(route),
        }
    }

    /// The most specific route for the normal path `path`.
    pub(crate) fn find(&self, path: &[u8], query: Query<'_>) -> Option<Hit> {
        self.root.find(path.strip_prefix(b"/"), query)
    }

    /// Adds the methods of all routes of the normal path `path`.
    pub(crate) fn methods(&self, path: &[u8], methods: &mut Vec<Method>) {
        self.root.visit(path.strip_prefix(b"/"), &mut |slot| {
            methods.extend(slot.methods.iter().map(|(method, _)| method.clone()));
        });
    }
}

impl Node {
    /// The node at `segments` below this one; makes it.
    fn at(&mut self, segments: &[Segment]) -> &mut Self {
        let Some((first, behind)) = segments.split_first() else { return self };
        let child = match first {
            Segment::Any => &mut **self.any.get_or_insert_default(),
            Segment::Literal(literal) => {
                let at = match self.search(literal) {
                    Ok(at) => at,
                    Err(at) => {
                        self.literals.insert(at, (literal.clone(), Self::default()));
                        at
                    }
                };
                #[expect(clippy::indexing_slicing, reason = "found or inserted just before")]
                let (_, child) = &mut self.literals[at];
                child
            }
        };
        child.at(behind)
    }

    /// The most specific route below this node for `rest`, what is behind the slash after its segments; `None`: there is
    /// no slash. Literals go before names, these before subtrees; each node is looked at once at most.
    fn find(&self, rest: Option<&[u8]>, query: Query<'_>) -> Option<Hit> {
        let full = |route| Hit { route, is_full: true };
        match rest {
            None if !query.with_slash => self.whole.find(query.method).map(full),
            None | Some([]) => [&self.end, &self.subtree, &self.whole]
                .into_iter()
                .find_map(|slot| slot.find(query.method))
                .map(full),
            Some(rest) => {
                let (segment, behind) = split_segment(rest);
                let below = |node: &Self| node.find(behind, query);
                self.literal(segment)
                    .and_then(below)
                    .or_else(|| self.any.as_deref().and_then(below))
                    .or_else(|| {
                        let slots = [&self.subtree, &self.whole];
                        let route = slots.into_iter().find_map(|slot| slot.find(query.method))?;
                        Some(Hit { route, is_full: false })
                    })
            }
        }
    }

    /// Calls `seen` for each slot whose patterns match, whatever their methods.
    fn visit(&self, rest: Option<&[u8]>, seen: &mut dyn FnMut(&Slot)) {
        let Some(rest) = rest else { return seen(&self.whole) };
        if rest.is_empty() {
            seen(&self.end);
        } else {
            let (segment, behind) = split_segment(rest);
            for node in [self.literal(segment), self.any.as_deref()].into_iter().flatten() {
                node.visit(behind, seen);
            }
        }
        seen(&self.subtree);
        seen(&self.whole);
    }

    fn literal(&self, segment: &[u8]) -> Option<&Self> {
        let at = self.search(segment).ok()?;
        self.literals.get(at).map(|(_, node)| node)
    }

    fn search(&self, segment: &[u8]) -> Result<usize, usize> {
        self.literals.binary_search_by(|(literal, _)| {
            literal.len().cmp(&segment.len()).then_with(|| (**literal).cmp(segment))
        })
    }
}

impl Slot {
    /// The route for `method`: of that method, for HEAD of GET, of any.
    fn find(&self, method: &Method) -> Option<usize> {
        if self.methods.is_empty() {
            return self.any;
        }
        let of = |wanted: &Method| {
            self.methods.iter().find(|(method, _)| method == wanted).map(|(_, route)| *route)
        };
        of(method)
            .or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None })
            .or(self.any)
    }
}

/// The first segment of `rest`, and what is behind the slash after it, if there is one.
fn split_segment(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    (rest.get(..end).unwrap_or_default(), rest.get(end + 1..))
}
