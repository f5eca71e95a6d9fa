use std::sync::Arc;
use std::time::Duration;

use parapet_core::BoxFuture;
use parapet_ratelimit::{
    Concurrent, ConcurrentQueue, Decision, Key, LeakyBucket, RateLimiter, Strategy, Verdict,
};
use tokio::time::{Instant, timeout};

use crate::fixtures::{ok, request, take};

const ALICE: &str = "alice";

fn alice() -> Key {
    Key::from(ALICE)
}

fn wait(strategy: &dyn Strategy) -> BoxFuture<'static, Verdict> {
    match strategy.take(&alice(), 1) {
        Decision::Wait(verdict) => verdict,
        Decision::Ready(verdict) => panic!("{verdict:?} at once"),
    }
}

fn polled(verdict: &mut BoxFuture<'static, Verdict>) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    verdict.as_mut().poll(&mut cx).is_ready()
}

#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_spaces_requests_and_lets_few_wait() {
    let bucket = LeakyBucket::new(Duration::from_millis(100), 2).unwrap();
    let start = Instant::now();
    assert_eq!(take(&bucket, ALICE), Some(true));
    let (second, third) = (wait(&bucket), wait(&bucket));
    assert_eq!(take(&bucket, ALICE), Some(false));
    assert_eq!(take(&bucket, "bob"), Some(true));
    assert_eq!(bucket.after(&alice(), 1), Duration::from_millis(300));
    second.await;
    let late = start.elapsed();
    assert!(late >= Duration::from_millis(100) && late <= Duration::from_millis(102), "{late:?}");
    third.await;
    let late = start.elapsed();
    assert!(late >= Duration::from_millis(200) && late <= Duration::from_millis(202), "{late:?}");
    let stats = bucket.stats();
    assert_eq!((stats.allowed, stats.limited), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_in_a_leaky_line_gives_its_turn_back() {
    let bucket = LeakyBucket::new(Duration::from_millis(100), 2).unwrap();
    take(&bucket, ALICE);
    let (_second, third) = (wait(&bucket), wait(&bucket));
    drop(third);
    assert_eq!(bucket.after(&alice(), 1), Duration::from_millis(200));
    let start = Instant::now();
    wait(&bucket).await;
    assert!(start.elapsed() <= Duration::from_millis(202), "{:?}", start.elapsed());
    assert_eq!(bucket.stats().allowed, 2);
}

#[test]
fn concurrent_requests_are_counted_for_each_key() {
    let slots = Concurrent::new(2);
    slots.put(&alice(), 1); // before any take: harmless
    assert_eq!([(); 3].map(|()| take(&slots, ALICE)), [Some(true), Some(true), Some(false)]);
    assert_eq!(take(&slots, "bob"), Some(true));
    assert_eq!(slots.after(&alice(), 1), Duration::ZERO);
    slots.put(&alice(), 1);
    assert_eq!([(); 2].map(|()| take(&slots, ALICE)), [Some(true), Some(false)]);
    assert_eq!(slots.stats().keys, 2);
    slots.put(&alice(), 1);
    slots.put(&alice(), 1);
    assert_eq!(slots.stats().keys, 1, "idle keys are gone");
}

#[tokio::test]
async fn a_queue_admits_in_order_as_slots_come_back() {
    let queue = ConcurrentQueue::new(2, 1).unwrap();
    assert_eq!([(); 2].map(|()| take(&queue, ALICE)), [Some(true), Some(true)]);
    for _ in 0..2 {
        let mut third = wait(&queue);
        assert_eq!(take(&queue, ALICE), Some(false));
        assert_eq!(take(&queue, "bob"), Some(true));
        queue.put(&Key::from("bob"), 1);
        assert!(!polled(&mut third));
        queue.put(&alice(), 1);
        assert_eq!(third.await, Verdict::Allowed);
    }
}

#[tokio::test]
async fn a_queue_of_size_zero_is_no_queue() {
    let queue = ConcurrentQueue::new(2, 0).unwrap();
    assert_eq!([(); 3].map(|()| take(&queue, ALICE)), [Some(true), Some(true), Some(false)]);
}

#[tokio::test]
async fn waiters_are_served_first_come_first_served() {
    let queue = Arc::new(ConcurrentQueue::new(1, 10).unwrap());
    take(&*queue, ALICE);
    let mut waiting: Vec<_> = (0..10).map(|_| wait(&*queue)).collect();
    while !waiting.is_empty() {
        queue.put(&alice(), 1);
        assert!(polled(&mut waiting[0]));
        assert!(!waiting[1..].iter_mut().any(polled));
        drop(waiting.remove(0));
    }
    queue.put(&alice(), 1);
    assert_eq!(queue.stats().keys, 0);
}

#[tokio::test]
async fn a_slot_that_was_handed_to_a_leaver_goes_to_the_next() {
    let queue = ConcurrentQueue::new(1, 2).unwrap();
    take(&queue, ALICE);
    let (first, mut second) = (wait(&queue), wait(&queue));
    queue.put(&alice(), 1); // the slot is on its way to the first
    assert!(!polled(&mut second));
    drop(first);
    assert!(polled(&mut second));
    assert_eq!(queue.stats().allowed, 2, "who left was not admitted");
    queue.put(&alice(), 1);
    assert_eq!(queue.stats().keys, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_limited() {
    let longest = Duration::from_millis(50);
    let queue = ConcurrentQueue::new(1, 1).unwrap().queue_timeout(longest);
    take(&queue, ALICE);
    let start = Instant::now();
    assert_eq!(wait(&queue).await, Verdict::Limited { after: Some(Duration::ZERO) });
    assert!(start.elapsed() >= longest && start.elapsed() <= longest * 2);
    let _next = wait(&queue); // its place is free again
    assert_eq!(queue.stats().limited, 1);
}

#[tokio::test]
async fn a_request_dropped_while_it_waits_fires_no_event_and_frees_its_place() {
    let events = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let limiter = RateLimiter::new(ConcurrentQueue::new(1, 1).unwrap()).observe({
        let events = Arc::clone(&events);
        move |_| {
            events.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let handler = parapet_core::Middleware::wrap(&limiter, ok());
    let first = handler.serve(request("10.0.0.1")).await;
    for _ in 0..3 {
        let waiting = handler.serve(request("10.0.0.1"));
        assert!(timeout(Duration::from_millis(1), waiting).await.is_err());
    }
    assert_eq!(events.load(std::sync::atomic::Ordering::Relaxed), 1);
    drop(first);
    assert_eq!(limiter.stats().keys, 0);
    assert_eq!(handler.serve(request("10.0.0.1")).await.status(), 200);
}

/// Every waiter is cancelled at some point of its way, by chance, on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_cancellations_lose_no_slot() {
    let queue = Arc::new(ConcurrentQueue::new(3, 50).unwrap());
    let tasks: Vec<_> = (0..1_000_u64)
        .map(|number| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let admitted = match queue.take(&alice(), 1) {
                    Decision::Ready(verdict) => verdict == Verdict::Allowed,
                    Decision::Wait(verdict) => {
                        let patience = Duration::from_micros(number * 7_919 % 3_000);
                        matches!(timeout(patience, verdict).await, Ok(Verdict::Allowed))
                    }
                };
                if admitted {
                    tokio::task::yield_now().await;
                    queue.put(&alice(), 1);
                }
            })
        })
        .collect();
    for task in tasks {
        timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
    }
    assert_eq!(queue.stats().keys, 0, "in flight is zero and nobody waits");
}
