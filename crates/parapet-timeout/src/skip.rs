use std::fmt;
use std::sync::Arc;

use parapet_core::Request;

/// Which requests go without a deadline.
#[derive(Clone, Default)]
pub(crate) struct Skip(Option<Arc<Predicate>>);

type Predicate = dyn Fn(&Request) -> bool + Send + Sync;

impl Skip {
    pub(crate) fn new(predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(predicate)))
    }

    pub(crate) fn skips(&self, request: &Request) -> bool {
        self.0.as_ref().is_some_and(|predicate| predicate(request))
    }
}

impl fmt::Debug for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some(..)" } else { "None" })
    }
}
