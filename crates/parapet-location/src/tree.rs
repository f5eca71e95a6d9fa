use crate::pattern::is_boundary;

/// A radix tree over the bytes of exact paths and prefixes: one walk along the path finds all that match.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// The bytes between the parent and this node. Empty for the root alone.
    label: Box<[u8]>,
    /// The route whose exact path ends here.
    exact: Option<usize>,
    /// The route whose prefix ends here.
    prefix: Option<usize>,
    /// By the first byte of their labels, which differ.
    children: Vec<Node>,
}

/// A pattern that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Exact(usize),
    Prefix {
        route: usize,
        /// The prefix is `/`, which every path has.
        is_root: bool,
    },
}

impl Tree {
    /// Adds route `route` at `path`. Says whether it was free.
    pub(crate) fn insert(&mut self, path: &str, is_prefix: bool, route: usize) -> bool {
        let node = self.root.at(path.as_bytes());
        let slot = if is_prefix { &mut node.prefix } else { &mut node.exact };
        let free = slot.is_none();
        slot.get_or_insert(route);
        free
    }

    /// Calls `hit` for each pattern that matches the normal path `path`: the prefixes from the shortest to the longest,
    /// then the exact path.
    pub(crate) fn walk(&self, path: &[u8], mut hit: impl FnMut(Hit)) {
        let (mut node, mut rest) = (&self.root, path);
        loop {
            if let Some(route) = node.prefix
                && is_boundary(&node.label, rest)
            {
                hit(Hit::Prefix { route, is_root: rest.len() + 1 == path.len() });
            }
            let Some(first) = rest.first() else {
                if let Some(route) = node.exact {
                    hit(Hit::Exact(route));
                }
                return;
            };
            let Ok(at) = node.search(*first) else { return };
            let Some(child) = node.children.get(at) else { return };
            let Some(behind) = rest.strip_prefix(&*child.label) else { return };
            (node, rest) = (child, behind);
        }
    }
}

impl Node {
    /// The node at `path` below this one; makes it.
    fn at(&mut self, path: &[u8]) -> &mut Self {
        let Some(first) = path.first() else { return self };
        let at = match self.search(*first) {
            Ok(at) => at,
            Err(at) => {
                self.children.insert(at, Self { label: path.into(), ..Self::default() });
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or inserted just before")]
        let child = &mut self.children[at];
        let common = child.label.iter().zip(path).take_while(|(a, b)| a == b).count();
        child.split(common);
        child.at(path.get(common..).unwrap_or_default())
    }

    /// Ends this node's label after `len` bytes; what is behind moves to a child.
    fn split(&mut self, len: usize) {
        let Some((front, behind)) = self.label.split_at_checked(len) else { return };
        if behind.is_empty() {
            return;
        }
        let (front, behind) = (front.into(), behind.into());
        let lower = std::mem::replace(self, Self { label: front, ..Self::default() });
        self.children.push(Self { label: behind, ..lower });
    }

    fn search(&self, first: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&Some(&first), |child| child.label.first())
    }
}
