use http::Method;

use crate::literals::Literals;
use crate::path_pattern::{PathPattern, Segment, Tail};

/// The paths of one host, a node for each segment: one walk along the path finds the most specific route.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    root: Node,
}

/// What the segments up to here lead to.
#[derive(Debug, Default)]
struct Node {
    literals: Literals<Node>,
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

/// What is looked for, and what was seen on the way.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    method: &'a Method,
    /// A slash is read behind a path that does not end in one.
    with_slash: bool,
    /// There was a node for the whole path that has routes for it with a slash: without, a second walk with the slash
    /// would find nothing else.
    pub(crate) saw_slash: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(method: &'a Method, with_slash: bool) -> Self {
        Self { method, with_slash, saw_slash: false }
    }
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
    pub(crate) fn find(&self, path: &[u8], walk: &mut Walk<'_>) -> Option<Hit> {
        self.root.find(path.strip_prefix(b"/"), walk)
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
            Segment::Literal(literal) => self.literals.at(literal),
        };
        child.at(behind)
    }

    /// The most specific route below this node for `rest`, what is behind the slash after its segments; `None`: there is
    /// no slash. Literals go before names, these before subtrees; each node is looked at once at most.
    fn find(&self, rest: Option<&[u8]>, walk: &mut Walk<'_>) -> Option<Hit> {
        match rest {
            None if !walk.with_slash => {
                walk.saw_slash |= !(self.end.is_empty() && self.subtree.is_empty());
                self.whole.find(walk.method).map(Hit::full)
            }
            None | Some([]) => [&self.end, &self.subtree, &self.whole]
                .into_iter()
                .find_map(|slot| slot.find(walk.method))
                .map(Hit::full),
            Some(rest) => {
                let (segment, behind) = split_segment(rest);
                for node in [self.literals.get(segment), self.any.as_deref()].into_iter().flatten()
                {
                    if let Some(hit) = node.find(behind, walk) {
                        return Some(hit);
                    }
                }
                let slots = [&self.subtree, &self.whole];
                let route = slots.into_iter().find_map(|slot| slot.find(walk.method))?;
                Some(Hit { route, is_full: false })
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
            for node in [self.literals.get(segment), self.any.as_deref()].into_iter().flatten() {
                node.visit(behind, seen);
            }
        }
        seen(&self.subtree);
        seen(&self.whole);
    }
}

impl Hit {
    fn full(route: usize) -> Self {
        Self { route, is_full: true }
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.any.is_none() && self.methods.is_empty()
    }

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
