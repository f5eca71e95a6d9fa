use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parapet_core::RequestHead;

use crate::target_set::Snapshot;
use crate::{Attempt, Balancer, Error, Gate, Picked, ShedReason, Target, TargetSet};

/// The targets in turn. Weights are ignored.
///
/// Targets that a health check found down are skipped; with all of them down every one is used again. A retry goes to
/// a target that its request has not tried, if there is one. Cheap to clone; clones share the turn.
#[derive(Clone)]
pub struct RoundRobin(Arc<Shared>);

struct Shared {
    targets: TargetSet,
    /// 64 bits never wrap, so that an index never repeats in the middle of a scan.
    cursor: AtomicU64,
    gate: OnceLock<Gate>,
}

impl RoundRobin {
    /// Round robin over `targets`: an array, a `Vec`, or a [`TargetSet`].
    pub fn new(targets: impl Into<TargetSet>) -> Self {
        let targets = targets.into();
        Self(Arc::new(Shared { targets, cursor: AtomicU64::new(0), gate: OnceLock::new() }))
    }
}

impl Balancer for RoundRobin {
    fn pick(&self, _head: &RequestHead, at: &Attempt) -> Result<Picked, Error> {
        let snapshot = self.0.targets.snapshot();
        let turn = self.0.cursor.fetch_add(1, Ordering::Relaxed);
        let target = pick(&snapshot, turn, self.0.gate.get(), at);
        match target {
            Some(target) => Ok(Picked::new(Arc::clone(target))),
            None => Err(Error::Unavailable { reason: ShedReason::Empty }),
        }
    }

    fn target_set(&self) -> Option<&TargetSet> {
        Some(&self.0.targets)
    }

    fn gate(&self, gate: &Gate) -> bool {
        self.0.gate.set(gate.clone()).is_ok()
    }
}

impl fmt::Debug for RoundRobin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundRobin").field("targets", &self.0.targets).finish_non_exhaustive()
    }
}

/// The target whose turn it is, or the next one in order that is better: up before down, then the lower priority, then
/// one that this request has not tried.
fn pick<'a>(
    snapshot: &'a Snapshot,
    turn: u64,
    gate: Option<&Gate>,
    at: &Attempt,
) -> Option<&'a Arc<Target>> {
    let targets = snapshot.targets();
    let start = usize::try_from(turn.checked_rem(targets.len() as u64)?).ok()?;
    let view = gate.map(Gate::view).filter(|view| !view.all_up());
    if view.is_none() && !at.has_tried() && !snapshot.has_priorities() {
        return targets.get(start);
    }
    let (before, from) = targets.split_at_checked(start)?;
    from.iter().chain(before).min_by_key(|target| {
        let down = view.as_ref().is_some_and(|view| !view.is_up(target));
        (down, target.priority_value(), at.tried(target))
    })
}
