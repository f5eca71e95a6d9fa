use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use parapet_core::{Body, Handler, Middleware, Response, ResponseFuture, handler_fn};
use parapet_ratelimit::{
    Event, Outcome, RateLimiter, Verdict, concurrent, concurrent_queue, fixed_window_per_hour,
    leaky_bucket,
};

use crate::fixtures::{Scripted, ok, request, status, text, wrap};

const LIMITED: Verdict = Verdict::Limited { after: None };

#[tokio::test]
async fn an_admitted_request_is_taken_and_put_once_by_the_key_of_the_key_function() {
    let strategy = Scripted::new(Verdict::Allowed);
    let limiter = RateLimiter::new(strategy.clone()).key(|_| Some("alice"));
    let response = wrap(&limiter).serve(request("10.0.0.1")).await;
    assert_eq!(text(response).await, "ok");
    assert_eq!(strategy.calls(), ["take Key(5 bytes)", "put Key(5 bytes)"]);
}

#[tokio::test]
async fn a_limited_request_goes_to_the_exceeded_handler_and_no_further() {
    let strategy = Scripted::limited(Duration::from_secs(2));
    let limiter = RateLimiter::new(strategy.clone()).name("api").exceeded(|_, exceeded| {
        let text = format!("{} {:?}", exceeded.name, exceeded.after);
        ResponseFuture::ready(Response::new(text.into()))
    });
    let handler = limiter.wrap(handler_fn(|_| async { panic!("called next") as Response }));
    assert_eq!(text(handler.serve(request("10.0.0.1")).await).await, "api 2s");
    assert_eq!(strategy.calls(), ["take Key(10.0.0.1)", "after Key(10.0.0.1)"]);
}

#[tokio::test]
async fn the_default_answer_rounds_retry_after_up() {
    for (after, expected) in [
        (Duration::from_secs(2), Some("2")),
        (Duration::ZERO, None),
        (Duration::from_millis(800), Some("1")),
        (Duration::new(2, 1), Some("3")),
        (Duration::from_millis(2_100), Some("3")),
        (Duration::MAX, Some("31622400")),
    ] {
        let handler = wrap(&RateLimiter::new(Scripted::limited(after)));
        let response = handler.serve(request("10.0.0.1")).await;
        assert_eq!(response.status(), 429);
        let sent = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(sent, expected, "{after:?}");
        assert_eq!(text(response).await, "Too Many Requests\n");
    }
}

#[tokio::test]
async fn jitter_stays_within_its_share() {
    let strategy = Scripted::limited(Duration::from_secs(100));
    let handler = wrap(&RateLimiter::new(strategy).retry_jitter(0.5));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let response = handler.serve(request("10.0.0.1")).await;
        let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((100..=150).contains(&seconds), "{seconds}");
        seen.insert(seconds);
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[tokio::test]
async fn a_problem_names_the_policy() {
    let limiter = RateLimiter::new(Scripted::new(LIMITED)).name("a\"b/ü").problem_json(true);
    let response = wrap(&limiter).serve(request("10.0.0.1")).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    insta::assert_snapshot!(text(response).await, @r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Too Many Requests","status":429,"violated-policies":["a_b__"]}"#);
}

#[tokio::test]
async fn observe_hears_each_decision_once_whatever_else_is_set() {
    for release in [false, true] {
        for (verdict, expected) in [(Verdict::Allowed, "allowed"), (LIMITED, "limited")] {
            let heard = Arc::new(Mutex::new(Vec::new()));
            let limiter = RateLimiter::new(Scripted::new(verdict))
                .name("api")
                .release_on_write_header(release)
                .release_on_hijacked(release)
                .exceeded(|_, _| ResponseFuture::ready(Response::new("no".into())))
                .observe({
                    let heard = Arc::clone(&heard);
                    move |event: &Event<'_>| {
                        let line = format!("{} {}", event.name, event.outcome.as_str());
                        heard.lock().unwrap().push(line);
                    }
                });
            text(wrap(&limiter).serve(request("10.0.0.1")).await).await;
            assert_eq!(*heard.lock().unwrap(), [format!("api {expected}")]);
        }
    }
    assert_eq!(Outcome::ShadowLimited.as_str(), "shadow_limited");
}

#[tokio::test]
async fn a_hook_that_panics_changes_nothing_but_its_own_answer() {
    let allowed = || RateLimiter::new(Scripted::new(Verdict::Allowed));
    let limited = || RateLimiter::new(Scripted::new(LIMITED));
    let rows = [
        ("observe", allowed().observe(|_| panic!("observe")), 200),
        ("observe, limited", limited().observe(|_| panic!("observe")), 429),
        ("key", allowed().key(|_| -> Option<String> { panic!("key") }), 500),
        ("cost", allowed().cost(|_| panic!("cost")), 500),
        ("skip", allowed().skip(|_| panic!("skip")), 500),
        ("exceeded", limited().exceeded(|_, _| panic!("exceeded")), 429),
        (
            "exceeded, later",
            limited().exceeded(|_, _| ResponseFuture::new(async { panic!("exceeded") })),
            429,
        ),
    ];
    for (hook, limiter, expected) in rows {
        assert_eq!(status(&wrap(&limiter), "10.0.0.1").await, expected, "{hook}");
    }
}

#[tokio::test]
async fn a_slot_is_given_back_at_the_end_of_the_body_or_at_the_head() {
    for (at_head, expected) in [(false, 0), (true, 1)] {
        let strategy = Scripted::new(Verdict::Allowed);
        let limiter = RateLimiter::new(strategy.clone()).release_on_write_header(at_head);
        let (sender, body) = Body::channel(1);
        let body = Mutex::new(Some(body));
        let handler = limiter.wrap(handler_fn(move |_| {
            let body = body.lock().unwrap().take().unwrap();
            async move { Response::new(body) }
        }));
        let puts = || strategy.calls().iter().filter(|call| call.starts_with("put")).count();
        let mut response = handler.serve(request("10.0.0.1")).await;
        assert_eq!(puts(), expected, "{at_head}");
        sender.data(Bytes::from_static(b"x")).await.unwrap();
        response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(puts(), expected, "{at_head}");
        sender.finish().await.unwrap();
        while let Some(Ok(_)) = response.body_mut().frame().await {}
        assert_eq!(puts(), 1, "{at_head}");
        drop(response);
        assert_eq!(puts(), 1, "{at_head}");
    }
}

struct PanicsAtOnce;

impl parapet_core::Serve for PanicsAtOnce {
    fn serve(&self, _: parapet_core::Request) -> ResponseFuture {
        panic!("at once")
    }
}

#[tokio::test]
async fn a_slot_is_given_back_when_the_request_is_dropped_or_its_handler_panics() {
    let pending = handler_fn(|_| std::future::pending::<Response>());
    let panics = handler_fn(|_| async { panic!("handler") as Response });
    for (row, next) in [(0, pending), (1, panics), (2, Handler::new(PanicsAtOnce))] {
        for flag in [false, true] {
            let strategy = Scripted::new(Verdict::Allowed);
            let limiter = RateLimiter::new(strategy.clone()).release_on_write_header(flag);
            let handler = limiter.wrap(next.clone());
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let mut answer = handler.serve(request("10.0.0.1"));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                std::pin::Pin::new(&mut answer).poll(&mut cx).is_pending()
            }));
            assert_eq!(caught.is_ok(), row == 0);
            assert_eq!(strategy.calls().len(), 2, "{row}: {:?}", strategy.calls());
        }
    }
}

#[tokio::test]
async fn nothing_is_put_for_denied_requests_and_for_strategies_that_do_not_ask_for_it() {
    let denied = Scripted::new(LIMITED);
    let unasked = Scripted { puts: false, ..Scripted::new(Verdict::Allowed) };
    for strategy in [denied, unasked] {
        status(&wrap(&RateLimiter::new(strategy.clone())), "10.0.0.1").await;
        assert!(!strategy.calls().iter().any(|call| call.starts_with("put")));
    }
}

#[tokio::test]
async fn skipped_requests_keyless_ones_and_those_that_cost_nothing_touch_no_state() {
    let events = Arc::new(AtomicU32::new(0));
    let strategy = Scripted::new(LIMITED);
    let limiter = || {
        let events = Arc::clone(&events);
        RateLimiter::new(strategy.clone()).observe(move |_| {
            events.fetch_add(1, Ordering::Relaxed);
        })
    };
    let rows = [
        (limiter().skip(|_| true), 0),
        (limiter().key(|_| None::<String>), 0),
        (limiter().cost(|_| 0), 1),
    ];
    for (limiter, expected) in rows {
        events.store(0, Ordering::Relaxed);
        assert_eq!(status(&wrap(&limiter), "10.0.0.1").await, 200);
        assert_eq!(events.load(Ordering::Relaxed), expected);
    }
    assert!(strategy.calls().is_empty());
}

#[tokio::test]
async fn a_cost_of_three_passes_three_times_in_ten() {
    let limiter = fixed_window_per_hour(10).cost(|request| {
        request.headers().get("x-cost").map_or(1, |cost| cost.to_str().unwrap().parse().unwrap())
    });
    let handler = wrap(&limiter);
    let mut seen = Vec::new();
    for cost in ["3", "3", "3", "3", "1", "1", "11"] {
        let mut request = request("10.0.0.1");
        request.headers_mut().insert("x-cost", cost.parse().unwrap());
        seen.push(handler.serve(request).await.status().as_u16());
    }
    assert_eq!(seen, [200, 200, 200, 429, 200, 429, 429]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_and_changes_nothing() {
    let hour = Duration::from_secs(3_600);
    let limiters = [
        (fixed_window_per_hour(1), 4),
        (concurrent(0), 5),
        (leaky_bucket(hour, 1).unwrap(), 0),
        (concurrent_queue(1, 1).unwrap(), 0),
    ];
    for (limiter, expected) in limiters {
        let shadows = Arc::new(AtomicU32::new(0));
        let limiter =
            limiter.dry_run(true).headers(parapet_ratelimit::RateLimitHeaders::Both).observe({
                let shadows = Arc::clone(&shadows);
                move |event| {
                    assert_ne!(event.outcome, Outcome::Limited);
                    shadows.fetch_add(
                        u32::from(event.outcome == Outcome::ShadowLimited),
                        Ordering::Relaxed,
                    );
                }
            });
        let before = tokio::time::Instant::now();
        let (handler, bare) = (wrap(&limiter), ok());
        for _ in 0..5 {
            let (with, without) =
                (handler.serve(request("10.0.0.1")).await, bare.serve(request("10.0.0.1")).await);
            assert_eq!((with.status(), with.headers()), (without.status(), without.headers()));
            assert_eq!(text(with).await, text(without).await);
        }
        assert_eq!(before.elapsed(), Duration::ZERO, "nothing waits");
        assert_eq!(shadows.load(Ordering::Relaxed), expected, "{limiter:?}");
    }
}

#[test]
fn limiters_are_send_and_sync_and_show_no_key() {
    fn check<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let limiter = fixed_window_per_hour(1);
    check(&limiter);
    check(&parapet_ratelimit::Limits::new(|_| Some("secret")).add(limiter));
}
