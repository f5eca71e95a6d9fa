use std::sync::{Arc, Mutex, PoisonError};

/// Handle to the match notes of a request, for a layer outside that reads them after next has answered.
///
/// Taken by [`RequestExt::notes`](crate::RequestExt::notes) before the request is passed on; sees what is set later.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Matched>>);

/// Patterns that matched: what host blocks and routers leave for those around them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matched {
    pub(crate) host: Option<Arc<str>>,
    pub(crate) route: Option<Arc<str>>,
}

impl Notes {
    pub(crate) fn new(matched: Matched) -> Self {
        Self(Arc::new(Mutex::new(matched)))
    }

    pub(crate) fn update(&self, f: impl FnOnce(&mut Matched)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Pattern of the innermost host block that matched.
    pub fn matched_host(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).host.clone()
    }

    /// Pattern of the innermost route that matched.
    pub fn route(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).route.clone()
    }
}
