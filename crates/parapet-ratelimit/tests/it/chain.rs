use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_core::{Middleware, Request};
use parapet_ratelimit::{
    Concurrent, Decision, FixedWindow, Gcra, Key, LeakyBucket, Limits, RateLimitHeaders,
    RateLimiter, SlidingWindow, Strategy, Verdict, concurrent, concurrent_queue,
    fixed_window_per_hour, fixed_window_per_minute, gcra, redis_fixed_window_per_hour, runner_fn,
    sliding_window_per_hour,
};

use crate::fixtures::{Scripted, ok, request, status};

type Heard = Arc<Mutex<Vec<String>>>;

fn heard(limiter: RateLimiter, name: &'static str, heard: &Heard) -> RateLimiter {
    let heard = Arc::clone(heard);
    limiter.name(name).observe(move |event| {
        heard.lock().unwrap().push(format!("{} {}", event.name, event.outcome.as_str()));
    })
}

fn one_key() -> impl Fn(&Request) -> Option<&'static str> {
    |_| Some("alice")
}

#[tokio::test]
async fn a_denial_by_a_later_limit_costs_the_earlier_ones_nothing() {
    let alice = Key::from("alice");
    let rows: [(&str, Arc<dyn parapet_ratelimit::Strategy>); 4] = [
        ("fixed", Arc::new(FixedWindow::per_hour(10))),
        ("sliding", Arc::new(parapet_ratelimit::SlidingWindow::per_hour(10))),
        (
            "gcra",
            Arc::new(parapet_ratelimit::Gcra::new(1, Duration::from_secs(3_600), 10).unwrap()),
        ),
        ("concurrent", Arc::new(Concurrent::new(10))),
    ];
    for (kind, first) in rows {
        let (events, asked) = (Heard::default(), Arc::new(AtomicU32::new(0)));
        let limits = Limits::new({
            let asked = Arc::clone(&asked);
            move |_: &Request| {
                asked.fetch_add(1, Ordering::Relaxed);
                Some("alice")
            }
        })
        .add(heard(RateLimiter::new(Arc::clone(&first)), "first", &events))
        .add(heard(fixed_window_per_hour(1), "last", &events));
        let handler = limits.wrap(ok());
        assert_eq!(status(&handler, "").await, 200, "{kind}");
        let left = first.quota(&alice).unwrap().remaining;
        for _ in 0..3 {
            assert_eq!(status(&handler, "").await, 429, "{kind}");
        }
        assert_eq!(first.quota(&alice).unwrap().remaining, left, "{kind}");
        assert_eq!(asked.load(Ordering::Relaxed), 4, "{kind}");
        let events = events.lock().unwrap();
        assert_eq!(events[..2], ["first allowed", "last allowed"], "{kind}");
        assert_eq!(events[2..], ["last limited"; 3], "{kind}");
    }
}

#[tokio::test]
async fn separate_limiters_stay_independent() {
    let (outer, inner) = (fixed_window_per_minute(3), fixed_window_per_hour(1));
    let handler = (outer.clone(), inner).wrap(ok());
    for expected in [200, 429, 429, 429] {
        assert_eq!(status(&handler, "10.0.0.1").await, expected);
    }
    assert_eq!((outer.stats().allowed, outer.stats().limited), (3, 1));
}

#[tokio::test]
async fn after_and_answer_are_those_of_the_limit_that_denied() {
    let limits = Limits::new(one_key()).add(fixed_window_per_hour(10).name("a")).add(
        RateLimiter::new(Scripted::limited(Duration::from_secs(7))).name("b").problem_json(true),
    );
    let response = limits.wrap(ok()).serve(request("")).await;
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn stores_are_asked_after_memory_and_queues_after_both() {
    let events = Heard::default();
    let calls = Arc::new(AtomicU32::new(0));
    let runner = runner_fn({
        let calls = Arc::clone(&calls);
        move |_, _, _| {
            calls.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(5) })
        }
    });
    let queue = concurrent_queue(1, 1).unwrap();
    let limits = Limits::new(one_key())
        .add(heard(queue.clone(), "queue", &events))
        .add(heard(redis_fixed_window_per_hour(runner, 10), "redis", &events))
        .add(heard(gcra(1, Duration::from_secs(3_600), 1).unwrap(), "memory", &events));
    let handler = limits.wrap(ok());
    let first = handler.serve(request("")).await;
    assert_eq!(*events.lock().unwrap(), ["memory allowed", "redis allowed", "queue allowed"]);
    assert_eq!(status(&handler, "").await, 429);
    assert_eq!(calls.load(Ordering::Relaxed), 1, "memory denied before Redis was asked");
    drop(first);
    assert_eq!(queue.stats().keys, 0);
}

#[tokio::test]
async fn a_denial_by_redis_gives_back_what_memory_admitted() {
    let window = Arc::new(FixedWindow::per_hour(10));
    let events = Heard::default();
    let denies = runner_fn(|_, _, _| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(-1)
        })
    });
    let limits = Limits::new(one_key())
        .add(heard(RateLimiter::new(Arc::clone(&window)), "memory", &events))
        .add(heard(redis_fixed_window_per_hour(denies, 10), "redis", &events));
    let handler = limits.wrap(ok());
    for _ in 0..20 {
        assert_eq!(status(&handler, "").await, 429);
    }
    assert_eq!(window.quota(&Key::from("alice")).unwrap().remaining, 10);
    assert_eq!(*events.lock().unwrap(), ["redis limited"; 20]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_the_queue_gives_all_back() {
    let window = Arc::new(FixedWindow::per_hour(10));
    let slots = Arc::new(Concurrent::new(10));
    let limits = Limits::new(one_key())
        .add(RateLimiter::new(Arc::clone(&window)))
        .add(RateLimiter::new(Arc::clone(&slots)))
        .add(RateLimiter::new(LeakyBucket::new(Duration::from_secs(10), 5).unwrap()));
    let handler = limits.wrap(ok());
    assert_eq!(status(&handler, "").await, 200);
    let waiting = tokio::time::timeout(Duration::from_secs(1), handler.serve(request("")));
    assert!(waiting.await.is_err());
    assert_eq!(window.quota(&Key::from("alice")).unwrap().remaining, 9);
    assert_eq!(slots.stats().keys, 0);
    let before = tokio::time::Instant::now();
    assert_eq!(status(&handler, "").await, 200);
    assert!(before.elapsed() >= Duration::from_secs(8), "waits for its turn");
}

#[tokio::test]
async fn members_keep_their_own_settings() {
    let shadow = Arc::new(AtomicU32::new(0));
    let limits = Limits::new(one_key())
        .add(fixed_window_per_hour(0).dry_run(true).observe({
            let shadow = Arc::clone(&shadow);
            move |event| {
                assert_eq!(event.outcome.as_str(), "shadow_limited");
                shadow.fetch_add(1, Ordering::Relaxed);
            }
        }))
        .add(fixed_window_per_hour(0).skip(|_| true))
        .add(fixed_window_per_hour(0).cost(|_| 0))
        .add(sliding_window_per_hour(5).name("s").headers(RateLimitHeaders::Ietf));
    let response = limits.wrap(ok()).serve(request("")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["ratelimit-policy"], r#""s";q=5;w=3600"#);
    assert_eq!(shadow.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_chain_without_key_or_member_passes_all() {
    let none = Limits::new(|_| None::<String>).add(fixed_window_per_hour(0));
    assert_eq!(status(&none.wrap(ok()), "").await, 200);
    let next = ok();
    assert!(Limits::new(one_key()).wrap(next.clone()).is_same(&next));
}

#[tokio::test]
async fn slots_of_a_chain_are_given_back_once() {
    let (first, second) = (Scripted::new(Verdict::Allowed), concurrent(1));
    let limits = Limits::new(one_key()).add(RateLimiter::new(first.clone())).add(second.clone());
    let handler = limits.wrap(ok());
    let response = handler.serve(request("")).await;
    assert_eq!(status(&handler, "").await, 429);
    drop(response);
    assert_eq!(second.stats().keys, 0);
    let puts = first.calls().iter().filter(|call| call.starts_with("put")).count();
    assert_eq!(puts, 2, "one for each: the denied request took a slot of the first");
}

/// Else clients that wait in one window and leave in the next would raise the limit of the next.
#[tokio::test(start_paused = true)]
async fn what_was_taken_in_a_window_that_is_over_is_not_given_back_to_the_next() {
    let ten = Duration::from_secs(10);
    let rows: [(&str, Arc<dyn Strategy>); 3] = [
        ("fixed", Arc::new(FixedWindow::new(3, ten).unwrap())),
        ("sliding", Arc::new(SlidingWindow::new(3, ten).unwrap())),
        ("gcra", Arc::new(Gcra::new(3, ten, 3).unwrap())),
    ];
    for (kind, first) in rows {
        let limits = Limits::new(one_key())
            .add(RateLimiter::new(Arc::clone(&first)))
            .add(concurrent_queue(1, 10).unwrap());
        let handler = limits.wrap(ok());
        let _in_progress = handler.serve(request("")).await;
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut start = || {
            let mut waiting = handler.serve(request(""));
            assert!(std::pin::Pin::new(&mut waiting).poll(&mut cx).is_pending(), "{kind}");
            waiting
        };
        let left = || first.quota(&Key::from("alice")).unwrap().remaining;
        let old = [start(), start()];
        assert_eq!(left(), 0, "{kind}");
        tokio::time::advance(ten * 2).await;
        let new = [start(), start(), start()];
        assert_eq!(left(), 0, "{kind}");
        drop(old);
        assert_eq!(left(), 0, "{kind}");
        drop(new);
        assert_eq!(left(), 3, "{kind}: of this window all comes back");
    }
}

/// A strategy of a user, with a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Panics {
    Take,
    After,
    Put,
}

impl Strategy for Panics {
    fn take(&self, _key: &Key, _cost: u32) -> Decision {
        assert!(*self != Self::Take, "take");
        Decision::Ready(match self {
            Self::Put => Verdict::Allowed,
            _ => Verdict::Limited { after: None },
        })
    }

    fn needs_put(&self) -> bool {
        true
    }

    fn put(&self, _key: &Key, _cost: u32) {
        panic!("put");
    }

    fn after(&self, _key: &Key, _cost: u32) -> Duration {
        panic!("after");
    }
}

#[tokio::test]
async fn a_strategy_that_panics_keeps_no_slot_of_others_and_gives_none_back_twice() {
    for (panics, expected) in [(Panics::Take, 500), (Panics::After, 500), (Panics::Put, 200)] {
        let (first, last) = (Scripted::new(Verdict::Allowed), Arc::new(Concurrent::new(2)));
        let limits = Limits::new(one_key())
            .add(RateLimiter::new(first.clone()))
            .add(RateLimiter::new(Arc::clone(&last)))
            .add(RateLimiter::new(panics));
        let handler = limits.wrap(ok());
        for asked in 1..=3 {
            assert_eq!(status(&handler, "").await, expected, "{panics:?}");
            let puts = first.calls().iter().filter(|call| call.starts_with("put")).count();
            assert_eq!((puts, last.stats().keys), (asked, 0), "{panics:?}");
        }
    }
}
