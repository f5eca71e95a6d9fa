use std::alloc::System;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use stats_alloc::{Region, StatsAlloc};

use crate::answer::fail;

/// Allocations, with those again in another size, that one call of `f` makes on an input of `make`: the fewest of many
/// calls, since other threads of the test binary allocate too and caches fill. What `f` returns is dropped uncounted.
///
/// `counter` is the global allocator of the test binary, `INSTRUMENTED_SYSTEM` of [`stats_alloc`](crate::stats_alloc).
pub fn fewest_allocations<T, R>(
    counter: &StatsAlloc<System>,
    mut make: impl FnMut() -> T,
    mut f: impl FnMut(T) -> R,
) -> usize {
    let call = |_| {
        let input = make();
        let region = Region::new(counter);
        let output = f(input);
        let change = region.change();
        drop(output);
        change.allocations + change.reallocations
    };
    (0..CALLS).map(call).min().unwrap_or_default()
}

/// What `future` gives at its first poll.
///
/// # Panics
/// If it waits.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => fail("a future that does not wait"),
    }
}

const CALLS: u32 = 500;

#[cfg(test)]
mod tests {
    use stats_alloc::INSTRUMENTED_SYSTEM;

    use super::*;

    #[global_allocator]
    static COUNTER: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    #[test]
    fn what_is_made_beforehand_or_dropped_behind_does_not_count() {
        for (grows, expected) in [(false, 1), (true, 2)] {
            let copy = |before: Vec<u8>| {
                let mut copy = before.clone();
                if grows {
                    copy.push(0);
                }
                (before, copy)
            };
            let allocations = fewest_allocations(COUNTER, || vec![0; 100], copy);
            assert_eq!(allocations, expected, "{grows}");
        }
    }
}
