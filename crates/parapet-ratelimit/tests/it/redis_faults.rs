#![cfg(feature = "redis")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parapet_core::{BoxError, Middleware};
use parapet_ratelimit::{
    Decision, Key, Lease, OnFailure, RateLimiter, RedisBuilder, RedisError, RedisFixedWindow,
    RedisGcra, RedisRunner, RedisSlidingWindow, Strategy, Verdict, runner_fn,
};
use tokio::time::Instant;

use crate::fixtures::{ok, request, status};
use crate::redis_server::RedisServer;

const HOUR: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_millis(100);
/// What a machine with other work may take longer.
const BUSY: Duration = Duration::from_millis(400);

type Told = Arc<AtomicU32>;

fn told<S>(builder: RedisBuilder<S>) -> (RedisBuilder<S>, Told) {
    let count = Told::default();
    let builder = builder.on_error({
        let count = Arc::clone(&count);
        move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (builder, count)
}

async fn take(strategy: &impl Strategy, cost: u32) -> Verdict {
    match strategy.take(&Key::from("alice"), cost) {
        Decision::Ready(verdict) => verdict,
        Decision::Wait(verdict) => verdict.await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_redis_delays_a_few_requests_by_the_timeout_and_then_none() {
    let redis = RedisServer::start();
    let mut rows = Vec::new();
    for (on_failure, expected) in [(OnFailure::Open, 200), (OnFailure::Closed, 429)] {
        let runner = redis.runner().await.timeout(TIMEOUT);
        let builder = RedisFixedWindow::builder(runner).max(1_000).size(HOUR).timeout(TIMEOUT);
        let (builder, errors) = told(builder.on_failure(on_failure));
        let handler = RateLimiter::new(builder.build().unwrap()).wrap(ok());
        assert_eq!(status(&handler, "10.0.0.1").await, 200);
        assert_eq!(errors.load(Ordering::Relaxed), 0);
        rows.push((handler, expected, errors));
    }
    redis.signal("-STOP");
    for (handler, expected, errors) in &rows {
        let mut slow = 0;
        for asked in 1..=50 {
            let start = Instant::now();
            let response = handler.serve(request("10.0.0.1")).await;
            let took = start.elapsed();
            assert_eq!(response.status(), *expected);
            assert_eq!(response.headers().contains_key("retry-after"), *expected == 429);
            assert!(took < TIMEOUT + BUSY, "{took:?}");
            slow += u32::from(took >= TIMEOUT / 2);
            assert_eq!(errors.load(Ordering::Relaxed), asked, "an error a request");
        }
        // Five until the breaker opens, and a probe a second.
        assert!((5..=10).contains(&slow), "{slow}");
    }
    redis.signal("-CONT");
    let start = Instant::now();
    for (handler, _, errors) in &rows {
        loop {
            let before = errors.load(Ordering::Relaxed);
            let status = status(handler, "10.0.0.1").await;
            if errors.load(Ordering::Relaxed) == before {
                assert_eq!(status, 200, "decided by Redis");
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_a_restart_has_forgotten_are_sent_again() {
    let mut redis = RedisServer::start();
    let runner = redis.runner().await;
    let sliding = RedisSlidingWindow::builder(runner.clone()).max(2).size(HOUR * 24 * 300);
    let (sliding, gcra) = (
        sliding.on_failure(OnFailure::Open).build().unwrap(),
        RedisGcra::builder(runner).rate(1).period(HOUR).burst(2).on_failure(OnFailure::Open),
    );
    let (gcra, errors) = told(gcra);
    let gcra = gcra.build().unwrap();
    assert_eq!([take(&sliding, 1).await, take(&gcra, 1).await], [Verdict::Allowed; 2]);
    redis.kill();
    redis.restart();
    // Until it is connected again: then it answers, and denies the third.
    let start = Instant::now();
    while take(&sliding, 1).await == Verdict::Allowed {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut before = u32::MAX;
    while before != errors.load(Ordering::Relaxed) {
        before = errors.load(Ordering::Relaxed);
        take(&gcra, 1).await;
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    take(&gcra, 1).await;
    assert!(matches!(take(&gcra, 1).await, Verdict::Limited { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_redis_that_was_set_back_locks_nobody_out() {
    let redis = RedisServer::start();
    let day = 86_400_000_000;
    let builder = RedisSlidingWindow::builder(redis.runner().await).max(10);
    let limit = builder.size(Duration::from_millis(300)).build().unwrap();
    let window = (redis.micros() + day) / 300_000;
    redis.command(&format!("HSET parapet:rl:sw:300:-:alice w {window} c 10 p 10"));
    redis.command("PEXPIRE parapet:rl:sw:300:-:alice 86400000");
    let Verdict::Limited { after: Some(after) } = take(&limit, 1).await else { panic!() };
    assert!(after <= Duration::from_millis(600), "{after:?}");
    assert!(redis.integer("PTTL parapet:rl:sw:300:-:alice") <= 1_600);
    let start = Instant::now();
    while take(&limit, 1).await != Verdict::Allowed {
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    let builder = RedisGcra::builder(redis.runner().await).rate(10).burst(3);
    let limit = builder.build().unwrap();
    redis.command(&format!("SET parapet:rl:gcra:100000:3:-:alice {}", redis.micros() + day));
    let Verdict::Limited { after: Some(after) } = take(&limit, 1).await else { panic!() };
    assert_eq!(after, Duration::from_millis(100));
    assert!(redis.integer("PTTL parapet:rl:gcra:100000:3:-:alice") <= 1_300);
    let start = Instant::now();
    while take(&limit, 1).await != Verdict::Allowed {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn whatever_a_runner_answers_a_request_is_admitted_or_denied_within_bounds() {
    for (reply, expected) in [
        (0, 200),
        (2, 200),
        (3, 429), // more than the limit: an error, and closed
        (i64::MAX, 429),
        (-1, 429),
        (-7, 429),
        (i64::MIN, 429),
    ] {
        let runner = || runner_fn(move |_, _, _| Box::pin(async move { Ok(reply) }));
        let limiters = [
            RateLimiter::new(RedisFixedWindow::builder(runner()).max(2).build().unwrap()),
            RateLimiter::new(RedisSlidingWindow::builder(runner()).max(2).build().unwrap()),
            RateLimiter::new(RedisGcra::builder(runner()).rate(2).burst(2).build().unwrap()),
        ];
        for limiter in limiters {
            let limiter = limiter.headers(parapet_ratelimit::RateLimitHeaders::Both);
            let response = limiter.wrap(ok()).serve(request("10.0.0.1")).await;
            assert_eq!(response.status(), expected, "{reply} {limiter:?}");
            if let Some(seconds) = response.headers().get("retry-after") {
                let seconds: u64 = seconds.to_str().unwrap().parse().unwrap();
                assert!((1..=366 * 86_400).contains(&seconds), "{reply}: {seconds}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_panics_has_failed() {
    let calls = Arc::new(AtomicU32::new(0));
    let runner = runner_fn({
        let calls = Arc::clone(&calls);
        move |_, _, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            assert!(call.is_multiple_of(2), "at once");
            Box::pin(async { panic!("later") as Result<i64, BoxError> })
        }
    });
    let texts = Arc::new(std::sync::Mutex::new(Vec::new()));
    let builder = RedisFixedWindow::builder(runner).max(9).on_failure(OnFailure::Open).on_error({
        let texts = Arc::clone(&texts);
        move |error| {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            texts.lock().unwrap().push(cause.unwrap_or_else(|| error.to_string()));
        }
    });
    let limit = builder.build().unwrap();
    for _ in 0..8 {
        assert_eq!(take(&limit, 1).await, Verdict::Allowed);
    }
    let texts = texts.lock().unwrap();
    assert_eq!(texts[..5], ["the runner panicked"; 5]);
    assert_eq!(texts[5..], ["Redis was not asked, since it failed before"; 3]);
    assert_eq!(calls.load(Ordering::Relaxed), 5, "the breaker counts them");
}

/// Answers each call after a while, as if nothing was ever used.
fn slow(every: Duration) -> (impl RedisRunner, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let runner = runner_fn(move |_, _, args| {
        counted.fetch_add(1, Ordering::Relaxed);
        let left = args[1] - args[0];
        Box::pin(async move {
            tokio::time::sleep(every).await;
            Ok(left)
        })
    });
    (runner, calls)
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_lease_waits_no_longer_than_for_a_call() {
    for (max_batch, timeouts) in [(2, true), (1, false)] {
        let (runner, calls) = slow(Duration::from_millis(60));
        let late = Arc::new(AtomicU32::new(0));
        let builder = RedisFixedWindow::builder(runner).max(1_000).size(HOUR * 24 * 300);
        let builder = builder.lease(Lease::default().max_batch(max_batch)).on_error({
            let late = Arc::clone(&late);
            move |error| {
                assert!(matches!(error, RedisError::Timeout), "{error:?}");
                late.fetch_add(1, Ordering::Relaxed);
            }
        });
        let limit = Arc::new(builder.timeout(TIMEOUT).build().unwrap());
        let start = Instant::now();
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let limit = Arc::clone(&limit);
                tokio::spawn(async move { take(&*limit, 1).await })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
        assert!(start.elapsed() <= TIMEOUT * 3, "{:?}", start.elapsed());
        assert_eq!(late.load(Ordering::Relaxed) > 0, timeouts, "{max_batch}");
        // A batch of one is no batch: each asks for itself, at once.
        assert_eq!(calls.load(Ordering::Relaxed) == 50, max_batch == 1);
    }
}

#[tokio::test]
async fn a_cost_above_a_fixed_window_is_denied_without_a_call() {
    let runner = runner_fn(|_, _, _| Box::pin(async { Err("down".into()) }));
    let (builder, errors) = told(RedisFixedWindow::builder(runner).max(5));
    let limit = builder.on_failure(OnFailure::Open).build().unwrap();
    for cost in [6, u32::MAX] {
        let Verdict::Limited { after: Some(after) } = take(&limit, cost).await else { panic!() };
        assert!(after > Duration::ZERO && after <= Duration::from_secs(1), "{after:?}");
    }
    assert_eq!(errors.load(Ordering::Relaxed), 0);
    assert_eq!(take(&limit, 5).await, Verdict::Allowed);
    assert_eq!(errors.load(Ordering::Relaxed), 1);
}
