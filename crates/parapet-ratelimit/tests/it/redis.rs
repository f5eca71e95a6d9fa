#![cfg(feature = "redis")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parapet_core::Middleware;
use parapet_ratelimit::{
    Decision, FixedWindow, Key, Lease, OnFailure, RateLimitHeaders, RateLimiter, RedisBuilder,
    RedisError, RedisFixedWindow, RedisGcra, RedisSlidingWindow, Strategy, Verdict,
    redis_fixed_window_per_hour, redis_fixed_window_per_minute, redis_fixed_window_per_second,
    redis_gcra, redis_sliding_window, runner_fn,
};
use tokio::time::Instant;

use crate::fixtures::{ok, request, status};
use crate::redis_server::RedisServer;

const HOUR: Duration = Duration::from_secs(3_600);
const LONG: Duration = Duration::from_secs(10);
/// What a machine with other work may take longer.
const BUSY: Duration = Duration::from_millis(400);

async fn take(strategy: &impl Strategy, key: &str, cost: u32) -> Verdict {
    match strategy.take(&Key::from(key.to_owned()), cost) {
        Decision::Ready(verdict) => verdict,
        Decision::Wait(verdict) => verdict.await,
    }
}

async fn passes(strategy: &impl Strategy, key: &str) -> bool {
    take(strategy, key, 1).await == Verdict::Allowed
}

/// How long a denied request has to wait.
async fn after(strategy: &impl Strategy, key: &str) -> Duration {
    match take(strategy, key, 1).await {
        Verdict::Limited { after } => after.unwrap(),
        Verdict::Allowed => panic!("admitted"),
    }
}

/// Counts the errors that a limit tells, by kind.
fn counted(
    builder: RedisBuilder<RedisFixedWindow>,
) -> (RedisBuilder<RedisFixedWindow>, Arc<[AtomicU32; 5]>) {
    let counts = Arc::<[AtomicU32; 5]>::default();
    let builder = builder.on_error({
        let counts = Arc::clone(&counts);
        move |error| {
            let kind = match error {
                RedisError::Timeout => 0,
                RedisError::Runner(_) => 1,
                RedisError::InvalidReply(_) => 2,
                RedisError::Skipped => 3,
                _ => 4,
            };
            counts[kind].fetch_add(1, Ordering::Relaxed);
        }
    });
    (builder, counts)
}

fn numbers(counts: &[AtomicU32; 5]) -> [u32; 5] {
    std::array::from_fn(|kind| counts[kind].load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_limits_count_in_redis_under_a_key_of_their_own() {
    let redis = RedisServer::start();
    let runner = redis.runner().await;
    let rows = [
        (redis_fixed_window_per_second(runner.clone(), 2), 1_000),
        (redis_fixed_window_per_minute(runner.clone(), 2), 60_000),
        (redis_fixed_window_per_hour(runner.clone(), 2), 3_600_000),
    ];
    for (limiter, size) in rows {
        let handler = limiter.wrap(ok());
        loop {
            redis.command("FLUSHALL");
            let mut seen = Vec::new();
            for client in ["10.0.0.1", "10.0.0.1", "10.0.0.1"] {
                seen.push(status(&handler, client).await);
            }
            let keys = redis.command("DBSIZE");
            if seen == [200, 200, 429] && keys == ":1\r\n" {
                break;
            }
            // The end of a window fell between: no third try of the same size can.
            assert!(size == 1_000 || seen == [200, 200, 200], "{seen:?} {keys}");
        }
        let key = redis.key();
        assert!(key.starts_with(&format!("parapet:rl:fw:{size}:-:10.0.0.1:")), "{key}");
        let epoch: u64 = key.rsplit(':').next().unwrap().parse().unwrap();
        let now = redis.micros() / 1_000 / size;
        assert!(epoch.abs_diff(now) <= 1, "{epoch} {now}");
        let ttl = redis.integer(&format!("PTTL {key}"));
        assert!(ttl <= i64::try_from(size).unwrap() + 1_000 && ttl >= 900, "{ttl}");
        assert_eq!(status(&handler, "10.0.0.2").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_processes_admit_exactly_the_limit_together() {
    let redis = RedisServer::start();
    for leased in [false, true] {
        redis.command("FLUSHALL");
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let builder =
                RedisFixedWindow::builder(redis.runner().await.timeout(LONG)).max(100).size(HOUR);
            let builder = builder.timeout(LONG);
            let builder = if leased { builder.lease(Lease::default()) } else { builder };
            let limit = Arc::new(builder.build().unwrap());
            for _ in 0..4 {
                let limit = Arc::clone(&limit);
                tasks.push(tokio::spawn(async move {
                    let mut passed = 0;
                    for _ in 0..50 {
                        passed += u32::from(passes(&limit, "alice").await);
                    }
                    passed
                }));
            }
        }
        let mut passed = 0;
        for task in tasks {
            passed += task.await.unwrap();
        }
        if leased {
            assert!((100 - 4 * 5..=100).contains(&passed), "{passed}");
        } else {
            assert_eq!(passed, 100);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_window_admits_again_and_names_part_limits() {
    let redis = RedisServer::start();
    let runner = redis.runner().await;
    let limit = |name: &'static str| {
        let builder = RedisFixedWindow::builder(runner.clone()).max(1);
        let limit = builder.size(Duration::from_millis(500)).build().unwrap();
        RateLimiter::new(limit).name(name).wrap(ok())
    };
    let (a, b) = (limit("a"), limit("b"));
    let start = Instant::now();
    let mut seen = Vec::new();
    while seen.iter().filter(|status| **status == 200).count() < 3 {
        seen.push(status(&a, "10.0.0.1").await);
        assert!(start.elapsed() < Duration::from_secs(20), "{seen:?}");
    }
    assert!(seen.contains(&429));
    assert_eq!(status(&b, "10.0.0.1").await, 200);
    assert!(start.elapsed() >= Duration::from_millis(500), "three windows have two edges");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_down_the_setting_decides_at_once_and_afterwards_the_limit_again() {
    let mut redis = RedisServer::start();
    let timeout = Duration::from_millis(100);
    let mut rows = Vec::new();
    for (key, on_failure, expected) in [
        ("alice", OnFailure::Open, true),
        ("bob", OnFailure::Closed, false),
        ("eve", OnFailure::local(FixedWindow::per_hour(1_000_000)), true),
    ] {
        let builder = RedisFixedWindow::builder(redis.runner().await).max(3).size(HOUR);
        let (builder, errors) = counted(builder.timeout(timeout).on_failure(on_failure));
        let limit = builder.build().unwrap();
        assert!(passes(&limit, "before").await);
        rows.push((key, limit, expected, errors));
    }
    redis.kill();
    for (key, limit, expected, errors) in &rows {
        for asked in 1..=50 {
            let start = Instant::now();
            assert_eq!(passes(limit, key).await, *expected);
            let took = start.elapsed();
            assert!(took < timeout + BUSY, "{took:?}");
            assert_eq!(numbers(errors).iter().sum::<u32>(), asked, "an error a request");
        }
        let [.., skipped, _] = numbers(errors);
        assert!(skipped >= 40, "{:?}", numbers(errors));
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let start = Instant::now();
            passes(limit, key).await;
            best = best.min(start.elapsed());
        }
        assert!(best < Duration::from_millis(1), "{best:?}");
    }
    redis.restart();
    let start = Instant::now();
    for (key, limit, expected, errors) in &rows {
        // A decision by Redis: no error is told.
        let mut before = numbers(errors);
        loop {
            let began = Instant::now();
            let passed = passes(limit, key).await;
            assert!(began.elapsed() < timeout + BUSY, "{:?}", began.elapsed());
            if numbers(errors) == before {
                assert!(passed, "{key}: what failed was not sent later");
                break;
            }
            assert_eq!(passed, *expected);
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            before = numbers(errors);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut passed = 1;
        for _ in 0..10 {
            passed += u32::from(passes(limit, key).await);
        }
        assert!(passed <= 3, "{passed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_never_answers_is_left_after_the_timeout() {
    let runner = runner_fn(|_, _, _| Box::pin(std::future::pending()));
    let builder = RedisFixedWindow::builder(runner).max(1).timeout(Duration::from_millis(20));
    let (builder, errors) = counted(builder.on_failure(OnFailure::Open).breaker(None));
    let limit = builder.build().unwrap();
    for asked in 1..=10 {
        let start = Instant::now();
        assert!(passes(&limit, "alice").await);
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(15) && took <= Duration::from_millis(25), "{took:?}");
        assert_eq!(numbers(&errors), [asked, 0, 0, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_lets_one_probe_through_after_its_pause() {
    let calls = Arc::new(AtomicU32::new(0));
    let runner = runner_fn({
        let calls = Arc::clone(&calls);
        move |_, _, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { if call < 6 { Err("down".into()) } else { Ok(0) } })
        }
    });
    let (builder, errors) = counted(RedisFixedWindow::builder(runner).max(9));
    let limit = builder.build().unwrap();
    for _ in 0..20 {
        assert!(!passes(&limit, "alice").await);
    }
    assert_eq!((calls.load(Ordering::Relaxed), numbers(&errors)), (5, [0, 5, 0, 15, 0]));
    tokio::time::advance(Duration::from_millis(1_001)).await;
    for _ in 0..20 {
        assert!(!passes(&limit, "alice").await);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    tokio::time::advance(Duration::from_millis(1_001)).await;
    assert!(passes(&limit, "alice").await && passes(&limit, "alice").await);
    assert_eq!(calls.load(Ordering::Relaxed), 8);
}

#[tokio::test]
async fn calls_at_once_are_bounded() {
    let runner = runner_fn(|_, _, _| Box::pin(std::future::pending()));
    let (builder, errors) = counted(RedisFixedWindow::builder(runner).max(9).timeout(HOUR));
    let limit = builder.build().unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting = Vec::new();
    for _ in 0..1_030 {
        let Decision::Wait(mut verdict) = limit.take(&Key::from("alice"), 1) else { panic!() };
        if verdict.as_mut().poll(&mut cx).is_pending() {
            waiting.push(verdict);
        }
    }
    assert_eq!((waiting.len(), numbers(&errors)), (1_024, [0, 0, 0, 0, 6]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_script_cache_a_wrong_type_and_a_wrong_answer_are_survived() {
    let redis = RedisServer::start();
    let runner = redis.runner().await;
    let (builder, errors) = counted(RedisFixedWindow::builder(runner.clone()).max(2).size(HOUR));
    let limit = builder.on_failure(OnFailure::Closed).build().unwrap();
    assert!(passes(&limit, "alice").await);
    redis.command("SCRIPT FLUSH");
    assert!(passes(&limit, "alice").await);
    assert!(!passes(&limit, "alice").await);
    assert_eq!(numbers(&errors), [0; 5]);

    let key = redis.key();
    redis.command("FLUSHALL");
    redis.command(&format!("LPUSH {} x", key.replace("alice", "bob")));
    assert!(!passes(&limit, "bob").await);
    assert_eq!(numbers(&errors), [0, 1, 0, 0, 0]);

    let wrong = runner_fn(|_, _, _| Box::pin(async { Ok(3) }));
    let (builder, errors) = counted(RedisFixedWindow::builder(wrong).max(2));
    let limit = builder.build().unwrap();
    assert!(!passes(&limit, "alice").await);
    assert_eq!(numbers(&errors), [0, 0, 1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_have_the_names_that_redis_gives_them() {
    let redis = RedisServer::start();
    let runner = redis.runner().await;
    let fixed = redis_fixed_window_per_hour(runner.clone(), 5).wrap(ok());
    let sliding = redis_sliding_window(runner.clone(), 5, HOUR).unwrap().wrap(ok());
    let gcra = redis_gcra(runner, 5, HOUR, 5).unwrap().wrap(ok());
    for handler in [fixed, sliding, gcra] {
        redis.command("SCRIPT FLUSH");
        redis.command("CONFIG RESETSTAT");
        for _ in 0..3 {
            status(&handler, "10.0.0.1").await;
        }
        let stats = redis.command("INFO commandstats");
        // The first did not know it, EVAL made it known, and the rest were found by name.
        assert!(stats.contains("cmdstat_eval:calls=1,"), "{stats}");
        assert!(stats.contains("cmdstat_evalsha:calls=3,"), "{stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sliding_window_in_redis_decides_as_the_one_in_memory() {
    let redis = RedisServer::start();
    let size = Duration::from_secs(10);
    let build = |max, size| async move { (max, size) };
    let (max, size) = build(10_u32, size).await;
    let hour = RedisSlidingWindow::builder(redis.runner().await).max(10).size(HOUR * 24 * 300);
    let hour = hour.build().unwrap();
    let mut passed = 0;
    for _ in 0..100 {
        passed += u32::from(passes(&hour, "alice").await);
    }
    assert_eq!(passed, 10);
    assert!(after(&hour, "alice").await > Duration::ZERO);

    let limit = RedisSlidingWindow::builder(redis.runner().await).max(max).size(size);
    let limit = limit.build().unwrap();
    let ms = u64::try_from(size.as_millis()).unwrap();
    // What the script says lies between what the rules say of the times before and after the call.
    for (prev, curr) in [(10, 0), (0, 10), (10, 5), (7, 9), (3, 10)] {
        let (before, waits, now) = loop {
            let before = redis.micros() / 1_000;
            redis.command(&format!(
                "HSET parapet:rl:sw:10000:-:bob w {} c {curr} p {prev}",
                before / ms
            ));
            let verdict = take(&limit, "bob", 1).await;
            let now = redis.micros() / 1_000;
            if before / ms == now / ms {
                break (before, verdict, now);
            }
        };
        let expected = |elapsed: u64| {
            let left = prev * (ms - elapsed) + (curr + 1) * ms;
            if left <= 10 * ms {
                0
            } else if curr < 10 {
                (ms - (9 - curr) * ms / prev).min(ms).saturating_sub(elapsed).max(1)
            } else {
                ms - elapsed + ms - 9 * ms / curr
            }
        };
        let waits = match waits {
            Verdict::Allowed => 0,
            Verdict::Limited { after } => u64::try_from(after.unwrap().as_millis()).unwrap(),
        };
        let (most, least) = (expected(before % ms) + 2, expected(now % ms).saturating_sub(2));
        assert!(least <= waits && waits <= most, "{prev} {curr}: {least} {waits} {most}");
    }
    // A window later, and two.
    for (back, expected) in [(1, 10), (2, 0)] {
        let window = redis.micros() / 1_000 / ms - back;
        redis.command(&format!("HSET parapet:rl:sw:10000:-:eve w {window} c 10 p 3"));
        take(&limit, "eve", 1).await;
        let answer = redis.command("HGET parapet:rl:sw:10000:-:eve p");
        let prev: u32 = answer.lines().nth(1).unwrap().parse().unwrap();
        let written = redis.command("HGET parapet:rl:sw:10000:-:eve w");
        let rolled = !written.contains(&window.to_string());
        assert!(prev == expected || !rolled && prev == 3, "{prev} {expected}");
    }
    let ttl = redis.integer("PTTL parapet:rl:sw:10000:-:eve");
    assert!(ttl > 10_000 && ttl <= 21_000, "{ttl}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gcra_in_redis_admits_a_burst_and_tells_the_wait() {
    let redis = RedisServer::start();
    let limit = RedisGcra::builder(redis.runner().await).rate(10).burst(10).period(HOUR);
    let limit = limit.build().unwrap();
    for _ in 0..10 {
        assert!(passes(&limit, "alice").await);
    }
    let waits = after(&limit, "alice").await;
    let slack = Duration::from_secs(10);
    assert!(waits <= HOUR / 10 && waits + slack >= HOUR / 10, "{waits:?}");
    let key = redis.key();
    assert_eq!(key, "parapet:rl:gcra:360000000:10:-:alice");
    let ttl = redis.integer(&format!("PTTL {key}"));
    assert!(ttl <= 3_601_000 && ttl > 3_590_000, "{ttl}");
    assert!(matches!(take(&limit, "alice", 11).await, Verdict::Limited { .. }));

    // A second of it: no more than burst and rate.
    let limit = RedisGcra::builder(redis.runner().await).rate(50).burst(10).build().unwrap();
    let (start, mut passed) = (redis.micros(), 0);
    while redis.micros() - start < 1_000_000 {
        passed += u64::from(passes(&limit, "bob").await);
    }
    let most = 10 + (redis.micros() - start) * 50 / 1_000_000 + 1;
    assert!(passed <= most && passed >= 50, "{passed} {most}");
}

#[tokio::test(start_paused = true)]
async fn clocks_of_the_processes_matter_to_the_fixed_window_alone() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let runner = || {
        let seen = Arc::clone(&seen);
        runner_fn(move |_, keys, args| {
            let key = String::from_utf8(keys[0].to_vec()).unwrap();
            seen.lock().unwrap().push((key, args.to_vec()));
            Box::pin(async { Ok(1) })
        })
    };
    let second = Duration::from_secs(1);
    let sliding = RedisSlidingWindow::builder(runner()).max(5).size(second).build().unwrap();
    let gcra = RedisGcra::builder(runner()).rate(5).burst(5).build().unwrap();
    let fixed = RedisFixedWindow::builder(runner()).max(5).size(second).build().unwrap();
    for _ in 0..2 {
        passes(&sliding, "alice").await;
        passes(&gcra, "alice").await;
        passes(&fixed, "alice").await;
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], seen[3]);
    assert_eq!(seen[1], seen[4]);
    assert_eq!(seen[2].1, seen[5].1);
    let epoch = |at: usize| seen[at].0.rsplit(':').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(epoch(5), epoch(2) + 10);
}

/// A counter for each key, as Redis has them, and how often it was asked.
fn counters() -> (impl parapet_ratelimit::RedisRunner, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let counters = std::sync::Mutex::new(std::collections::HashMap::<Vec<u8>, i64>::new());
    let runner = runner_fn(move |_, keys, args| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut counters = counters.lock().unwrap();
        let used = counters.entry(keys[0].to_vec()).or_default();
        let left = args[1] - *used - args[0];
        if left >= 0 {
            *used += args[0];
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(left.max(-1))
        })
    });
    (runner, calls)
}

#[tokio::test(start_paused = true)]
async fn a_denied_key_is_denied_without_a_call_until_its_window_ends() {
    let (runner, calls) = counters();
    let limit =
        RedisFixedWindow::builder(runner).max(2).size(Duration::from_secs(7)).build().unwrap();
    let mut passed = 0;
    for _ in 0..1_003 {
        passed += u32::from(passes(&limit, "alice").await);
    }
    assert_eq!((passed, calls.load(Ordering::Relaxed)), (2, 3));
    let left = limit.after(&Key::from("alice"), 1);
    assert!(left > Duration::ZERO && left <= Duration::from_secs(7));
    tokio::time::advance(left).await;
    assert!(passes(&limit, "alice").await);
    assert_eq!(limit.after(&Key::from("alice"), 1), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lease_saves_nearly_all_calls_of_a_hot_key() {
    let (runner, calls) = counters();
    let builder = RedisFixedWindow::builder(runner).max(8_000).lease(Lease::default());
    let limit = Arc::new(builder.build().unwrap());
    let mut passed = 0;
    for _ in 0..3_000 {
        let requests: Vec<_> = (0..10)
            .map(|_| {
                let limit = Arc::clone(&limit);
                tokio::spawn(async move { passes(&limit, "hot").await })
            })
            .collect();
        for request in requests {
            passed += u32::from(request.await.unwrap());
        }
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= 3 * 500, "{calls}");
    // Three seconds touch three or four windows; what is lost is less than a batch each.
    assert!(passed > 3 * 7_600 - 2_000 && passed <= 4 * 8_000, "{passed}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_lease_does_not_wait_for_one_that_went_away_or_failed() {
    let calls = Arc::new(AtomicU32::new(0));
    let runner = runner_fn({
        let calls = Arc::clone(&calls);
        move |_, _, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                match call {
                    0 => std::future::pending().await,
                    1 => {
                        tokio::task::yield_now().await;
                        Err("down".into())
                    }
                    _ => Ok(50),
                }
            })
        }
    });
    let builder = RedisFixedWindow::builder(runner).max(100).size(HOUR * 24 * 300);
    let (builder, errors) = counted(builder.lease(Lease::default().max_batch(4)).timeout(HOUR));
    let limit = builder.build().unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut start = || {
        let Decision::Wait(mut verdict) = limit.take(&Key::from("alice"), 1) else { panic!() };
        assert!(verdict.as_mut().poll(&mut cx).is_pending());
        verdict
    };
    let (first, second, third) = (start(), start(), start());
    drop(first); // it was fetching: the second takes over and fails, and the third hears of it
    let (second, third) = tokio::join!(second, third);
    for verdict in [second, third] {
        assert!(matches!(verdict, Verdict::Limited { .. }));
    }
    assert_eq!((calls.load(Ordering::Relaxed), numbers(&errors)), (2, [0, 1, 0, 1, 0]));
    assert!(passes(&limit, "alice").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_tell_what_redis_has_left() {
    let redis = RedisServer::start();
    let limiter =
        redis_fixed_window_per_hour(redis.runner().await, 2).headers(RateLimitHeaders::Ietf);
    let handler = limiter.wrap(ok());
    for expected in ["r=1;", "r=0;", "r=0;"] {
        let response = handler.serve(request("10.0.0.1")).await;
        let state = response.headers()["ratelimit"].to_str().unwrap();
        assert!(state.contains(expected), "{state}");
    }
}
