use crate::params::Name;

/// The path of a pattern, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathPattern {
    pub(crate) segments: Vec<Segment>,
    pub(crate) tail: Tail,
}

/// A segment that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Literal(Box<[u8]>),
    /// `{name}`.
    Any,
}

/// What may follow the segments of a pattern: each kind matches a part of what the one before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tail {
    /// `/a`: nothing, or a slash and anything.
    Whole,
    /// `/a/`, `/a/{rest...}`: a slash and anything.
    Subtree,
    /// `/a/{$}`: a slash.
    End,
}

/// How the paths that one pattern matches relate to those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Disjoint,
    Equal,
    /// One matches a part of what the other does, so it is the more specific; or what both match is but the subtree of a
    /// path without slash, which the order of segments gives to one of them.
    Ordered,
    /// Both match some path, and each matches others.
    Overlapping,
}

impl PathPattern {
    /// Takes `path` apart, a path in normal form, and lists its names. `None`: a wildcard is misplaced.
    pub(crate) fn parse(path: &str) -> Option<(Self, Vec<Name>)> {
        let mut names: Vec<Name> = Vec::new();
        let mut pattern = Self { segments: Vec::new(), tail: Tail::Whole };
        let mut texts = path.strip_prefix('/')?.split('/').peekable();
        while let Some(text) = texts.next() {
            let is_last = texts.peek().is_none();
            let segment = pattern.segments.len();
            match Text::parse(text)? {
                Text::Empty if is_last => pattern.tail = Tail::Subtree,
                Text::End if is_last => pattern.tail = Tail::End,
                Text::Empty | Text::End => return None,
                Text::Literal => {
                    pattern.segments.push(Segment::Literal(text.as_bytes().into()));
                }
                Text::Name { name, is_rest } => {
                    let is_known = names.iter().any(|known| *known.text == *name);
                    if is_known || names.len() == MAX_NAMES || (is_rest && !is_last) {
                        return None;
                    }
                    names.push(Name { text: name.into(), segment, is_rest });
                    if is_rest {
                        pattern.tail = Tail::Subtree;
                    } else {
                        pattern.segments.push(Segment::Any);
                    }
                }
            }
        }
        Some((pattern, names))
    }

    /// How the paths that it matches relate to those of `other`.
    pub(crate) fn relation(&self, other: &Self) -> Relation {
        let (mut is_narrower, mut is_wider) = (false, false);
        for pair in self.segments.iter().zip(&other.segments) {
            match pair {
                (Segment::Literal(a), Segment::Literal(b)) if a != b => return Relation::Disjoint,
                (Segment::Literal(_), Segment::Any) => is_narrower = true,
                (Segment::Any, Segment::Literal(_)) => is_wider = true,
                _ => {}
            }
        }
        match self.segments.len().cmp(&other.segments.len()) {
            std::cmp::Ordering::Equal => {
                is_narrower |= self.tail > other.tail;
                is_wider |= self.tail < other.tail;
            }
            std::cmp::Ordering::Less if self.tail == Tail::End => return Relation::Disjoint,
            std::cmp::Ordering::Greater if other.tail == Tail::End => return Relation::Disjoint,
            std::cmp::Ordering::Less => is_wider = true,
            std::cmp::Ordering::Greater => is_narrower = true,
        }
        match (is_narrower, is_wider) {
            (false, false) => Relation::Equal,
            (true, true) if !self.shares_only_a_subtree_with(other) => Relation::Overlapping,
            _ => Relation::Ordered,
        }
    }

    /// Whether a path that both match is no more than below one of them: `/users/me` and `/users/{id}/posts` share
    /// `/users/me/posts`, and would be a nuisance as a conflict.
    fn shares_only_a_subtree_with(&self, other: &Self) -> bool {
        let reach =
            |pattern: &Self| pattern.segments.len() + usize::from(pattern.tail != Tail::Whole);
        match reach(self).cmp(&reach(other)) {
            std::cmp::Ordering::Less => self.tail == Tail::Whole,
            std::cmp::Ordering::Greater => other.tail == Tail::Whole,
            std::cmp::Ordering::Equal => false,
        }
    }
}

/// Most names of one pattern.
const MAX_NAMES: usize = 16;

/// What one segment of a pattern is.
enum Text<'a> {
    Empty,
    Literal,
    Name {
        name: &'a str,
        is_rest: bool,
    },
    /// `{$}`.
    End,
}

impl<'a> Text<'a> {
    /// `None`: braces, but no wildcard.
    fn parse(text: &'a str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Empty);
        }
        if !text.contains(['{', '}']) {
            return Some(Self::Literal);
        }
        let inside = text.strip_prefix('{')?.strip_suffix('}')?;
        if inside == "$" {
            return Some(Self::End);
        }
        let (name, is_rest) = match inside.strip_suffix("...") {
            Some(name) => (name, true),
            None => (inside, false),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = name.starts_with(|first: char| !first.is_ascii_digit());
        (begins_well && name.bytes().all(fits)).then_some(Self::Name { name, is_rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_relate_as_the_sets_that_they_match() {
        for (a, b, expected) in [
            ("/a", "/a", Relation::Equal),
            ("/a", "/b", Relation::Disjoint),
            ("/a", "/a/b", Relation::Ordered),
            ("/a", "/a/", Relation::Ordered),
            ("/a/", "/a/{$}", Relation::Ordered),
            ("/a/", "/a/{rest...}", Relation::Equal),
            ("/a/{$}", "/a/b", Relation::Disjoint),
            ("/{x}", "/a", Relation::Ordered),
            ("/{x}", "/{y}", Relation::Equal),
            ("/{x}/", "/a", Relation::Ordered),
            ("/{x}/", "/a/", Relation::Ordered),
            ("/{x}/", "/a/{y}", Relation::Ordered),
            ("/posts/{id}", "/{kind}/latest", Relation::Overlapping),
            ("/a/{x}", "/{x}/b/c", Relation::Ordered),
            ("/a/{x}/", "/{x}/b/c", Relation::Overlapping),
            ("/users/me", "/users/{id}/posts", Relation::Ordered),
            ("/a/", "/{x}/b", Relation::Overlapping),
            ("/", "/a", Relation::Ordered),
            ("/{$}", "/a", Relation::Disjoint),
        ] {
            let [parsed_a, parsed_b] = [a, b].map(|path| PathPattern::parse(path).unwrap().0);
            assert_eq!(parsed_a.relation(&parsed_b), expected, "{a} {b}");
            assert_eq!(parsed_b.relation(&parsed_a), expected, "{b} {a}");
        }
    }
}
