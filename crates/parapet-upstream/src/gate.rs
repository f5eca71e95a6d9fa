use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::Target;

/// Up or down, per target: what a health check publishes and a balancer reads. A target that it knows nothing of is up.
///
/// Cheap to clone; clones share the bits. They go by the target's identity, so that a swap of the set keeps them.
#[derive(Clone, Default)]
pub struct Gate(Arc<ArcSwap<Vec<u64>>>);

impl Gate {
    /// A gate that lets everything through.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `target` is up.
    pub fn is_up(&self, target: &Target) -> bool {
        self.view().is_up(target)
    }

    /// Sets the bit of `target`; true: it was the other way before. Copies the list of what is down, which is short.
    pub fn set(&self, target: &Target, up: bool) -> bool {
        let mut changed = false;
        self.0.rcu(|down| {
            let mut down = Vec::clone(down);
            changed = match (down.binary_search(&target.id()), up) {
                (Ok(at), true) => {
                    down.remove(at);
                    true
                }
                (Err(at), false) => {
                    down.insert(at, target.id());
                    true
                }
                _ => false,
            };
            down
        });
        changed
    }

    /// The bits as they are now: one reading for one pick.
    pub(crate) fn view(&self) -> GateView {
        GateView(self.0.load())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("down", &self.0.load().len()).finish()
    }
}

/// A consistent reading of a [`Gate`]: the sorted ids of what is down.
pub(crate) struct GateView(Guard<Arc<Vec<u64>>>);

impl GateView {
    pub(crate) fn is_up(&self, target: &Target) -> bool {
        self.0.is_empty() || self.0.binary_search(&target.id()).is_err()
    }

    pub(crate) fn all_up(&self) -> bool {
        self.0.is_empty()
    }
}
