use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::Target;

/// A set of targets that can be swapped while it is in use. Cheap to clone; clones share the set.
#[derive(Clone)]
pub struct TargetSet(Arc<Shared>);

struct Shared {
    current: ArcSwap<Snapshot>,
    /// Held while a swap works out who takes whose place.
    swapping: Mutex<()>,
}

impl TargetSet {
    /// A set of `targets`, in this order. It may be empty: every request is then answered with 503.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::build(targets.into_iter().map(Arc::new).collect())
    }

    /// A set of one target that somebody else holds too.
    pub(crate) fn of_shared(target: Arc<Target>) -> Self {
        Self::build(vec![target])
    }

    fn build(targets: Vec<Arc<Target>>) -> Self {
        let current = ArcSwap::from_pointee(Snapshot::new(targets));
        Self(Arc::new(Shared { current, swapping: Mutex::new(()) }))
    }

    /// Replaces the targets. A target with the address and transport of an old one takes its place, with its connections
    /// and what balancers know of it. Removed ones finish their work and lose their idle connections.
    pub fn swap(&self, targets: impl IntoIterator<Item = Target>) {
        self.replace(targets.into_iter().collect());
    }

    fn replace(&self, mut targets: Vec<Target>) {
        let _swapping = self.0.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = Vec::clone(&self.load());
        for target in &mut targets {
            if let Some(at) = left.iter().position(|old| old.is_same(target)) {
                target.succeed(&left.swap_remove(at));
            }
        }
        let targets: Vec<_> = targets.into_iter().map(Arc::new).collect();
        self.0.current.store(Arc::new(Snapshot::new(targets)));
        for removed in left {
            removed.transport().retire();
        }
    }

    /// The targets as they are now.
    pub fn load(&self) -> Arc<Vec<Arc<Target>>> {
        Arc::clone(&self.0.current.load().targets)
    }

    /// The targets as they are now, for the time of one pick: counts no reference.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.0.current.load()
    }
}

impl fmt::Debug for TargetSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.snapshot().targets().iter().map(|target| target.host()))
            .finish()
    }
}

impl<const N: usize> From<[Target; N]> for TargetSet {
    fn from(targets: [Target; N]) -> Self {
        Self::new(targets)
    }
}

impl From<Vec<Target>> for TargetSet {
    fn from(targets: Vec<Target>) -> Self {
        Self::new(targets)
    }
}

/// The targets between two swaps.
pub(crate) struct Snapshot {
    targets: Arc<Vec<Arc<Target>>>,
    priorities: bool,
}

impl Snapshot {
    fn new(targets: Vec<Arc<Target>>) -> Self {
        warn_of_duplicates(&targets);
        let first = targets.first().map(|target| target.priority_value());
        let priorities = targets.iter().any(|target| Some(target.priority_value()) != first);
        Self { targets: Arc::new(targets), priorities }
    }

    pub(crate) fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// Whether the targets differ in priority.
    pub(crate) fn has_priorities(&self) -> bool {
        self.priorities
    }
}

/// Allowed, since a share can be written that way, but more often a slip.
fn warn_of_duplicates(targets: &[Arc<Target>]) {
    let twice = targets
        .iter()
        .enumerate()
        .find(|(at, target)| targets.iter().take(*at).any(|earlier| earlier.is_same(target)));
    if let Some((_, target)) = twice {
        tracing::warn!(host = target.host(), "a set names one target twice");
    }
}
