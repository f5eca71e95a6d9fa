use std::sync::Arc;

use http::Method;
use http::uri::Authority;

use crate::Error;
use crate::hosts::Hosts;
use crate::pattern::Pattern;
use crate::tree::{Hit, Tree, Walk};

/// All patterns of a router, checked together. Immutable, read without locks.
#[derive(Debug, Default)]
pub(crate) struct Table {
    hosts: Hosts,
    /// Patterns without host.
    any_host: Tree,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) settings: Settings,
}

/// How requests are answered that no route takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) redirect_slash: bool,
    pub(crate) method_not_allowed: bool,
    pub(crate) pass_bad_paths: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Route(usize),
    /// Only the path with a slash behind it has a route.
    Slash,
    Nothing,
}

impl Default for Settings {
    fn default() -> Self {
        Self { redirect_slash: true, method_not_allowed: false, pass_bad_paths: false }
    }
}

impl Table {
    pub(crate) fn new(texts: &[Arc<str>], settings: Settings) -> Result<Self, Error> {
        let mut table = Self { settings, ..Self::default() };
        for text in texts {
            let pattern = Pattern::parse(text)?;
            for earlier in &table.patterns {
                earlier.check_against(&pattern)?;
            }
            let tree = match &pattern.host {
                Some(host) => table.hosts.at(host),
                None => &mut table.any_host,
            };
            tree.insert(&pattern.path, pattern.method.as_ref(), table.patterns.len());
            table.patterns.push(pattern);
        }
        Ok(table)
    }

    /// The route for the normal path `path`.
    pub(crate) fn find(
        &self,
        authority: Option<&Authority>,
        method: &Method,
        path: &[u8],
    ) -> Found {
        let of_host = self.hosts.find(authority);
        let mut walk = Walk::new(method, false);
        let hit = self.hit(of_host, path, &mut walk);
        let is_full = |hit: Option<Hit>| hit.is_some_and(|hit| hit.is_full);
        if walk.saw_slash
            && self.settings.redirect_slash
            && !is_full(hit)
            && is_full(self.hit(of_host, path, &mut Walk::new(method, true)))
        {
            return Found::Slash;
        }
        hit.map_or(Found::Nothing, |hit| Found::Route(hit.route))
    }

    /// The methods that routes of the normal path `path` serve, sorted, HEAD beside GET.
    pub(crate) fn methods(&self, authority: Option<&Authority>, path: &[u8]) -> Vec<Method> {
        let mut methods = Vec::new();
        for tree in self.trees(self.hosts.find(authority)) {
            tree.methods(path, &mut methods);
        }
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        methods.dedup();
        methods
    }

    fn hit(&self, of_host: Option<&Tree>, path: &[u8], walk: &mut Walk<'_>) -> Option<Hit> {
        self.trees(of_host).find_map(|tree| tree.find(path, walk))
    }

    fn trees<'a>(&'a self, of_host: Option<&'a Tree>) -> impl Iterator<Item = &'a Tree> {
        of_host.into_iter().chain([&self.any_host])
    }
}
