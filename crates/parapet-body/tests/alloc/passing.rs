use std::future::Future;
use std::pin::pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use parapet_body::{buffer_request, limit_request};
use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_testkit::stats_alloc::Region;

use super::{ALLOCATOR, memory::COUNTING};

/// Answers after one boxed future.
struct Origin;

impl Serve for Origin {
    fn serve(&self, request: Request) -> ResponseFuture {
        ResponseFuture::new(async { Response::new(request.into_body()) })
    }
}

/// The fewest of many runs.
fn cost(layer: Option<&dyn Middleware>, body: impl Fn() -> Body) -> usize {
    let origin = Handler::new(Origin);
    let handler = layer.map_or(origin.clone(), |layer| layer.wrap(origin));
    let run = |_| {
        let request = Request::new(body());
        let region = Region::new(ALLOCATOR);
        let mut answer = pin!(handler.serve(request));
        let Poll::Ready(response) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("the origin does not wait")
        };
        let change = region.change();
        drop(response);
        change.allocations + change.reallocations
    };
    (0..200).map(run).min().unwrap()
}

/// What it is, layer, body, allocations.
type Row<'a> = (&'a str, &'a dyn Middleware, &'a dyn Fn() -> Body, usize);

#[test]
fn bodies_that_need_no_work_cost_nothing() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let (limit, buffer) = (limit_request(5), buffer_request());
    let unknown = || Body::channel(1).1;
    let rows: [Row<'_>; 6] = [
        ("limit, empty", &limit, &Body::empty, 0),
        ("limit, known length", &limit, &|| Body::full("12345"), 0),
        ("limit, unknown length", &limit, &unknown, 3),
        ("buffer, empty", &buffer, &Body::empty, 0),
        ("buffer, in memory", &buffer, &|| Body::full("12345"), 0),
        ("both, empty", &(limit.clone(), buffer.clone()), &Body::empty, 0),
    ];
    for (what, layer, body, allocations) in rows {
        assert_eq!(cost(Some(layer), body) - cost(None, body), allocations, "{what}");
    }
}
