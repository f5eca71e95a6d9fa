use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parapet_core::{Body, BoxFuture, Deadline, Request, RequestHead, Response};
use parapet_upstream::{
    Attempt, Balancer, ConnectErrorKind, Error, RetryBudget, RoundRobin, RoundTrip, ShedReason,
    Target, TimeoutKind, Transport, Upstream,
};
use tokio::time::Instant;

use crate::support::{Backend, Silent, get, request, serve, status, streamed};

fn broken() -> Error {
    Error::Closed { reused: false, bytes_sent: true }
}

fn refused() -> Error {
    Error::Connect { kind: ConnectErrorKind::Refused, source: None }
}

fn post(body: Body) -> Request {
    request("POST", "/").body(body).unwrap()
}

/// Attempts and waiting of one request.
async fn check(upstream: &Upstream, backend: &Backend, request: Request) -> (usize, u128, u16) {
    let (before, start) = (backend.seen().len(), Instant::now());
    let response = serve(upstream, request).await;
    (backend.seen().len() - before, start.elapsed().as_millis(), response.status().as_u16())
}

#[tokio::test(start_paused = true)]
async fn failed_attempt_is_repeated_by_method_and_body() {
    let backend = Backend::failing(broken());
    let upstream = backend.upstream();
    assert_eq!(check(&upstream, &backend, get("/")).await, (4, 350, 502));
    for (method, body, attempts) in [
        ("HEAD", Body::empty(), 4),
        ("OPTIONS", Body::empty(), 4),
        ("TRACE", Body::empty(), 4),
        ("POST", Body::empty(), 1),
        ("PUT", Body::from("x"), 1),
        ("DELETE", Body::empty(), 1),
        ("GET", Body::from("x"), 4),
        ("GET", Body::replayable(|| Body::from("x")), 4),
        ("GET", streamed("x"), 1),
    ] {
        let row = format!("{method} {body:?}");
        let request = request(method, "/").body(body).unwrap();
        assert_eq!(check(&upstream, &backend, request).await.0, attempts, "{row}");
    }
    let backoff = upstream.clone().backoff_factor(Duration::from_secs(1));
    let capped = backoff.clone().max_backoff(Duration::from_secs(2)).retries(4);
    assert_eq!(check(&backoff, &backend, get("/")).await, (4, 7_000, 502));
    assert_eq!(check(&capped, &backend, get("/")).await, (5, 7_000, 502));
    assert_eq!(check(&upstream.clone().retries(0), &backend, get("/")).await, (1, 0, 502));
}

#[tokio::test(start_paused = true)]
async fn what_another_attempt_cannot_mend_is_final() {
    for error in [
        Error::Unavailable { reason: ShedReason::AllOpen },
        Error::Timeout(TimeoutKind::Deadline),
        Error::Canceled,
    ] {
        let backend = Backend::failing(error.clone());
        let (attempts, waited, _) = check(&backend.upstream(), &backend, get("/")).await;
        assert_eq!((attempts, waited), (1, 0), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_policy_replaces_the_rule_by_method_only() {
    let backend = Backend::failing(broken());
    let upstream = backend.upstream().retry_policy(|head| head.method == "PUT");
    let put = |body| request("PUT", "/").body(body).unwrap();
    assert_eq!(check(&upstream, &backend, put(Body::from("x"))).await.0, 4);
    assert_eq!(check(&upstream, &backend, put(streamed("x"))).await.0, 1);
    assert_eq!(check(&upstream, &backend, get("/")).await.0, 1);
    let panics = backend.upstream().retry_policy(|_| panic!("oops"));
    assert_eq!(check(&panics, &backend, get("/")).await, (1, 0, 502));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_sends_the_whole_body() {
    let backend = Backend::failing(broken());
    for body in [Body::from("hello"), Body::replayable(|| Body::from("hello"))] {
        let request = request("GET", "/").body(body).unwrap();
        assert_eq!(check(&backend.upstream(), &backend, request).await.0, 4);
    }
    assert!(backend.seen().iter().all(|seen| seen.body == "hello"));
}

#[tokio::test(start_paused = true)]
async fn head_of_any_status_is_a_success() {
    let backend = Backend::new(|_| Ok(status(502)));
    assert_eq!(check(&backend.upstream(), &backend, get("/")).await, (1, 0, 502));
}

#[tokio::test(start_paused = true)]
async fn recovered_upstream_answers() {
    let backend = Backend::new(|n| if n < 2 { Err(broken()) } else { Ok(status(200)) });
    assert_eq!(check(&backend.upstream(), &backend, get("/")).await, (3, 150, 200));
}

/// Targets that one request went to, while others took the turns in between: after each attempt the turn is again at
/// the target that was just tried.
async fn tried(targets: impl Fn(&Backend) -> Vec<Target>, retries: u32) -> Vec<String> {
    let balancer = Arc::new(OnceLock::<RoundRobin>::new());
    let others = balancer.clone();
    let backend = Backend::new(move |_| {
        let balancer = others.get().unwrap();
        for _ in 1..balancer.target_set().unwrap().load().len() {
            balancer.pick(&get("/").into_parts().0, &Attempt::new()).unwrap();
        }
        Err(broken())
    });
    let balancer = balancer.get_or_init(|| RoundRobin::new(targets(&backend)));
    serve(&Upstream::new(balancer.clone()).retries(retries), get("/")).await;
    backend.seen().into_iter().map(|seen| seen.target.unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn retry_goes_to_a_target_that_was_not_tried() {
    let targets = |backend: &Backend| ["a", "b", "c"].map(|name| backend.target(name)).into();
    assert_eq!(tried(targets, 2).await, ["a", "b", "c"]);
    let backup =
        |backend: &Backend| vec![backend.target("a"), backend.target("backup").priority(1)];
    assert_eq!(
        tried(backup, 2).await,
        ["a", "a", "a"],
        "a lower priority is for targets that are down"
    );
}

#[tokio::test(start_paused = true)]
async fn wait_that_would_pass_the_deadline_is_not_begun() {
    let backend = Backend::failing(broken());
    let mut request = get("/");
    request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_millis(100)));
    assert_eq!(check(&backend.upstream(), &backend, request).await, (2, 50, 502));
}

#[tokio::test(start_paused = true)]
async fn per_try_timeout_ends_an_attempt_and_the_deadline_the_request() {
    let upstream = Upstream::single_host("app", Transport::custom(Silent)).unwrap();
    let upstream = upstream.per_try_timeout(Duration::from_secs(1));
    let start = Instant::now();
    assert_eq!(serve(&upstream, get("/")).await.status(), 504);
    assert_eq!(start.elapsed().as_millis(), 4 * 1_000 + 350);

    let (start, mut request) = (Instant::now(), get("/"));
    request.extensions_mut().insert(Deadline(start + Duration::from_millis(1_500)));
    assert_eq!(serve(&upstream, request).await.status(), 504);
    assert_eq!(start.elapsed().as_millis(), 1_500);

    // Without a target in between.
    let bare = Upstream::new(Silent).per_try_timeout(Duration::from_secs(1)).retries(0);
    let start = Instant::now();
    assert_eq!(serve(&bare, get("/")).await.status(), 504);
    assert_eq!(start.elapsed().as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn response_is_retried_on_wish() {
    let with = |retry_after: Option<&'static str>| {
        Backend::new(move |_| {
            let mut response = status(503);
            if let Some(value) = retry_after {
                response.headers_mut().insert("retry-after", value.parse().unwrap());
            }
            Ok(response)
        })
    };
    for (retry_after, expected) in [
        (None, (4, 350, 503)),
        (Some("1"), (4, 3_000, 503)),
        (Some("0"), (4, 0, 503)),
        (Some("60"), (1, 0, 503)),
    ] {
        let backend = with(retry_after);
        let upstream = backend.upstream().retry_on(|head| head.status == 503);
        let seen = check(&upstream, &backend, get("/")).await;
        assert_eq!(seen, expected, "{retry_after:?}");
        let (attempts, ..) = check(&upstream, &backend, post(Body::empty())).await;
        assert_eq!(attempts, 1, "the rule by method stays");
    }
    let backend = with(None);
    let panics = backend.upstream().retry_on(|_| panic!("oops"));
    assert_eq!(check(&panics, &backend, get("/")).await, (1, 0, 503));
}

/// Refuses two attempts without reading their bodies.
struct Refusing(Backend);

impl RoundTrip for Refusing {
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        if at.index() < 2 {
            drop(body);
            return Box::pin(async { Err(refused()) });
        }
        self.0.round_trip(head, body, at)
    }
}

#[tokio::test(start_paused = true)]
async fn failed_connection_is_retried_for_every_method_on_wish() {
    for (retry, body, status) in [(false, "hello", 502), (true, "hello", 200)] {
        let backend = Backend::ok();
        let upstream = Upstream::single_host("app", Transport::custom(Refusing(backend.clone())))
            .unwrap()
            .retry_connect_failures(retry);
        let response = serve(&upstream, post(streamed(body))).await;
        assert_eq!(response.status(), status, "{retry}");
        if retry {
            assert_eq!(backend.only().body, body);
        }
    }
    // What was read once is gone.
    let backend = Backend::failing(refused());
    let upstream = backend.upstream().retry_connect_failures(true);
    assert_eq!(check(&upstream, &backend, post(streamed("x"))).await.0, 1);
    assert_eq!(check(&upstream, &backend, post(Body::from("x"))).await.0, 4);
}

/// Fails after a while; counts how many retries it has at a time.
#[derive(Clone, Default)]
struct Counting {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl RoundTrip for Counting {
    fn round_trip<'a>(
        &'a self,
        _head: &'a RequestHead,
        _body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async move {
            if at.retrying() {
                let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
                self.most.fetch_max(running, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            if at.retrying() {
                self.running.fetch_sub(1, Ordering::Relaxed);
            }
            Err(broken())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn budget_bounds_the_retries_that_run_at_a_time() {
    for (budget, expected) in [
        (RetryBudget::new(), 20),
        (RetryBudget::new().percent(1).min_concurrent(3), 3),
        (RetryBudget::new().percent(1).min_concurrent(0), 1),
    ] {
        let counting = Counting::default();
        let upstream = Upstream::single_host("app", Transport::custom(counting.clone()))
            .unwrap()
            .retries(1)
            .retry_budget(budget);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let upstream = upstream.clone();
            tasks.spawn(async move { serve(&upstream, get("/")).await.status() });
        }
        while let Some(status) = tasks.join_next().await {
            assert_eq!(status.unwrap(), 502);
        }
        assert_eq!(counting.most.load(Ordering::Relaxed), expected, "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_in_the_wait_ends_it() {
    let backend = Backend::failing(broken());
    let upstream = backend.upstream().backoff_factor(Duration::from_secs(5));
    let left = tokio::time::timeout(Duration::from_secs(1), serve(&upstream, get("/"))).await;
    assert!(left.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn times_that_no_clock_reaches_are_no_limits() {
    let backend = Backend::failing(refused());
    let upstream = backend.upstream().per_try_timeout(Duration::MAX);
    let upstream = upstream.backoff_factor(Duration::MAX).max_backoff(Duration::MAX);
    let mut request = get("/");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
    request.extensions_mut().insert(parapet_core::Deadline(deadline));
    assert_eq!(serve(&upstream, request).await.status(), 502);
    assert_eq!(backend.seen().len(), 1, "no wait is begun that would pass the deadline");
}
