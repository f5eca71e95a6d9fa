use std::sync::Arc;

use parapet_core::RequestHead;

use crate::{Attempt, Balancer, Error, Picked, Target, TargetSet};

/// The balancer of one target.
pub(crate) struct SingleHost {
    target: Arc<Target>,
    /// The same target, for a health check to find.
    set: TargetSet,
}

impl SingleHost {
    pub(crate) fn new(target: Target) -> Self {
        let target = Arc::new(target);
        Self { set: TargetSet::of_shared(Arc::clone(&target)), target }
    }
}

impl Balancer for SingleHost {
    fn pick(&self, _head: &RequestHead, _at: &Attempt) -> Result<Picked, Error> {
        Ok(Picked::new(Arc::clone(&self.target)))
    }

    fn target_set(&self) -> Option<&TargetSet> {
        Some(&self.set)
    }
}
