use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

struct UntilRules;

#[derive(Debug, Default)]
struct Until {
    until: u64,
    pinned: bool,
}

impl Rules for UntilRules {
    type State = Until;

    fn is_stale(&self, state: &Until, now: u64) -> bool {
        state.until < now
    }

    fn is_pinned(&self, state: &Until) -> bool {
        state.pinned
    }

    fn is_idle(&self, state: &Until) -> bool {
        state.until == u64::MAX
    }

    fn consumed(&self, state: &Until, _now: u64) -> u64 {
        state.until
    }

    fn sweep_period(&self) -> u64 {
        1
    }
}

/// Few homes, so that runs of neighbours form and wrap around the end.
fn hash(key: u8) -> KeyHash {
    let low = u64::from(key % 5) << 61 | u64::from(key) | 1;
    KeyHash { high: u64::from(key), low: NonZeroU64::new(low).unwrap() }
}

proptest! {
    #[test]
    fn behaves_like_a_map_that_forgets_stale_keys(
        steps in prop::collection::vec((any::<u8>(), 0_u64..50, 0_u8..10), 1..400),
    ) {
        let (mut shard, mut model) = (Shard::<Until>::new(1_000), HashMap::<u8, u64>::new());
        for (now, (key, life, what)) in (0..).zip(steps) {
            if what == 0 {
                shard.sweep(&UntilRules, now);
            } else if what < 4 {
                let seen = shard.visit(&UntilRules, hash(key), |state, _| state.until);
                match model.get(&key) {
                    Some(until) if *until >= now => prop_assert_eq!(seen, Some(*until)),
                    _ => prop_assert!(seen.is_none_or(|until| until < now)),
                }
            } else {
                let until = now + life;
                shard.enter(&UntilRules, hash(key), now, |state, _| state.until = until).unwrap();
                model.insert(key, until);
            }
        }
    }

    #[test]
    fn is_never_above_its_bound(keys in prop::collection::vec(any::<u8>(), 1..300)) {
        let mut shard = Shard::<Until>::new(20);
        for key in keys {
            shard.enter(&UntilRules, hash(key), 0, |state, _| state.until = u64::from(key) + 1);
            prop_assert!(shard.len() <= 20);
            prop_assert!(shard.slots.len() <= 26);
        }
    }
}

#[test]
fn pinned_entries_are_never_evicted_and_a_table_full_of_them_takes_nobody() {
    let mut shard = Shard::<Until>::new(8);
    for key in 0..8 {
        shard.enter(&UntilRules, hash(key), 0, |state, _| {
            *state = Until { until: 9, pinned: true };
        });
    }
    assert!(shard.enter(&UntilRules, hash(100), 0, |_, _| ()).is_none());
    assert_eq!((shard.tally.table_full, shard.tally.evicted_live), (1, 0));
    shard.visit(&UntilRules, hash(3), |state, _| state.pinned = false);
    assert!(shard.enter(&UntilRules, hash(100), 0, |_, _| ()).is_some());
    assert_eq!((shard.tally.table_full, shard.tally.evicted_live), (1, 1));
    assert!(shard.visit(&UntilRules, hash(3), |_, _| ()).is_none());
}

#[test]
fn a_sweep_gives_memory_back() {
    let mut shard = Shard::<Until>::new(1_000);
    for key in 0..=255 {
        shard.enter(&UntilRules, hash(key), 0, |state, _| state.until = u64::from(key));
    }
    assert!(shard.slots.len() >= 256);
    shard.sweep(&UntilRules, 250);
    assert_eq!((shard.len(), shard.slots.len()), (6, 12));
    shard.sweep(&UntilRules, 300);
    assert_eq!((shard.len(), shard.slots.len()), (0, 0));
}

#[test]
fn entries_that_go_when_idle_leave_no_memory_behind() {
    let mut shard = Shard::<Until>::new(1_000);
    for key in 0..=255 {
        shard.enter(&UntilRules, hash(key), 0, |state, _| state.until = 9);
    }
    let grown = shard.slots.len();
    for key in 0..250 {
        shard.visit(&UntilRules, hash(key), |state, _| state.until = u64::MAX);
    }
    assert_eq!(shard.len(), 6);
    assert!(grown >= 256 && shard.slots.len() <= LARGE, "{}", shard.slots.len());
    for key in 250..=255 {
        assert_eq!(shard.visit(&UntilRules, hash(key), |state, _| state.until), Some(9));
    }
}
