use parapet_core::{Body, BoxFuture, Handler, Middleware, RequestHead, Response, handler_fn};
use parapet_upstream::{Attempt, Error, RoundRobin, RoundTrip, Target, Transport, Upstream};
use stats_alloc::Region;

use crate::support::get;

/// Answers without an allocation but that of its future.
struct Cheap;

impl RoundTrip for Cheap {
    fn round_trip<'a>(
        &'a self,
        _head: &'a RequestHead,
        _body: Body,
        _at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async { Ok(Response::new(Body::empty())) })
    }
}

/// The fewest allocations of a number of requests: other tests allocate beside this one at times.
fn fewest_allocations(handler: &Handler) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut fewest = usize::MAX;
        for _ in 0..200 {
            let request = get("/path?query");
            let region = Region::new(crate::ALLOCATOR);
            let response = handler.serve(request).await;
            let change = region.change();
            assert_eq!(response.status(), 200);
            fewest = fewest.min(change.allocations + change.reallocations);
        }
        fewest
    })
}

#[test]
fn proxy_costs_one_future() {
    let next = handler_fn(|_| async { http::StatusCode::NOT_FOUND });
    let target = |host| Target::new(host, Transport::custom(Cheap)).unwrap();
    // One box of the proxy, one that any custom transport makes.
    let rows = [
        ("single host", Upstream::single_host("a", Transport::custom(Cheap)).unwrap(), 2),
        ("round robin", Upstream::new(RoundRobin::new([target("a"), target("b")])), 2),
        ("hook", Upstream::new(Cheap).on_round_trip(|_, _| {}), 2),
        (
            "host",
            Upstream::single_host("a", Transport::custom(Cheap)).unwrap().host("x").unwrap(),
            2,
        ),
    ];
    for (row, upstream, expected) in rows {
        assert_eq!(fewest_allocations(&upstream.wrap(next.clone())), expected, "{row}");
    }
}
