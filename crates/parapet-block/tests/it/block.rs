use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, StatusCode};
use parapet_block::Block;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, from_fn, handler_fn_with,
};

/// A terminal handler that counts its calls and answers with the path it saw.
fn counting(calls: &Arc<AtomicUsize>) -> Handler {
    handler_fn_with(Arc::clone(calls), |calls, request: Request| async move {
        calls.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Body::empty());
        let seen = HeaderValue::from_str(request.uri().path()).unwrap();
        response.headers_mut().insert("x-seen-path", seen);
        let asked = HeaderValue::from_str(request.original_target().as_str()).unwrap();
        response.headers_mut().insert("x-asked", asked);
        response
    })
}

fn stamp() -> impl Middleware {
    from_fn(|request, next| async move {
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-stamp", HeaderValue::from_static("1"));
        response
    })
}

fn request(path: &str) -> Request {
    http::Request::builder().uri(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_predicate_picks_the_branch_and_is_called_once() {
    for (matches, inner_calls, next_calls) in [(true, 1, 0), (false, 0, 1)] {
        let [predicate, inner, next] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let asked = Arc::clone(&predicate);
        let block = Block::new(move |_: &Request| {
            asked.fetch_add(1, Ordering::Relaxed);
            matches
        })
        .with(counting(&inner));
        block.wrap(counting(&next)).serve(request("/")).await;
        let calls = [&predicate, &inner, &next].map(|calls| calls.load(Ordering::Relaxed));
        assert_eq!(calls, [1, inner_calls, next_calls], "{matches}");
    }
}

#[tokio::test]
async fn what_falls_out_goes_on_unless_the_block_is_exclusive() {
    for (block, exclusive) in [
        (Block::new(|_| true), false),
        (Block::always(), false),
        (Block::new(|_| true), true),
        (Block::always(), true),
    ] {
        let next = Arc::new(AtomicUsize::new(0));
        let handler = block.with(stamp()).exclusive(exclusive).wrap(counting(&next));
        let response = handler.serve(request("/")).await;
        assert_eq!(response.headers()["x-stamp"], "1");
        if exclusive {
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            let body = response.into_body().collect(64).await.unwrap().into_data();
            assert_eq!(body, "404 page not found\n");
        } else {
            assert_eq!(response.status(), StatusCode::OK);
        }
        assert_eq!(next.load(Ordering::Relaxed), usize::from(!exclusive));
    }
}

#[tokio::test]
async fn an_exclusive_block_leaves_the_other_requests_alone() {
    let next = Arc::new(AtomicUsize::new(0));
    let handler = Block::new(|_| false).with(stamp()).exclusive(true).wrap(counting(&next));
    let response = handler.serve(request("/")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("x-stamp"));
    assert_eq!(next.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn next_sees_the_request_as_the_inner_chain_left_it() {
    let strip = from_fn(|mut request: Request, next| async move {
        request.set_path("/x").unwrap();
        next.run(request).await
    });
    let next = Arc::new(AtomicUsize::new(0));
    let outer = Block::always().with(Block::new(|_| true).with(strip));
    let response = outer.wrap(counting(&next)).serve(request("/api/x?q")).await;
    assert_eq!(response.headers()["x-seen-path"], "/x");
    assert_eq!(response.headers()["x-asked"], "/api/x?q");
    assert_eq!(next.load(Ordering::Relaxed), 1);
}

#[test]
fn a_block_without_layers_is_no_layer() {
    let next = counting(&Arc::default());
    assert!(Block::new(|_| true).wrap(next.clone()).is_same(&next));
    assert!(Block::always().wrap(next.clone()).is_same(&next));
    assert!(!Block::always().exclusive(true).wrap(next.clone()).is_same(&next));
}

#[test]
fn an_unconditional_block_is_its_inner_chain() {
    let inner = counting(&Arc::default());
    let block = Block::always().with(inner.clone());
    assert!(block.wrap(counting(&Arc::default())).is_same(&inner));
}

#[test]
fn it_can_be_shared_and_printed() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let block = Block::new(|_| true).with(stamp()).exclusive(true);
    is_shareable(&block);
    assert_eq!(format!("{block:?}"), "Block { always: false, layers: 1, exclusive: true }");
}
