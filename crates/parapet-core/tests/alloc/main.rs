//! What the building blocks allocate: figures that do not depend on the machine.

use std::alloc::System;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::StatusCode;
use parapet_core::{
    Body, BodyEnd, BodyObserver, Chain, Cond, Handler, Middleware, Request, RequestExt as _,
    Response, ResponseFuture, Serve, Side, from_fn, handler_fn, path, plain_error,
    plain_error_owned,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// What connections cost.
#[cfg(test)]
mod server;
/// What clients make the server hold that begin and do not go on.
#[cfg(test)]
mod slow;
/// What hostile clients make the server hold, for a while.
#[cfg(test)]
mod soak;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test counts at a time.
static COUNTING: Mutex<()> = Mutex::new(());

/// Allocations of `act` alone. The thread of the test runner can only add to a count, so the least of many is right.
fn allocations<T, R>(prepare: impl Fn() -> T, act: impl Fn(T) -> R) -> usize {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let count = |_| {
        let prepared = prepare();
        let region = Region::new(ALLOCATOR);
        let result = black_box(act(prepared));
        let change = region.change();
        drop(result);
        change.allocations + change.reallocations
    };
    (0..1_000).map(count).min().unwrap_or(usize::MAX)
}

fn serve(handler: &Handler) -> usize {
    let respond = |request| {
        let response = handler.serve(request).now_or_never();
        assert!(response.is_some(), "there is nothing to wait for");
        response
    };
    allocations(request, respond)
}

fn request() -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/path");
    request
}

/// Answers without a future and without a field.
struct Ready;

impl Serve for Ready {
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::default())
    }
}

/// Looks at the request only.
struct Looks(Handler);

impl Serve for Looks {
    fn serve(&self, request: Request) -> ResponseFuture {
        black_box(request.uri());
        self.0.serve(request)
    }
}

fn looks(next: Handler) -> Handler {
    Handler::new(Looks(next))
}

#[test]
fn layers_that_look_at_the_request_only_cost_nothing() {
    let next = Handler::new(Ready);
    assert_eq!(serve(&next), 0);
    let none: Option<Chain> = None;
    let layers = Chain::new().with(looks).with((looks, looks)).with(none).with([looks; 3]);
    assert_eq!(serve(&layers.wrap(next.clone())), 0);
    let cond = Cond::new(|request: &Request| request.uri().path() == "/path", looks);
    assert_eq!(serve(&cond.otherwise(looks).wrap(next)), 0);
}

#[test]
fn each_layer_that_sees_the_response_costs_one_box() {
    let sees = || from_fn(|request, next| async move { next.run(request).await });
    let next = Handler::new(Ready);
    assert_eq!(serve(&sees().wrap(next.clone())), 1);
    assert_eq!(serve(&(sees(), looks, sees(), sees()).wrap(next)), 3);
    assert_eq!(serve(&handler_fn(|_| async { Response::default() })), 1);
}

#[cfg(feature = "tower")]
#[test]
fn a_tower_layer_costs_one_box() {
    use parapet_core::tower;
    use tower_http::set_header::SetResponseHeaderLayer;

    let set = SetResponseHeaderLayer::if_not_present(http::header::VIA, {
        let value: Option<http::HeaderValue> = None;
        move |_: &Response| value.clone()
    });
    assert_eq!(serve(&tower::layer(set).wrap(Handler::new(Ready))), 1);
}

#[test]
fn a_plain_error_costs_its_header_map_only() {
    let two_fields = allocations(Response::default, |mut response| {
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("text/plain"));
        headers.insert("x-content-type-options", http::HeaderValue::from_static("nosniff"));
        response
    });
    let known = allocations(|| "Bad Gateway", |text| plain_error(StatusCode::BAD_GATEWAY, text));
    assert_eq!(known, two_fields);
    let other = allocations(|| "out of tea", |text| plain_error(StatusCode::BAD_GATEWAY, text));
    assert_eq!(other, two_fields + 1, "the text with its newline");
    let owned = allocations(
        || {
            let mut text = String::with_capacity(8);
            text.push_str("7 bytes");
            text
        },
        |text| plain_error_owned(StatusCode::BAD_GATEWAY, text),
    );
    assert_eq!(owned, two_fields, "a text with room for its newline is not copied");
}

#[test]
fn facts_of_a_request_are_one_insertion_into_its_extensions() {
    let pattern: Arc<str> = Arc::from("/{id}");
    let one_insertion = allocations(request, |mut request| {
        request.extensions_mut().insert([0_u8; 64]);
        request
    });
    let set_all = |mut request: Request| {
        request.set_route(Arc::clone(&pattern));
        request.set_matched_host(Arc::clone(&pattern));
        request
    };
    assert_eq!(allocations(request, set_all), one_insertion);
    assert_eq!(allocations(|| set_all(request()), set_all), 0);
}

#[test]
fn paths_are_borrowed_or_copied_once() {
    let normal = |raw: &'static str| allocations(|| raw, |raw| path::normal(raw.as_bytes()));
    let resolve = |raw: &'static str| allocations(|| raw, path::resolve);
    assert_eq!((normal("/a/b.c/d"), resolve("/a/b.c/d")), (0, 0));
    assert_eq!((normal("/a%20b/c"), resolve("/a%20b/c")), (1, 0));
    assert_eq!((normal("/a//%2e%2E/b/./c/"), resolve("/a//%2e%2E/b/./c/")), (1, 1));
}

#[test]
fn what_a_body_carries_sits_inside_of_it() {
    struct Ignores;
    impl BodyObserver for Ignores {
        fn ended(&self, _side: Side, _end: BodyEnd<'_>) {}
    }
    let full = || Body::full(Bytes::from_static(b"data"));
    let observer: Arc<dyn BodyObserver> = Arc::new(Ignores);
    assert_eq!(allocations(full, |body| body.replay()), 0);
    let observe = |body: Body| body.observe(Arc::clone(&observer), Side::Request);
    assert_eq!(allocations(full, |body| observe(observe(body))), 0, "two observers inline");
    assert_eq!(allocations(full, |body| body.with_guard(7_u64)), 1, "the box of the guard");
    assert_eq!(allocations(full, |body| body.map_data(|data| data).keep_length()), 1);
    let collect = |body: Body| body.collect(100).now_or_never().expect("nothing to wait for");
    assert_eq!(allocations(full, collect), 0, "one frame is not copied");
}
